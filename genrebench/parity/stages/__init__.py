"""The stages of the report, each with its gate.

Every stage walks the architecture; layers are known by kind, never by name or size.
"""

from collections.abc import Iterator, Sequence

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
    yield network.forward(context, training=True)
    yield network.loss(context)
    yield network.gradients(context)
    yield optimizer.adam(context)
    yield optimizer.steps(context)
    yield paths.fast_path(context)
