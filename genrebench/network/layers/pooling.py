"""Pooling: one value for each window, or for each channel."""

import math
from functools import reduce

import numpy as np
from pydantic.dataclasses import dataclass

from genrebench.network.fields import Padding, Pair
from genrebench.network.layers.base import Forward, Layer
from genrebench.network.layers.windows import Windows, count_windows
from genrebench.network.types import Array, Shape, Weights

__all__ = ["GlobalAveragePooling2D", "MaxPooling2D"]


@dataclass(frozen=True)
class MaxPooling2D(Layer):
    """Maximum of each window, padded with minus infinity, so that padding never wins.

    The gradient goes to where the maximum stands; where it stands several times, to the first of them row by row, as
    TensorFlow and PyTorch do on the CPU.

    Attributes
    ----------
    pool_size : tuple of int
        Height and width of the window.
    strides : tuple of int
        Step along height and width.
    padding : str
        ``valid`` (none) or ``same`` (see `same_padding`).

    Examples
    --------
    >>> MaxPooling2D((3, 3), strides=(2, 2), padding="same").output_shape((126, 128, 32))
    (63, 64, 32)
    """

    pool_size: Pair
    strides: Pair
    padding: Padding = "valid"

    @classmethod
    def examples(cls) -> tuple[tuple[Layer, Shape], ...]:
        """See `Layer.examples`."""
        return (
            (cls((2, 3), (2, 2)), (6, 7, 2)),
            (cls((3, 3), (2, 2), padding="same"), (6, 7, 2)),
            (cls((3, 2), (1, 3), padding="same"), (4, 5, 3)),
        )

    def output_shape(self, input_shape: Shape) -> Shape:
        """See `Layer.output_shape`."""
        self._require_rank(input_shape, 3)
        name = self.name or self.kind
        return (*count_windows(name, input_shape, self.pool_size, self.strides, self.padding), input_shape[-1])

    def forward(self, x: Array, weights: Weights, *, training: bool = False, mask: Array | None = None) -> Forward:
        """Take the maximum of each window; see `Layer.forward`."""
        windows = Windows(x, self.pool_size, self.strides, self.padding, fill=-np.inf)
        y: Array = reduce(np.maximum, (windows.padded[index] for *_, index in windows.positions()))

        def vjp(dy: Array) -> tuple[Array, Weights]:
            """Send the gradient to the first maximum."""
            padded = np.zeros_like(windows.padded)
            unclaimed = np.ones(dy.shape, bool)
            for *_, index in windows.positions():
                first = unclaimed & (windows.padded[index] == y)
                padded[index] += first * dy
                unclaimed &= ~first
            return windows.crop(padded), {}

        return Forward(y, vjp)


@dataclass(frozen=True)
class GlobalAveragePooling2D(Layer):
    """Mean of each channel over height and width, which leaves one axis: ``y[n,c] = mean over h,w of x[n,h,w,c]``.

    Examples
    --------
    >>> GlobalAveragePooling2D().output_shape((15, 15, 32))
    (32,)
    """

    @classmethod
    def examples(cls) -> tuple[tuple[Layer, Shape], ...]:
        """See `Layer.examples`."""
        return ((cls(), (4, 3, 2)), (cls(), (1, 1, 3)))

    def output_shape(self, input_shape: Shape) -> Shape:
        """See `Layer.output_shape`."""
        self._require_rank(input_shape, 3)
        return input_shape[-1:]

    def forward(self, x: Array, weights: Weights, *, training: bool = False, mask: Array | None = None) -> Forward:
        """Average over height and width; see `Layer.forward`."""
        count = math.prod(x.shape[1:3])
        # What is summed lies together in memory, for the reason that `channel_sums` gives.
        y = np.ascontiguousarray(x.transpose(0, 3, 1, 2)).reshape(len(x), x.shape[-1], count).mean(-1)
        return Forward(y, lambda dy: (np.broadcast_to(dy[:, None, None] / count, x.shape).copy(), {}))
