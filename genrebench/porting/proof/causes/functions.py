"""Hypotheses about functions of tensors: another axis, another order of what is repeated, indices exchanged."""

from itertools import combinations
from typing import Any

import numpy as np

from genrebench.parity.ledger.base import Entry, Prediction, Predictions
from genrebench.porting.proof.case import CallCase, with_settings

_REPEAT = (
    "https://docs.pytorch.org/docs/stable/generated/torch.repeat_interleave.html; "
    "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.repeat.html"
)
_AXES = "https://keras.io/api/ops/numpy/"


def _repeated(case: CallCase) -> Predictions:
    """Predict the whole tensor behind itself where equal values stand side by side, and the reverse."""
    value, kind = case.x, case.kind
    if kind.name == "Repeat":
        axis = kind.axis % case.x.ndim
        value = np.concatenate([case.x] * kind.repeats, axis=axis)
        yield Prediction("the whole tensor behind itself, expected equal values side by side", value, order="tiled")
        return
    for axis, count in enumerate(kind.repeats, start=1):
        value = value.repeat(count, axis=axis)
    yield Prediction("equal values side by side, expected the whole tensor behind itself", value, order="interleaved")


def _along(case: CallCase) -> Predictions:
    """Predict another axis, where the result has the same shape."""
    kind, own = case.kind, case.kind.axis[0] if isinstance(case.kind.axis, tuple) else case.kind.axis
    for axis in range(1, case.x.ndim):
        length = case.x.shape[axis]
        if axis == own % case.x.ndim or length <= max(getattr(kind, "indices", (0,))):
            continue
        value = case.run(kind=with_settings(kind, axis=(axis,) if isinstance(kind.axis, tuple) else axis))
        yield Prediction(f"along axis {axis}, expected {own}", value, axis=axis)
    if kind.name == "CumulativeSum":
        value = np.flip(np.cumsum(np.flip(case.x, own), own), own)
        yield Prediction("added up from behind", value, order="reversed")
        yield Prediction("each place without itself", case.expected - case.x, order="exclusive")


def _exchanged(case: CallCase) -> Predictions:
    """Predict two indices of one tensor exchanged, as a transposition too many or too few does."""
    for place, given in enumerate(case.inputs):
        for first, second in combinations(range(1, given.ndim), 2):
            if given.shape[first] == given.shape[second]:
                turned = tuple(
                    np.swapaxes(each, first, second) if number == place else each
                    for number, each in enumerate(case.inputs)
                )
                text = f"input {place + 1} with axes {first} and {second} exchanged"
                yield Prediction(text, case.run(inputs=turned), input=place + 1, order=f"{first}, {second}")
    value = np.swapaxes(case.expected, -1, -2) if case.expected.ndim > 2 else case.expected
    if value.shape == case.expected.shape:
        yield Prediction("the result with its last axes exchanged", value, input="result", order="exchanged")


FUNCTION_ENTRIES: tuple[Entry[Any], ...] = (
    Entry("repeat-order", "order of what is repeated", _REPEAT, _repeated, ("Repeat", "Tile")),
    Entry("function-axis", "axis of a function", _AXES, _along, ("CumulativeSum", "Extreme", "Reduce", "Take")),
    Entry("einsum-indices", "axes of a product", _AXES, _exchanged, ("Einsum",)),
)
