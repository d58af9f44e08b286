"""Normalization."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.network.fields import Fraction, NonNegative
from genrebench.network.layers.base import Forward, Layer, WeightSpec, channel_sums
from genrebench.network.types import Array, Shape, Weights

__all__ = ["BatchNormalization"]

# The smallest variance that can be divided by without an epsilon: float32 is coarse below.
_TINY = 1e-30


@dataclass(frozen=True)
class BatchNormalization(Layer):
    """Normalization of each channel over all other axes, then a scale and an offset.

    Ioffe and Szegedy, "Batch normalization" (2015), algorithm 1: ``normal = (x - mean) / sqrt(variance + epsilon)`` and
    ``y = gamma * normal + beta``. In training the mean and the biased variance are those of the batch, and the running
    ones become ``momentum * old + (1 - momentum) * batch`` (https://keras.io/api/layers/normalization_layers/batch_normalization/);
    in evaluation they are the running ones. The gradient in training is that of the paper's section 3, with
    ``dvariance`` and ``dmean`` put in.

    Attributes
    ----------
    momentum : float
        Weight of the OLD running statistics.
    epsilon : float
        Added to the variance.
    running_variance : str
        Which batch variance the running one follows; ``biased`` divides by n, as Keras does.

    Examples
    --------
    >>> [(spec.name, spec.trainable) for spec in BatchNormalization().weight_specs((63, 64, 32))]
    [('gamma', True), ('beta', True), ('moving_mean', False), ('moving_variance', False)]
    """

    momentum: Fraction = 0.99
    epsilon: NonNegative = 1e-3
    running_variance: Annotated[Literal["biased"], Field(description="biased")] = "biased"

    @classmethod
    def examples(cls) -> tuple[tuple[Layer, Shape], ...]:
        """See `Layer.examples`."""
        return ((cls(epsilon=0.3), (3, 2, 4)), (cls(momentum=0.8), (5,)))

    def weight_specs(self, input_shape: Shape) -> tuple[WeightSpec, ...]:
        """List scale, offset and running statistics, each [channels]; see `Layer.weight_specs`."""
        channels = (input_shape[-1],)
        return (
            WeightSpec("gamma", channels, "ones"),
            WeightSpec("beta", channels, "zeros"),
            WeightSpec("moving_mean", channels, "zeros", trainable=False),
            WeightSpec("moving_variance", channels, "ones", trainable=False, least=0.0 if self.epsilon else _TINY),
        )

    def forward(self, x: Array, weights: Weights, *, training: bool = False, mask: Array | None = None) -> Forward:
        """Normalize; in training, update the running statistics; see `Layer.forward`."""
        count = x.size // x.shape[-1]
        gamma, mean, variance = weights["gamma"], weights["moving_mean"], weights["moving_variance"]
        statistics = {}
        if training:
            old_mean, old_variance = mean, variance
            mean = channel_sums(x) / count
            variance = channel_sums((x - mean) ** 2) / count  # the biased one
            statistics = {
                "moving_mean": self.momentum * old_mean + (1 - self.momentum) * mean,
                "moving_variance": self.momentum * old_variance + (1 - self.momentum) * variance,
            }
        deviation = np.sqrt(variance + self.epsilon)
        normal = (x - mean) / deviation

        def vjp(dy: Array) -> tuple[Array, Weights]:
            """In training the batch's statistics depend on the input, too."""
            dgamma, dbeta = channel_sums(dy * normal), channel_sums(dy)
            # The means of the gradient with respect to `normal` and of its product with it are gamma times these sums.
            centered = dy - dbeta / count - normal * dgamma / count if training else dy
            return gamma * centered / deviation, {"gamma": dgamma, "beta": dbeta}

        return Forward(gamma * normal + weights["beta"], vjp, statistics)
