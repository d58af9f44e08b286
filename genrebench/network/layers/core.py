"""Matrix products, reshaping and dropout."""

import math
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.network.fields import Count, Fraction
from genrebench.network.layers.activation import Rectifier, activate
from genrebench.network.layers.base import Forward, Layer, WeightSpec, channel_sums
from genrebench.network.types import Array, Shape, Weights

__all__ = ["Dense", "Dropout", "Flatten"]


@dataclass(frozen=True)
class Flatten(Layer):
    """One axis instead of (height, width, channels).

    Attributes
    ----------
    order : str
        Which axis runs fastest; ``channels_last`` is the only one that Keras' dense kernels fit.

    Examples
    --------
    >>> Flatten().output_shape((15, 15, 32))
    (7200,)
    """

    order: Annotated[Literal["channels_last"], Field(description="channels_last")] = "channels_last"

    @classmethod
    def examples(cls) -> tuple[tuple[Layer, Shape], ...]:
        """See `Layer.examples`."""
        return ((cls(), (2, 3, 4)),)

    def output_shape(self, input_shape: Shape) -> Shape:
        """See `Layer.output_shape`."""
        return (math.prod(input_shape),)

    def forward(self, x: Array, weights: Weights, *, training: bool = False, mask: Array | None = None) -> Forward:
        """Make one axis of all but the first; see `Layer.forward`."""
        return Forward(x.reshape(len(x), math.prod(x.shape[1:])), lambda dy: (dy.reshape(x.shape), {}))


@dataclass(frozen=True)
class Dense(Layer):
    """Matrix product with bias, then an activation: ``z[n,f] = sum over c of x[n,c] * kernel[c,f] + bias[f]``.

    Attributes
    ----------
    units : int
        Number of outputs.
    activation : str
        ``linear`` or ``relu``.
    kernel_initializer : str
        How the kernel begins: ``glorot_uniform``.
    bias_initializer : str
        How the bias begins: ``zeros``.

    Examples
    --------
    >>> Dense(64, activation="relu").flops((7200,))
    921600
    >>> Dense(0)
    Traceback (most recent call last):
    genrebench.errors.ConfigError: Dense: expected units to be a positive whole number, received 0
    """

    units: Count
    activation: Rectifier = "linear"
    kernel_initializer: Annotated[Literal["glorot_uniform"], Field(description="glorot_uniform")] = "glorot_uniform"
    bias_initializer: Annotated[Literal["zeros"], Field(description="zeros")] = "zeros"

    is_linear: ClassVar[bool] = True

    @classmethod
    def examples(cls) -> tuple[tuple[Layer, Shape], ...]:
        """See `Layer.examples`."""
        return ((cls(4), (5,)), (cls(3, activation="relu"), (4,)))

    def output_shape(self, input_shape: Shape) -> Shape:
        """See `Layer.output_shape`."""
        self._require_rank(input_shape, 1)
        return (self.units,)

    def weight_specs(self, input_shape: Shape) -> tuple[WeightSpec, ...]:
        """List ``kernel`` [in, out] and ``bias`` [out]; see `Layer.weight_specs`."""
        return (
            WeightSpec("kernel", (input_shape[-1], self.units), self.kernel_initializer),
            WeightSpec("bias", (self.units,), self.bias_initializer),
        )

    def flops(self, input_shape: Shape) -> int:
        """See `Layer.flops`."""
        return 2 * input_shape[-1] * self.units

    def forward(self, x: Array, weights: Weights, *, training: bool = False, mask: Array | None = None) -> Forward:
        """Multiply, then activate; see `Layer.forward`."""
        kernel = weights["kernel"]
        y, gradient = activate(x @ kernel + weights["bias"], self.activation)

        def vjp(dy: Array) -> tuple[Array, Weights]:
            """Multiply by the transposed factors."""
            dz = gradient(dy)
            return dz @ kernel.T, {"kernel": x.T @ dz, "bias": channel_sums(dz)}

        return Forward(y, vjp)


@dataclass(frozen=True)
class Dropout(Layer):
    """In training ``x * mask / (1 - rate)``, which keeps the expected value; ``x`` in evaluation and without a mask.

    Srivastava and others, "Dropout" (2014), section 10, scale in training rather than in evaluation.

    Attributes
    ----------
    rate : float
        Share of values dropped; the others are divided by ``1 - rate``.

    Examples
    --------
    >>> Dropout(0.5).forward(np.array([1.0, 2.0]), {}, training=True, mask=np.array([0, 1])).y
    array([0., 4.])
    """

    rate: Fraction

    @classmethod
    def examples(cls) -> tuple[tuple[Layer, Shape], ...]:
        """See `Layer.examples`."""
        return ((cls(0.4), (3, 2, 2)), (cls(0.25), (6,)))

    def forward(self, x: Array, weights: Weights, *, training: bool = False, mask: Array | None = None) -> Forward:
        """Drop what the mask says; see `Layer.forward`."""
        unchanged = np.ones((), x.dtype)
        factor = unchanged if mask is None or not training else mask.astype(x.dtype) / (1 - self.rate)
        return Forward(x * factor, lambda dy: (dy * factor, {}))
