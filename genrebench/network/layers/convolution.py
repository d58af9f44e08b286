"""Convolutions."""

import math
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.network.fields import Count, Padding, Pair
from genrebench.network.layers.activation import Rectifier, activate
from genrebench.network.layers.base import Forward, Layer, WeightSpec, channel_sums
from genrebench.network.layers.windows import Windows, count_windows
from genrebench.network.types import Array, Shape, Weights

__all__ = ["Conv2D"]


@dataclass(frozen=True)
class Conv2D(Layer):
    """Convolution, which is a cross-correlation, with bias, then an activation.

    ``z[n,p,q,f] = sum over i,j,c of padded[n, p*stride+i, q*stride+j, c] * kernel[i,j,c,f] + bias[f]``
    (https://www.tensorflow.org/api_docs/python/tf/nn/conv2d), padded with zeros. Every product of an input value and a
    kernel value stands in the gradient of either with the other as its factor; for the input this is the transposed
    convolution (Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, section 4).

    Attributes
    ----------
    filters : int
        Number of output channels.
    kernel_size : tuple of int
        Height and width of the kernel.
    strides : tuple of int
        Step along height and width.
    padding : str
        ``valid`` (none) or ``same`` (see `same_padding`, filled with zeros).
    activation : str
        ``linear`` or ``relu``.
    kernel_initializer : str
        How the kernel begins: ``glorot_uniform``.
    bias_initializer : str
        How the bias begins: ``zeros``.

    Examples
    --------
    >>> layer = Conv2D(32, (3, 3), activation="relu")
    >>> layer.output_shape((128, 130, 1))
    (126, 128, 32)
    >>> [(spec.name, spec.shape) for spec in layer.weight_specs((128, 130, 1))]
    [('kernel', (3, 3, 1, 32)), ('bias', (32,))]
    """

    filters: Count
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: Padding = "valid"
    activation: Rectifier = "linear"
    kernel_initializer: Annotated[Literal["glorot_uniform"], Field(description="glorot_uniform")] = "glorot_uniform"
    bias_initializer: Annotated[Literal["zeros"], Field(description="zeros")] = "zeros"

    is_linear: ClassVar[bool] = True

    @classmethod
    def examples(cls) -> tuple[tuple[Layer, Shape], ...]:
        """See `Layer.examples`."""
        return (
            (cls(3, (3, 2)), (5, 6, 2)),
            (cls(2, (2, 3), strides=(2, 3), activation="relu"), (6, 8, 3)),
            (cls(2, (3, 3), padding="same", activation="relu"), (4, 5, 2)),
            (cls(2, (4, 2), strides=(2, 1), padding="same"), (5, 4, 1)),
            (cls(2, (1, 2), strides=(3, 2), padding="same"), (7, 5, 2)),
        )

    def output_shape(self, input_shape: Shape) -> Shape:
        """See `Layer.output_shape`."""
        self._require_rank(input_shape, 3)
        name = self.name or self.kind
        return (*count_windows(name, input_shape, self.kernel_size, self.strides, self.padding), self.filters)

    def weight_specs(self, input_shape: Shape) -> tuple[WeightSpec, ...]:
        """List ``kernel`` [height, width, in, out] and ``bias`` [out]; see `Layer.weight_specs`."""
        kernel = (*self.kernel_size, input_shape[-1], self.filters)
        return (
            WeightSpec("kernel", kernel, self.kernel_initializer),
            WeightSpec("bias", (self.filters,), self.bias_initializer),
        )

    def flops(self, input_shape: Shape) -> int:
        """See `Layer.flops`."""
        return 2 * math.prod(self.kernel_size) * input_shape[-1] * math.prod(self.output_shape(input_shape))

    def forward(self, x: Array, weights: Weights, *, training: bool = False, mask: Array | None = None) -> Forward:
        """Convolve, then activate; see `Layer.forward`."""
        windows = Windows(x, self.kernel_size, self.strides, self.padding, fill=0.0)
        z = np.einsum("npqijc,ijcf->npqf", windows.view(), weights["kernel"], optimize=True)
        y, gradient = activate(z + weights["bias"], self.activation)

        def vjp(dy: Array) -> tuple[Array, Weights]:
            """Correlate the gradient with the input for the kernel, and scatter it by the kernel for the input."""
            dz = gradient(dy)
            kernel = np.einsum("npqijc,npqf->ijcf", windows.view(), dz, optimize=True)
            padded = np.zeros_like(windows.padded)
            for i, j, index in windows.positions():
                padded[index] += np.einsum("npqf,cf->npqc", dz, weights["kernel"][i, j], optimize=True)
            return windows.crop(padded), {"kernel": kernel, "bias": channel_sums(dz)}

        return Forward(y, vjp)
