"""What the stages and the diagnosis look at: the answers of all backends, and what follows from them by definition."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from genrebench.backend.jobs import JobResult
from genrebench.errors import BackendError, GenrebenchError
from genrebench.network.adam import Adam, adam_step
from genrebench.network.layers import Layer
from genrebench.network.numerics import GRADIENT_TOLERANCE
from genrebench.network.reference import run_layer
from genrebench.network.types import Array
from genrebench.parity.compare import View, compare_all
from genrebench.parity.probe import Answers, Probe
from genrebench.parity.report import Comparison

REFEREE = "numpy"
# How much further than a step of one ulp moves a result two right computations may be apart.
CONTROL_FACTOR = 10.0

Select = Callable[[Answers], Mapping[str, Array]]


@dataclass(frozen=True)
class Session:
    """One parity run.

    Attributes
    ----------
    probe : Probe
        What the backends were given.
    answers : dict of str to Answers
        What each answered, the reference included.
    backends : tuple of str
        What is compared.
    reference : str
        With what.
    """

    probe: Probe
    answers: dict[str, Answers]
    backends: tuple[str, ...]
    reference: str
    _isolated: dict[tuple[str, str], dict[str, dict[str, Array]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a reference that could not compute, and numbers that prove nothing.

        Raises
        ------
        BackendError
            If one of its calls failed, a tensor is missing or not finite, or a layer gives out nothing but zeros.
        """
        right, architecture = self.right, self.probe.architecture
        for call in {**right.result.errors, **right.result.values}:
            if right.error(call):
                raise BackendError(
                    f"expected the reference {self.reference} to compute, {call} failed: {right.error(call)}"
                )
        specs = architecture.weight_specs()
        trainable = [name for name, spec in specs.items() if spec.trainable]
        statistics = [name for name, spec in specs.items() if not spec.trainable]
        layers = [layer.name for layer in architecture.layers]
        wanted: dict[str, list[str]] = {
            "evaluation": layers,
            "training": [*layers, *statistics],
            "gradients": trainable,
            "sensitivity": trainable,
            "steps": [*specs],
            "control": [*specs],
            "adam": [f"{kind}/{name}" for kind in ("weights", "m", "v") for name in trainable],
            "trained": [] if self.probe.spectrograms is None else ["value"],
        }
        for call, names in wanted.items():
            found = right.arrays(call)
            for name in names:
                if name not in found or not np.isfinite(found[name]).all():
                    raise BackendError(
                        f"expected finite numbers from the reference {self.reference}, received none for {name}, {call}"
                    )
                if not found[name].any() and call in ("evaluation", "gradients"):
                    what = "its gradient is" if call == "gradients" else "it gives out"
                    raise BackendError(
                        f"{name}: {what} nothing but zeros with these weights and inputs, which proves nothing about "
                        "what comes before; try other weights (--seed, --model), a larger --batch-size, or more classes"
                    )
        if None in (losses := [self.value(self.reference, "gradients"), *self.value(self.reference, "steps")]):
            raise BackendError(f"expected finite losses from the reference {self.reference}, received {losses}")

    @property
    def right(self) -> Answers:
        """Look up the reference's answers."""
        return self.answers[self.reference]

    def value(self, backend: str, call: str) -> Any:
        """Look up the plain value of a call.

        Returns
        -------
        object
            The value; None if the call failed.
        """
        return self.answers[backend].result.values.get(call)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """List who is compared with whom.

        Yields
        ------
        tuple of str
            Each backend and the reference, then the backends among themselves.
        """
        yield from ((backend, self.reference) for backend in self.backends)
        yield from combinations(self.backends, 2)

    def compare(
        self,
        call: str,
        tolerance: float | Mapping[str, float] | None,
        *,
        select: Select | None = None,
    ) -> list[Comparison]:
        """Compare what a call returned, between all.

        Parameters
        ----------
        select : callable, optional
            What to compare of a backend's answers; by default all arrays of the call.
        """
        chosen = select or (lambda answers: answers.arrays(call))
        comparisons = []
        for backend, against in self.pairs():
            ours, theirs = self.answers[backend], self.answers[against]
            error = ours.error(call) or (f"{against}: {theirs.error(call)}" if theirs.error(call) else "")
            is_blank = error and not chosen(ours)  # a network of which a part runs gives what that part gives
            rows = [] if is_blank else compare_all(chosen(ours), chosen(theirs), tolerance)
            comparisons.append(Comparison(backend, against, tuple(rows), error))
        return comparisons

    @property
    def loss_of_guessing(self) -> float:
        """Compute the loss of equal logits.

        A loss is the difference of a logit and the logarithm of a sum; one that training has made small keeps the
        rounding of these. So errors of losses are relative to at least this one.
        """
        return math.log(max(self.probe.architecture.classes, 2))

    @cached_property
    def sensitivity(self) -> dict[str, float]:
        """Measure how far one ulp in each weight moves the gradients.

        Returns
        -------
        dict of str to float
            Largest relative error that a gradient may have, by canonical name: the gate, or, where the terms of a
            gradient cancel and leave fewer digits than that, a multiple of what one ulp does.
        """
        gradients, moved = self.right.arrays("gradients"), self.right.arrays("sensitivity")
        tolerances = {}
        for name, gradient in gradients.items():
            norm = float(np.linalg.norm(gradient)) or 1.0
            effect = float(np.linalg.norm(moved[name] - gradient)) / norm
            tolerances[name] = max(GRADIENT_TOLERANCE, CONTROL_FACTOR * effect)
        return tolerances

    def isolated(self, backend: str, call: str) -> dict[str, dict[str, Array]]:
        """Compute what every layer should give for the input that a backend gave it.

        Returns
        -------
        dict of str to dict of str to ndarray
            By layer, its output by name and in training its running statistics; a layer whose input is missing or
            does not fit is left out.
        """
        found = self._isolated.setdefault((backend, call), {})
        if found:
            return found
        outputs = self.answers[backend].arrays(call)
        training = call.startswith("training")
        for index, layer in enumerate(self.probe.architecture.layers):
            x = self.layer_input(index, outputs)
            if x is None or not np.isfinite(x).all():
                continue
            try:
                found[layer.name] = self.run(layer, x, training=training)
            except (GenrebenchError, ValueError):
                continue
        return found

    def run(self, layer: Layer, x: Array, *, training: bool) -> dict[str, Array]:
        """Run one layer by definition.

        Parameters
        ----------
        training : bool
            Mode; in training the masks of the probe are applied.
        """
        mask = self.probe.masks.get(layer.name) if training else None
        return run_layer(layer, self.probe.weights, x, training=training, mask=mask)

    def layer_input(self, index: int, outputs: Mapping[str, Array]) -> Array | None:
        """Look up what a layer was given.

        Parameters
        ----------
        outputs : mapping of str to ndarray
            What the layers gave out.

        Returns
        -------
        ndarray or None
            Its input; None if the layer before gave nothing.
        """
        return self.probe.x if index == 0 else outputs.get(self.probe.architecture.layers[index - 1].name)

    def isolated_comparison(self, backend: str, call: str, tolerance: float) -> Comparison:
        """Compare every layer with its definition, given the backend's own input.

        Returns
        -------
        Comparison
            The isolated rows, against the definitions.
        """
        outputs = self.answers[backend].arrays(call)
        view: View = "isolated"
        rows = []
        for layer, expected in self.isolated(backend, call).items():
            if layer in outputs:  # if not, its cumulative row says so
                received = {name: outputs[name] for name in expected if name in outputs}
                rows += compare_all(received, expected, tolerance, view=view)
        return Comparison(backend, REFEREE, tuple(rows))


