"""Losses as Keras computes them, from what a network ends in: value, gradient, and targets to try them on."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from genrebench.errors import ConfigError
from genrebench.network.types import Array
from genrebench.porting import primitives as op
from genrebench.porting.tape import Value, gradients

# What Keras keeps probabilities away from 0 and 1 by.
_EPSILON = 1e-7
Settings = Mapping[str, Any]
Loss = Callable[[Value, Array, Settings], Value]


def loss_and_gradient(loss: Settings, output: Array, target: Array) -> tuple[float, Array]:
    """Compute a loss, the mean over all but the last axis, and its gradient.

    Parameters
    ----------
    loss : mapping
        ``name`` and settings, as `genrebench.reading.keras_file.KerasModel.loss` has them.
    output : ndarray
        What the network gave.
    target : ndarray
        What it should have given.

    Raises
    ------
    ConfigError
        If the loss is unknown.

    Examples
    --------
    >>> loss_and_gradient({"name": "mean_squared_error"}, np.array([[1.0, 3.0]]), np.array([[0.0, 3.0]]))
    (0.5, array([[1., 0.]]))
    """
    if loss["name"] not in LOSSES:
        raise ConfigError(f"expected a loss of {', '.join(LOSSES)}, received {loss['name']!r:.60}")
    y = Value(output, is_tracked=True)
    value = LOSSES[loss["name"]](y, target, loss)
    mean = value.sum() * (1 / value.data.size)
    return float(mean.data), gradients([(mean, np.array(1.0))], {"": y})[""]


def targets_for(loss: Settings, output: Array, rng: np.random.Generator) -> Array:
    """Draw targets that a loss may be given: classes, probabilities, signs or numbers."""
    name, shape = loss["name"], output.shape
    if name == "sparse_categorical_crossentropy":
        return rng.integers(0, shape[-1], shape[:-1])
    if name in ("categorical_crossentropy", "categorical_hinge"):
        return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]
    if name in ("binary_crossentropy", "hinge", "squared_hinge"):
        return rng.integers(0, 2, shape).astype(np.float64)
    if name in ("kl_divergence", "poisson", "mean_squared_logarithmic_error", "mean_absolute_percentage_error"):
        return rng.uniform(0.1, 1.0, shape)
    return rng.standard_normal(shape)


def _mean(value: Value) -> Value:
    """Take the mean over the last axis."""
    return value.sum(-1) * (1 / value.shape[-1])


def _absolute(x: Value) -> Value:
    """Take away signs."""
    return x * np.sign(x.data)


def _smoothed(target: Array, settings: Settings, neutral: float) -> Array:
    """Mix a target with one that says nothing."""
    share = settings.get("label_smoothing") or 0.0
    return target * (1 - share) + share * neutral


def _signs(target: Array) -> Array:
    """Turn labels of 0 and 1 into -1 and 1."""
    return 2 * target - 1 if np.isin(target, (0, 1)).all() else target


def _log_softmax(x: Value) -> Value:
    """Compute logarithms of a softmax over the last axis."""
    largest: Array = x.data.max(axis=-1, keepdims=True)
    shifted = x - largest
    return shifted - op.log(op.exp(shifted).sum(-1, keepdims=True))


def _binary(y: Value, target: Array, settings: Settings) -> Value:
    """Compute binary cross-entropy."""
    t = _smoothed(target, settings, 0.5)
    if settings.get("from_logits"):
        return _mean(op.softplus(y) - y * t)
    p = op.clip(y, _EPSILON, 1 - _EPSILON)
    return -_mean(op.log(p) * t + op.log(1 - p) * (1 - t))


def _categorical(y: Value, target: Array, settings: Settings) -> Value:
    """Compute cross-entropy against probabilities."""
    t = _smoothed(target, settings, 1 / y.shape[-1])
    if settings.get("from_logits"):
        return -(_log_softmax(y) * t).sum(-1)
    p = op.clip(y / y.sum(-1, keepdims=True), _EPSILON, 1 - _EPSILON)
    return -(op.log(p) * t).sum(-1)


def _sparse(y: Value, target: Array, settings: Settings) -> Value:
    """Compute cross-entropy against classes."""
    classes = np.eye(y.shape[-1])[target]
    logits = y if settings.get("from_logits") else op.log(op.clip(y, _EPSILON, 1 - _EPSILON))
    return -(_log_softmax(logits) * classes).sum(-1)


def _divergence(y: Value, target: Array, settings: Settings) -> Value:  # noqa: ARG001 - one form for all
    """Compute the Kullback-Leibler divergence."""
    t = target.clip(_EPSILON, 1)
    difference: Value = op.log(op.clip(y, _EPSILON, 1.0)) - np.log(t)
    return -(difference * t).sum(-1)


def _logarithmic(y: Value, target: Array, settings: Settings) -> Value:  # noqa: ARG001 - one form for all
    """Compute the squared difference of logarithms."""
    return _mean((op.log(op.maximum(y, _EPSILON) + 1) - np.log(np.maximum(target, _EPSILON) + 1)) ** 2)


def _percentage(y: Value, target: Array, settings: Settings) -> Value:  # noqa: ARG001 - one form for all
    """Compute the absolute difference in percent of the target."""
    return _mean(_absolute((y - target) * (1 / np.maximum(np.abs(target), _EPSILON)))) * 100.0


def _huber(y: Value, target: Array, settings: Settings) -> Value:
    """Compute Huber's loss."""
    delta = float(settings.get("delta") or 1.0)
    error = y - target
    size = _absolute(error)
    return _mean(op.where(size.data <= delta, error * error * 0.5, size * delta - 0.5 * delta**2))


def _cosine(y: Value, target: Array, settings: Settings) -> Value:  # noqa: ARG001 - one form for all
    """Compute minus the cosine of the angle."""
    length = (op.maximum((y * y).sum(-1, keepdims=True), _EPSILON**2)) ** 0.5
    other: Array = target / np.sqrt(np.maximum((target**2).sum(-1, keepdims=True), _EPSILON**2))
    return -((y / length) * other).sum(-1)


def _hinge(y: Value, target: Array) -> Value:
    """Compute ``max(1 - t y, 0)``."""
    return op.maximum(1 - y * _signs(target), 0.0)


LOSSES: dict[str, Loss] = {
    "mean_squared_error": lambda y, t, _: _mean((y - t) ** 2),
    "mean_absolute_error": lambda y, t, _: _mean(_absolute(y - t)),
    "mean_absolute_percentage_error": _percentage,
    "mean_squared_logarithmic_error": _logarithmic,
    "binary_crossentropy": _binary,
    "categorical_crossentropy": _categorical,
    "sparse_categorical_crossentropy": _sparse,
    "kl_divergence": _divergence,
    "poisson": lambda y, t, _: _mean(y - op.log(y + _EPSILON) * t),
    "hinge": lambda y, t, _: _mean(_hinge(y, t)),
    "squared_hinge": lambda y, t, _: _mean(_hinge(y, t) ** 2),
    "cosine_similarity": _cosine,
    "log_cosh": lambda y, t, _: _mean((y - t) + op.softplus((y - t) * -2.0) - float(np.log(2.0))),
    "huber": _huber,
}
