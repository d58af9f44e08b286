"""The stages of the report, each with its gate.

Every stage walks the architecture; layers are known by kind, never by name or size.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from genrebench.parity.context import Context
from genrebench.parity.report import Stage
from genrebench.parity.stages import network, optimizer, paths


def run_stages(context: Context, genres: Sequence[str] = ()) -> Iterator[Stage]:
    """Go through the stages; `genres` are the names of the logits, if the model has any."""
    yield network.structure(context)
    yield network.weights(context)
    yield from run_computed(context)
    yield paths.trained(context, genres)
    yield paths.single_precision(context)


def run_computed(context: Context) -> Iterator[Stage]:
    """Go through the stages of what is computed in float64, which the definitions decide."""
    yield network.forward(context, training=False)
    # Whoever only predicts is not asked for more; of a stage that leaves nobody, the report says so.
    able = tuple(name for name in context.backends if not context.outputs[name].info.predicts_only)
    others = [name for name in context.backends if name not in able]
    asked = replace(context, backends=able) if others else context
    skipped = "" if able else f"{' and '.join(others)} only predict{'s' * (len(others) == 1)}"
    yield replace(network.forward(asked, training=True), skipped=skipped)
    for stage in (network.loss, network.gradients, optimizer.adam, optimizer.steps):
        yield replace(stage(asked), skipped=skipped)
    yield paths.fast_path(context)