def fast_gradients(session: Session, backend: str, call: str = "fast") -> dict[str, Array]:
    """Recover the gradients of the path that training takes.

    One step with `REVEALING_ADAM` moves a weight by ``-g / (|g| + 1)``.
    """
    after = session.answers[backend].arrays(call)
    specs = session.probe.architecture.weight_specs()
    gradients = {}
    for name, value in after.items():
        if name in specs and specs[name].trainable:
            moved = session.probe.weights[name].astype(value.dtype) - value
            with np.errstate(divide="ignore"):
                gradients[name] = moved / (1 - np.abs(moved))
    return gradients


def first_update(gradients: Mapping[str, Array]) -> dict[str, Array]:
    """Compute the first update of Adam's by definition.

    Returns
    -------
    dict of str to ndarray
        What is added to each weight.
    """
    return {
        name: adam_step(gradient, np.zeros_like(gradient), np.zeros_like(gradient), 1, Adam())["update"]
        for name, gradient in gradients.items()
    }


def relative_losses(losses: list[float], expected: list[float], floor: float) -> list[float | None]:
    """Compare the losses of two runs, step by step.

    Parameters
    ----------
    floor : float
        What errors are relative to at least.

    Returns
    -------
    list of float or None
        Relative errors; None where a loss is NaN or infinite.
    """
    errors = (abs(loss - right) / max(abs(right), floor) for loss, right in zip(losses, expected))  # noqa: B905 - where one ends early
    return [error if np.isfinite(error) else None for error in errors]


def answered(results: Mapping[str, JobResult], trainable: set[str]) -> dict[str, Answers]:
    """Put answers and what is known of the backends together.

    Parameters
    ----------
    trainable : set of str
        Names of those that train.
    """
    return {name: Answers(name, result, name in trainable) for name, result in results.items()}
