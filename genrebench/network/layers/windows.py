"""Windows that slide over an input: how many there are, what padding they need, and how to look through them."""

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from genrebench.errors import ConfigError
from genrebench.network.types import Array, Shape

__all__ = ["same_padding"]


def same_padding(size: int, window: int, stride: int) -> tuple[int, int]:
    """Compute TensorFlow's ``same`` padding along one axis: how many elements are added before and after the input.

    As few as are needed for ``ceil(size / stride)`` windows, the odd element at the high end
    (https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2).

    Examples
    --------
    >>> same_padding(126, window=3, stride=2)
    (0, 1)
    >>> same_padding(61, window=3, stride=2)
    (1, 1)
    """
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def count_windows(layer: str, input_shape: Shape, window: Shape, strides: Shape, padding: str) -> Shape:
    """Compute how many windows fit along height and width; an error names the layer."""
    sizes = input_shape[:2]
    if padding == "same":
        return tuple(-(-size // stride) for size, stride in zip(sizes, strides, strict=True))
    if any(size < extent for size, extent in zip(sizes, window, strict=True)):
        raise ConfigError(
            f"{layer}: expected an input of at least {window[0]} x {window[1]}, received "
            f"{sizes[0]} x {sizes[1]}; use larger spectrograms or fewer layers"
        )
    return tuple((size - extent) // stride + 1 for size, extent, stride in zip(sizes, window, strides, strict=True))


class Windows:
    """The windows of a convolution or a pooling over a padded input.

    Window ``(p, q)`` begins at ``(p * stride, q * stride)`` of the padded input (TensorFlow,
    https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2). Sizes and strides are those of height and
    width; `fill` is what to pad with.
    """

    def __init__(self, x: Array, size: tuple[int, int], strides: tuple[int, int], padding: str, *, fill: float) -> None:
        """Pad the input."""
        self._size, self._strides = size, strides
        rows, columns = (0, 0), (0, 0)
        if padding == "same":
            rows, columns = (same_padding(x.shape[axis], size[axis - 1], strides[axis - 1]) for axis in (1, 2))
        self.padded = np.pad(x, ((0, 0), rows, columns, (0, 0)), constant_values=fill)
        self._inside = np.s_[:, rows[0] : rows[0] + x.shape[1], columns[0] : columns[0] + x.shape[2]]

    def view(self) -> Array:
        """Look at the padded input: ``[n, p, q, i, j, c]`` is ``padded[n, p * stride + i, q * stride + j, c]``."""
        windows = sliding_window_view(self.padded, self._size, axis=(1, 2))
        strided: Array = windows[:, :: self._strides[0], :: self._strides[1]].transpose(0, 1, 2, 4, 5, 3)
        return strided

    def positions(self) -> Iterator[tuple[int, int, tuple[slice, ...]]]:
        """Go through the positions in a window, row by row: ``i``, ``j``, and an index.

        The index takes this position of all windows [shape=(n, p, q, c)] from the padded input, or an array of its
        shape.
        """
        (height, width), (down, right) = self._size, self._strides
        for i in range(height):
            for j in range(width):
                last_row = self.padded.shape[1] - height + i + 1
                last_column = self.padded.shape[2] - width + j + 1
                yield i, j, np.s_[:, i:last_row:down, j:last_column:right]

    def crop(self, padded: Array) -> Array:
        """Cut the padding off an array of the padded input's shape."""
        return padded[self._inside]
