"""Normalizations."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from genrebench.network.types import Array
from genrebench.porting.definition import Given, Made, along, defines, handed_on, kept
from genrebench.porting.primitives import where
from genrebench.porting.tape import Value
from genrebench.reading.kinds import normalization as kinds

# Keras' own (`keras.config.epsilon`), where a layer has none.
EPSILON = 1e-7


def _other_axes(x: Value, axes: Sequence[int]) -> list[int]:
    """List the axes that are not among some."""
    return [axis for axis in range(x.ndim) if axis not in {each % x.ndim for each in axes}]


def _moments(x: Value, over: Sequence[int]) -> tuple[Value, Value]:
    """Compute mean and variance over axes, which stay with length 1."""
    mean = x.mean(over, keepdims=True)
    return mean, ((x - mean) ** 2).mean(over, keepdims=True)


def _masked_moments(x: Value, over: Sequence[int], mask: Array) -> tuple[Value, Value]:
    """Compute mean and variance of what is there; the count is larger by epsilon (``BatchNormalization._moments``)."""
    there = np.broadcast_to(kept(mask, x), x.shape)
    count = there.sum(axis=tuple(over), keepdims=True) + EPSILON
    mean = (x * there).sum(over, keepdims=True) / count
    return mean, (((x - mean) * there) ** 2).sum(over, keepdims=True) / count


@defines(kinds.BatchNormalization)
def _batch_normalization(kind: kinds.BatchNormalization, given: Given) -> Made:
    """Compute ``gamma (x - mean) / sqrt(variance + epsilon) + beta`` (Ioffe and Szegedy, arXiv:1502.03167).

    In training mean and variance are those of the batch, and the running ones follow; else, and where the layer is not
    trained, they are the running ones (keras/src/layers/normalization/batch_normalization.py).
    """
    x, weights, statistics = given.x, given.weights, {}
    mean, variance = (along(weights[f"moving_{name}"], kind.axis, x.ndim) for name in ("mean", "variance"))
    if given.training and given.trainable:
        over = _other_axes(x, kind.axis)
        mean, variance = _moments(x, over) if given.mask is None else _masked_moments(x, over, given.mask)
        statistics = _followed(kind, given, mean.data, variance.data, over)
    y = (x - mean) / (variance + kind.epsilon) ** 0.5
    return Made((_scaled(kind, given, y),), (handed_on(kind, given),), statistics)


def _followed(
    kind: kinds.BatchNormalization, given: Given, mean: Array, variance: Array, over: Sequence[int]
) -> dict[str, Array]:
    """Move the running statistics towards those of the batch, the variance divided by n or by n - 1."""
    count = math.prod(given.x.shape[axis] for axis in over)
    is_image = given.x.ndim == 4
    if kind.running_variance == "unbiased" or (kind.running_variance == "unbiased_images" and is_image):
        variance = variance * count / max(count - 1, 1)
    after = {}
    for name, value in (("moving_mean", mean), ("moving_variance", variance)):
        old = given.weights[name].data
        after[name] = old * kind.momentum + value.reshape(old.shape) * (1 - kind.momentum)
    return after


def _scaled(
    kind: kinds.BatchNormalization | kinds.LayerNormalization | kinds.GroupNormalization, given: Given, y: Value
) -> Value:
    """Multiply by gamma and add beta, if there are such."""
    axes = (kind.axis,) if isinstance(kind.axis, int) else kind.axis
    if "gamma" in given.weights:
        y = y * along(given.weights["gamma"], axes, y.ndim)
    return y + along(given.weights["beta"], axes, y.ndim) if "beta" in given.weights else y


@defines(kinds.LayerNormalization)
def _layer_normalization(kind: kinds.LayerNormalization, given: Given) -> Value:
    """Compute ``gamma (x - mean) / sqrt(variance + epsilon) + beta`` of each sample (Ba et al., arXiv:1607.06450).

    With ``rms_scaling``, Keras' own variant, the mean is not subtracted, and there is no beta.
    """
    mean, variance = _moments(given.x, kind.axis)
    centered = given.x if kind.rms_scaling else given.x - mean
    return _scaled(kind, given, centered / (variance + kind.epsilon) ** 0.5)


@defines(kinds.GroupNormalization)
def _group_normalization(kind: kinds.GroupNormalization, given: Given) -> Value:
    """Normalize each sample over groups of neighboring channels (Wu and He, arXiv:1803.08494, equation 7)."""
    x = given.x.moved(kind.axis, -1)
    groups = x.shape[-1] if kind.groups == -1 else kind.groups
    grouped = x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups)
    mean, variance = _moments(grouped, _other_axes(grouped, (0, -2)))
    y = ((grouped - mean) / (variance + kind.epsilon) ** 0.5).reshape(*x.shape)
    return _scaled(kind, given, y.moved(-1, kind.axis))


@defines(kinds.RMSNormalization)
def _rms_normalization(kind: kinds.RMSNormalization, given: Given) -> Value:
    """Divide by ``sqrt(mean(x^2) + epsilon)``, and scale (Zhang and Sennrich, arXiv:1910.07467)."""
    x = given.x
    root = ((x**2).mean(kind.axis, keepdims=True) + kind.epsilon) ** 0.5
    return x / root * along(given.weights["scale"], kind.axis, x.ndim)


def normalized(x: Value, axes: Sequence[int], epsilon: float) -> Value:
    """Divide by the Euclidean length along axes, or by epsilon if that is more (``keras.ops.normalize``)."""
    square = (x**2).sum(axes, keepdims=True)
    is_long = square.data > epsilon**2
    length = where(is_long, square, 1.0) ** 0.5
    return x / where(is_long, length, epsilon)


@defines(kinds.UnitNormalization)
def _unit_normalization(kind: kinds.UnitNormalization, given: Given) -> Value:
    """Divide by the Euclidean length."""
    return normalized(given.x, kind.axis, 1e-12)


@defines(kinds.Normalization)
def _normalization(kind: kinds.Normalization, given: Given) -> Value:
    """Compute ``(x - mean) / max(sqrt(variance), 1e-7)``, or the inverse of it (preprocessing/normalization.py)."""
    mean, deviation = constants(kind, {name: value.data for name, value in given.weights.items()}, given.x.shape)
    return given.x * deviation + mean if kind.invert else (given.x - mean) / deviation


def constants(kind: kinds.Normalization, weights: Mapping[str, Array], shape: Sequence[int]) -> tuple[Array, Array]:
    """Find mean and deviation, as weights or as settings, with axes of 1 where they are shared."""
    kept_axes = {axis % len(shape) for axis in kind.axis}
    lengths = [length if axis in kept_axes else 1 for axis, length in enumerate(shape)]
    found = []
    for name in ("mean", "variance"):
        # Settings are kept in float32, as weights are (keras/src/layers/preprocessing/normalization.py).
        own = weights[name] if name in weights else np.asarray(getattr(kind, name), np.float32)
        value = np.asarray(own, np.float64)
        # Keras 2 wrote a single number as a matrix; of several axes only the last may be given.
        value = value.reshape(()) if value.size == 1 else value
        spread = np.broadcast_to(value, [length for axis, length in enumerate(shape) if axis in kept_axes])
        found.append(spread.reshape(lengths))
    return found[0], np.maximum(np.sqrt(found[1]), EPSILON)


@defines(kinds.LayerScale)
def _layer_scale(_kind: kinds.LayerScale, given: Given) -> Value:
    """Multiply each channel (Touvron et al., arXiv:2103.17239, equation 3)."""
    return given.x * given.weights["gamma"]
