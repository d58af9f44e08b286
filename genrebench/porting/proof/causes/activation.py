"""Hypotheses about activations."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from genrebench.network.types import Array
from genrebench.parity.ledger.base import FITTED_VALUES, Entry, Prediction, Predictions, fitted
from genrebench.porting.proof.case import CallCase, changed, with_settings
from genrebench.reading.kinds.base import Kind

_KERAS = "https://keras.io/api/layers/activations/"
_TORCH = "https://docs.pytorch.org/docs/stable/nn.html#non-linear-activations-weighted-sum-nonlinearity"
_HARD = "https://github.com/keras-team/keras/releases/tag/v3.0.0; keras.io/api/layers/activations/#hardsigmoid-function"
_SLOPES = (0.01, 0.2, 0.3, 0.1, 0.0)
_OTHERS = ("linear", "relu", "tanh", "sigmoid", "softplus", "elu", "selu", "silu", "gelu", "relu6", "softsign")
_HARD_SIGMOIDS = {
    "hard_sigmoid": ("hard_sigmoid_keras2", "clip(0.2 x + 0.5, 0, 1), expected relu6(x + 3) / 6"),
    "hard_sigmoid_keras2": ("hard_sigmoid", "relu6(x + 3) / 6, expected clip(0.2 x + 0.5, 0, 1)"),
}


def word(activation: Any) -> str:
    """Name an activation."""
    return activation if isinstance(activation, str) else str(activation["name"])


def _settings(kind: Any) -> Iterator[tuple[str, Any]]:
    """List a kind's activations by the names of its settings."""
    for name in kind.activations:
        yield name, getattr(kind, name)


def _replaced(case: CallCase, old: str, new: Any) -> Kind | None:
    """Put another activation in the place of all of a name."""

    def change(kind: Any) -> Any:
        """Change one kind."""
        found = {name: new for name, value in _settings(kind) if word(value) == old}
        return with_settings(kind, **found) if found else None

    return changed(case.kind, change)


def names_in(case: CallCase) -> list[str]:
    """List the activations in a call."""
    return list(dict.fromkeys(word(value) for _, kind in case.parts() for _, value in _settings(kind)))


def _linear(case: CallCase, name: str) -> Array | None:
    """Compute a call without an activation that it ends in; None for a recurrent one, which does not."""
    kind = None if hasattr(case.parts()[0][1], "return_sequences") else _replaced(case, name, "linear")
    return case.run(kind=kind) if kind is not None else None


def _hard_sigmoid(case: CallCase) -> Predictions:
    """Predict the hard sigmoid of the other version, or the plain one."""
    for name in names_in(case):
        if name in _HARD_SIGMOIDS:
            other, text = _HARD_SIGMOIDS[name]
            yield Prediction(f"hard_sigmoid as {text}", case.run(kind=_replaced(case, name, other)), version=other)
            kind = _replaced(case, name, "sigmoid")
            yield Prediction(f"sigmoid, expected {name}", case.run(kind=kind), version="sigmoid")
        elif name == "sigmoid":
            for other in _HARD_SIGMOIDS:
                kind = _replaced(case, name, other)
                yield Prediction(f"{other}, expected sigmoid", case.run(kind=kind), version=other)


def _leaky_slope(case: CallCase) -> Predictions:
    """Predict another slope below zero."""
    for _, kind in case.parts():
        if kind.name == "LeakyReLU":
            before, right = case.x, kind.negative_slope
        elif (name := next((each for each in names_in(case) if each == "leaky_relu"), None)) is not None:
            found = next(value for _, value in _settings(kind) if word(value) == name)
            linear = _linear(case, name)
            right = found["negative_slope"] if isinstance(found, dict) else 0.2
            if linear is None:
                return
            before = linear
        else:
            return
        below = before < 0
        estimates = (
            [float(f"{fitted(case.received[below], before[below]):.6g}")] if below.sum() >= FITTED_VALUES else []
        )
        for slope in dict.fromkeys((*_SLOPES, *estimates)):
            if not math.isclose(slope, right):
                text = f"slope {slope:g} below zero, expected {right:g}"
                yield Prediction(text, np.where(below, slope * before, before), slope=slope)


