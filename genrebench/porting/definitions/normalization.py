"""Normalizations."""

import numpy as np

from genrebench.network.types import Array
from genrebench.porting.definitions.base import Given, Made, along, defines, handed_on
from genrebench.reading.kinds import normalization as kinds


@defines(kinds.BatchNormalization)
def _batch_normalization(kind: kinds.BatchNormalization, given: Given) -> Made:
    """Compute ``gamma (x - mean) / sqrt(variance + epsilon) + beta`` (Ioffe and Szegedy, arXiv:1502.03167).

    In training mean and variance are those of the batch, and the running ones follow; else, and where the layer is not
    trained, they are the running ones (keras/src/layers/normalization/batch_normalization.py).
    """
    x, weights, statistics = given.x, given.weights, {}
    mean, variance = (along(weights[f"moving_{name}"], kind.axis, x.ndim) for name in ("mean", "variance"))
    if given.training and given.trainable:
        over = [axis for axis in range(x.ndim) if axis not in {each % x.ndim for each in kind.axis}]
        mean = x.mean(over, keepdims=True)
        variance = ((x - mean) ** 2).mean(over, keepdims=True)
        statistics = _followed(kind, given, mean.data, variance.data, over)
    y = (x - mean) / (variance + kind.epsilon) ** 0.5
    if kind.scale:
        y = y * along(weights["gamma"], kind.axis, x.ndim)
    if kind.center:
        y = y + along(weights["beta"], kind.axis, x.ndim)
    return Made((y,), (handed_on(kind, given),), statistics)


def _followed(
    kind: kinds.BatchNormalization, given: Given, mean: Array, variance: Array, over: list[int]
) -> dict[str, Array]:
    """Move the running statistics."""
    count = np.prod([given.x.shape[axis] for axis in over])
    images = given.x.ndim == 4
    if kind.running_variance == "unbiased" or (kind.running_variance == "unbiased_images" and images):
        variance = variance * count / (count - 1)
    after = {}
    for name, value in (("moving_mean", mean), ("moving_variance", variance)):
        old = given.weights[name].data
        after[name] = old * kind.momentum + value.reshape(old.shape) * (1 - kind.momentum)
    return after
