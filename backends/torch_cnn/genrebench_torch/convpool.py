"""A convolution and the pooling behind it, done together on the CPU.

The output of the first convolution is by far the largest array of the network, 132 MB for 64 inputs of 128 x 130, and
all that the rest of the network needs of it are its maxima. Written out whole, it goes to main memory and back
three times in a step: for the pooling, for the gradient that the pooling scatters into it, and for the gradients of the
convolution. Made for a few examples at a time, it stays in the cache.

In every such pair the gradient of the bias is the sum of the maxima's gradient: the pooling only moves it, and there is
a quarter as much to sum.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

_aten = torch.ops.aten
# Feature maps that a thread works on at a time.
_CACHED_BYTES = 2**22


class PoolWindows(NamedTuple):
    """Arguments of PyTorch's pooling, in its order.

    `padding` is what is padded at both ends; with `ceil_mode` the last window may hang over the high end.
    """

    kernel_size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int] = (1, 1)
    ceil_mode: bool = False


class _ConvolveAndPool(torch.autograd.Function):
    """The two operations and their gradients, some examples at a time.

    Where the gradient of the input is asked for, all examples are one part: PyTorch gives that gradient out in memory
    of its own, and putting parts together costs more than the cache saves.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        strides: tuple[int, int],
        windows: PoolWindows,
        rectifies: bool,
        dtype: torch.dtype,
    ) -> Tensor:
        """Convolve and pool; the maxima are in channels-last memory. See `convolve_and_pool`."""
        given, x, kernel, offset = x, x.to(dtype), weight.to(dtype), bias.to(dtype)
        size = [1 + (n - k) // stride for n, k, stride in zip(x.shape[2:], kernel.shape[2:], strides, strict=True)]
        whole = [slice(0, len(x))]
        is_first = not ctx.needs_input_grad[0]
        chunks = [*_chunks(len(x), math.prod(size) * len(kernel) * weight.element_size())] if is_first else whole
        maxima: Tensor | None = None
        indices: Tensor | None = None
        for rows in chunks:
            y = F.conv2d(x[rows], kernel, offset, strides)
            if len(chunks) == 1:
                maxima, indices = _aten.max_pool2d_with_indices(y, *windows)
            elif maxima is None or indices is None:
                first, places = _aten.max_pool2d_with_indices(y, *windows)
                shape = (len(x), *first.shape[1:])
                maxima = torch.empty(shape, dtype=dtype, memory_format=torch.channels_last)
                indices = torch.empty(shape, dtype=places.dtype, memory_format=torch.channels_last)
                maxima[rows], indices[rows] = first, places
            else:
                _aten.max_pool2d_with_indices.out(y, *windows, out=maxima[rows], indices=indices[rows])
            if rectifies:
                maxima[rows].clamp_min_(0)
        assert maxima is not None
        # The gradients of the first layer go no further. They are computed in the weights' own type, in which the
        # pooling's gradient is faster than in bfloat16.
        ctx.save_for_backward(given if is_first else x, weight, indices, maxima if rectifies else None)
        ctx.strides, ctx.windows, ctx.map_shape, ctx.chunks = strides, windows, y.shape[1:], chunks
        return maxima

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """From that of the maxima compute the gradients of input (if asked for), kernel and bias.

        The last two are summed in the weights' own type.
        """
        x, weight, indices, rectified = ctx.saved_tensors
        strides, windows = ctx.strides, ctx.windows
        kernel = weight.to(x.dtype)
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        dx, dw, db = None, torch.zeros_like(weight), weight.new_zeros(len(weight))
        # The pooling's gradient is written to the same memory over and over, which therefore stays in the cache. Of the
        # convolution's output only shape and layout are looked at.
        shape = (ctx.chunks[0].stop, *ctx.map_shape)
        like = torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)
        map_gradient = torch.empty_like(like)
        wanted = (ctx.needs_input_grad[0], True, False)
        for rows in ctx.chunks:
            part = x[rows]
            dy = map_gradient[: len(part)]
            dp = gradient[rows] if rectified is None else _aten.threshold_backward(gradient[rows], rectified[rows], 0)
            dp = dp.to(x.dtype)
            _aten.max_pool2d_with_indices_backward.grad_input(
                dp, like[: len(part)], *windows, indices[rows], grad_input=dy
            )
            dx, dw_part, _ = _aten.convolution_backward(
                dy, part, kernel, None, strides, (0, 0), (1, 1), False, (0, 0), 1, wanted
            )
            dw += dw_part
            db += dp.sum((0, 2, 3), dtype=db.dtype)
        return dx, dw, db, None, None, None, None


def _chunks(count: int, example_bytes: int) -> Iterator[slice]:
    """Cut a batch into parts whose feature maps stay in the cache.

    A part has a multiple of the number of threads in rows: each thread works on an example of its own.
    """
    size = torch.get_num_threads() * max(1, _CACHED_BYTES // example_bytes)
    for start in range(0, max(count, 1), size):  # a batch of nothing is one part, too
        yield slice(start, min(start + size, count))


def convolve_and_pool(
    x: Tensor, weight: Tensor, bias: Tensor, strides: tuple[int, int], windows: PoolWindows, *, rectifies: bool
) -> Tensor:
    """Convolve and pool on the CPU.

    Parameters
    ----------
    x : Tensor [shape=(n, channels, height, width)]
        Input, padded for the convolution.
    weight, bias : Tensor [shape=(filters, channels, height, width)] and [shape=(filters,)]
        Kernel and bias.

    Returns
    -------
    Tensor [shape=(n, filters, height, width)]
        The maxima; in the type of autocast where that is on.
    """
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
    with torch.autocast("cpu", enabled=False):
        y: Tensor = _ConvolveAndPool.apply(x, weight, bias, strides, windows, rectifies, dtype)  # type: ignore[no-untyped-call]
    return y
