"""Windows and convolutions on the tape: products with a kernel, position by position, without a copy of all windows.

The sum over n, p, i, c and o of ``x[n, p * stride + i * dilation, c] * kernel[i, c, o] * y[n, p, o]`` is linear in each
of the three. `convolve` gives its slope by y, `convolve_transposed` that by x, and the gradients of both are the slope
by the kernel or the other one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from genrebench.network.types import Array, Shape
from genrebench.porting.tape import Value, noted

# So many channels of the input, or those of one position, go into a product: with fewer, memory takes longer than sums.
_INNER = 128


@dataclass(frozen=True)
class Placing:
    """How a kernel is put on axes, and which channels it joins.

    Attributes
    ----------
    size, strides, dilation : tuple of int
        One number for each axis.
    groups : int
        In so many parts of equal size channels are joined.
    """

    size: Shape
    strides: Shape
    dilation: Shape
    groups: int = 1

    def places(self, lengths: Sequence[int]) -> Shape:
        """Count the places on axes of given lengths."""
        axes = zip(lengths, self.size, self.strides, self.dilation, strict=True)
        return tuple((length - (size - 1) * step - 1) // stride + 1 for length, size, stride, step in axes)

    def under(self, position: Sequence[int], places: Sequence[int]) -> tuple[slice, ...]:
        """Select what a position of the kernel lies on, in all places; the first axis counts samples."""
        axes = zip(position, self.dilation, places, self.strides, strict=True)
        return slice(None), *(
            slice(at * step, at * step + (count - 1) * stride + 1, stride) for at, step, count, stride in axes
        )

    def blocks(self, channels: int) -> Iterator[list[Shape]]:
        """Go over the positions of the kernel, some together if channels are few."""
        positions = list(np.ndindex(*self.size))
        count = max(_INNER * self.groups // channels, 1)
        for start in range(0, len(positions), count):
            yield positions[start : start + count]

    def rows(self, x: Array, block: Sequence[Shape], places: Sequence[int]) -> Array:
        """Put side by side what some positions lie on [shape=(groups, n * places, positions * channels)]."""
        seen = np.stack([x[self.under(each, places)] for each in block], axis=-2)
        return self._by_group(seen.reshape(-1, len(block), x.shape[-1]))

    def columns(self, kernel: Array, block: Sequence[Shape]) -> Array:
        """Put some positions of a kernel under each other [shape=(groups, positions * channels, channels)]."""
        part = np.stack([kernel[each] for each in block])
        by_group = part.reshape(-1, self.groups, part.shape[-1] // self.groups)
        return np.moveaxis(by_group, 1, 0)

    def flat(self, y: Array) -> Array:
        """Put all places in one axis [shape=(groups, n * places, channels)]."""
        return self._by_group(y.reshape(-1, y.shape[-1]))

    def _by_group(self, x: Array) -> Array:
        """Put the channels' groups first, and what is behind the second axis in one."""
        apart = np.moveaxis(x.reshape(*x.shape[:-1], self.groups, x.shape[-1] // self.groups), -2, 0)
        return apart.reshape(*apart.shape[:2], -1)

    def unflat(self, y: Array, shape: Sequence[int]) -> Array:
        """Undo `flat`."""
        return np.moveaxis(y, 0, 1).reshape(*shape, -1)


def windows(x: Value, size: Shape, strides: Shape) -> Value:
    """Look through windows that move along the axes between the first and the last.

    Returns
    -------
    Value
        ``result[n, p, c, i]`` is ``x[n, p * stride + i, c]``, of images with two axes p and two axes i.
    """
    placing = Placing(size, strides, (1,) * len(size))

    def pull(gradient: Array, total: Array) -> None:
        """Add where windows overlap."""
        for position in np.ndindex(*size):
            total[placing.under(position, placing.places(x.shape[1:-1]))] += gradient[(..., *position)]

    axes = tuple(range(1, len(size) + 1))
    seen = np.lib.stride_tricks.sliding_window_view(x.data, size, axis=axes)
    return noted(seen[(slice(None), *(slice(None, None, step) for step in strides))], (x, pull))


def convolve(x: Value, kernel: Value, placing: Placing) -> Value:
    """Sum products of a kernel and what it lies on (Goodfellow et al., "Deep learning", 2016, equation 9.6).

    Parameters
    ----------
    x : Value
        Shape (n, ..., channels).
    kernel : Value
        Shape (..., channels of a group, results).
    placing : Placing
        Where the kernel is put.

    Returns
    -------
    Value
        ``result[n, p, o]``, the sum over i and c of ``x[n, p * stride + i * dilation, c] * kernel[i, c, o]``.
    """

    def pull_x(gradient: Array, total: Array) -> None:
        """Add to what the kernel lay on."""
        total += _spread(gradient, kernel.data, placing, x.shape[1:-1])

    def pull_kernel(gradient: Array, total: Array) -> None:
        """Add to each position of the kernel."""
        total += _joined(x.data, gradient, placing, kernel.shape)

    return noted(_collected(x.data, kernel.data, placing), (x, pull_x), (kernel, pull_kernel))


def convolve_transposed(y: Value, kernel: Value, placing: Placing, lengths: Sequence[int]) -> Value:
    """Add a kernel up wherever it is put, as often as y says: the transpose of `convolve` (arXiv:1603.07285).

    Returns
    -------
    Value
        ``result[n, q, c]``, the sum over o and all p and i with ``p * stride + i * dilation = q`` of
        ``y[n, p, o] * kernel[i, c, o]``, on axes of the given lengths.
    """

    def pull_y(gradient: Array, total: Array) -> None:
        """Each factor has the gradient of all that it was put on."""
        total += _collected(gradient, kernel.data, placing)

    def pull_kernel(gradient: Array, total: Array) -> None:
        """Add to each position of the kernel."""
        total += _joined(gradient, y.data, placing, kernel.shape)

    return noted(_spread(y.data, kernel.data, placing, lengths), (y, pull_y), (kernel, pull_kernel))


def convolve_depthwise(x: Value, kernel: Value, placing: Placing) -> Value:
    """Convolve each channel alone, with kernels of its own (``tf.nn.depthwise_conv2d``).

    Parameters
    ----------
    kernel : Value
        Shape (..., channels, m).

    Returns
    -------
    Value
        ``result[n, p, c, j]``, the sum over i of ``x[n, p * stride + i * dilation, c] * kernel[i, c, j]``.
    """
    places = placing.places(x.shape[1:-1])
    parts = [(each, placing.under(each, places)) for each in np.ndindex(*placing.size)]

    def pull_x(gradient: Array, total: Array) -> None:
        """Add to what the kernel lay on."""
        for position, under in parts:
            total[under] += (gradient * kernel.data[position]).sum(axis=-1)

    def pull_kernel(gradient: Array, total: Array) -> None:
        """Add to each position of the kernel."""
        for position, under in parts:
            seen = x.data[under].reshape(-1, kernel.shape[-2])
            total[position] += np.einsum("nc,ncm->cm", seen, gradient.reshape(-1, *kernel.shape[-2:]))

    result = np.zeros((len(x.data), *places, *kernel.shape[-2:]))
    for position, under in parts:
        result += x.data[under][..., None] * kernel.data[position]
    return noted(result, (x, pull_x), (kernel, pull_kernel))


def _collected(x: Array, kernel: Array, placing: Placing) -> Array:
    """Compute `convolve`."""
    places = placing.places(x.shape[1:-1])
    result: Any = 0.0
    for block in placing.blocks(x.shape[-1]):
        result = result + placing.rows(x, block, places) @ placing.columns(kernel, block)
    return placing.unflat(result, (len(x), *places))


def _spread(y: Array, kernel: Array, placing: Placing, lengths: Sequence[int]) -> Array:
    """Compute `convolve_transposed`."""
    channels = kernel.shape[-2] * placing.groups
    places = y.shape[1:-1]
    result, rows = np.zeros((len(y), *lengths, channels)), placing.flat(y)
    for block in placing.blocks(channels):
        part = rows @ placing.columns(kernel, block).swapaxes(-1, -2)
        part = part.reshape(placing.groups, -1, len(block), kernel.shape[-2])
        for number, position in enumerate(block):
            result[placing.under(position, places)] += placing.unflat(part[:, :, number], y.shape[:-1])
    return result


def _joined(x: Array, y: Array, placing: Placing, shape: Shape) -> Array:
    """Compute the gradient of the kernel, of a given shape."""
    result, rows = np.zeros(shape), placing.flat(y)
    for block in placing.blocks(x.shape[-1]):
        part = placing.rows(x, block, y.shape[1:-1]).swapaxes(-1, -2) @ rows
        part = np.moveaxis(part.reshape(placing.groups, len(block), shape[-2], -1), 0, -2)
        for number, position in enumerate(block):
            result[position] = part[number].reshape(shape[-2:])
    return result