def _gelu(case: CallCase) -> Predictions:
    """Predict GELU by the tangent, or the exact one."""
    linear = _linear(case, "gelu") if "gelu" in names_in(case) else None
    if linear is not None:
        inner = math.sqrt(2 / math.pi) * (linear + 0.044715 * linear**3)
        text = "GELU approximated by tanh, expected the exact one by erf"
        yield Prediction(text, 0.5 * linear * (1 + np.tanh(inner)), form="tanh")
        text = "GELU as x sigmoid(1.702 x), expected the exact one by erf"
        yield Prediction(text, linear / (1 + np.exp(-1.702 * linear)), form="sigmoid")


def softmax_of(x: Array, axis: int = -1) -> Array:
    """Compute a softmax."""
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    result: Array = powers / powers.sum(axis=axis, keepdims=True)
    return result


def _softmax(case: CallCase) -> Predictions:
    """Predict a softmax that is missing, done twice, in logarithms, or over another axis."""
    is_layer = case.kind.name == "Softmax"
    before = case.x if is_layer else _linear(case, "softmax") if "softmax" in names_in(case) else None
    if before is None:
        if case.received.ndim > 1 and "linear" in names_in(case):
            yield Prediction("a softmax, expected none", softmax_of(case.expected), softmax="added")
        return
    yield Prediction("no softmax: logits, expected probabilities", before, softmax="missing")
    yield Prediction("softmax twice", softmax_of(case.expected), softmax="twice")
    yield Prediction("logarithms of probabilities, expected probabilities", np.log(case.expected), softmax="logarithms")
    for axis in range(before.ndim):
        text = f"softmax over axis {axis}, expected the last" if not is_layer else f"softmax over axis {axis}"
        yield Prediction(text, softmax_of(before, axis), axis=axis)


def _limits(case: CallCase) -> Predictions:
    """Predict a rectifier without its settings."""
    for name, neutral in (("max_value", None), ("negative_slope", 0.0), ("threshold", 0.0), ("alpha", 1.0)):
        kind = case.kind
        if kind.name in ("ReLU", "ELU") and getattr(kind, name, neutral) != neutral:
            other = with_settings(kind, **{name: neutral})
            yield Prediction(f"{name} ignored, expected {getattr(kind, name):g}", case.run(kind=other), setting=name)


def _prelu(case: CallCase) -> Predictions:
    """Predict a slope for each channel in the place of one for each element."""
    if case.kind.name == "PReLU":
        alpha = case.own["alpha"]
        axes = tuple(range(alpha.ndim - 1))
        first = alpha[(0,) * (alpha.ndim - 1)] if alpha.ndim > 1 else alpha[:1]
        mean = alpha.mean(axis=axes) if axes else alpha.mean(keepdims=True)
        for text, value in (("the first of each channel", first), ("the mean of each channel", mean)):
            whole = np.broadcast_to(value, alpha.shape)
            yield Prediction(f"alpha is {text}, expected one per element", case.run(own={"alpha": whole}), alpha=text)


def _other(case: CallCase) -> Predictions:
    """Predict an activation that is missing, or another."""
    for name in names_in(case):
        for other in _OTHERS:
            if other != name:
                kind = _replaced(case, name, other)
                yield Prediction(f"{other}, expected {name}", case.run(kind=kind), activation=other)


ACTIVATION_ENTRIES: tuple[Entry[Any], ...] = (
    Entry("hard-sigmoid", "hard sigmoid of the other version of Keras", _HARD, _hard_sigmoid),
    Entry("leaky-slope", "slope of a leaky rectifier", f"{_KERAS}; {_TORCH}", _leaky_slope, tolerance=1e-9),
    Entry("gelu-form", "form of GELU", f"{_KERAS}; {_TORCH}", _gelu),
    Entry("softmax", "a softmax too many, too few, or over another axis", f"{_KERAS}; {_TORCH}", _softmax),
    Entry("rectifier-settings", "settings of a rectifier", _KERAS, _limits),
    Entry("prelu-shape", "alpha of PReLU per channel", _KERAS, _prelu),
    Entry("activation", "activation missing, or another", _KERAS, _other),
)
