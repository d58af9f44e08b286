"""Functions of tensors that stand between layers."""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import mul

import numpy as np

from genrebench.network.types import Array
from genrebench.porting.definition import Given, defines
from genrebench.porting.primitives import exp, largest, log, pad, take
from genrebench.porting.tape import Value
from genrebench.reading.kinds import operations as kinds


@defines(kinds.Unmask)
def _unmask(_: kinds.Unmask, given: Given) -> Value:
    """Compute nothing; the mask ends."""
    return given.x


@defines(kinds.Pad)
def _pad(kind: kinds.Pad, given: Given) -> Value:
    """Put a number around, or what lies at the ends (`numpy.pad`)."""
    widths = ((0, 0), *kind.widths)
    if kind.mode == "constant":
        return pad(given.x, widths, fill=kind.number)
    x = given.x
    for axis, sides in enumerate(widths):
        if any(sides):
            x = take(x, np.pad(np.arange(x.shape[axis]), sides, mode=kind.mode), axis=axis)
    return x


@defines(kinds.Slice)
def _slice(kind: kinds.Slice, given: Given) -> Value:
    """Take parts of axes."""
    return given.x[(slice(None), *(part if isinstance(part, int) else slice(*part) for part in kind.parts))]


def _shape(x: Value, axes: Sequence[int], *, keepdims: bool) -> tuple[int, ...]:
    """Find the shape of what is reduced along axes."""
    kept = {axis % x.ndim for axis in axes}
    found = ((1 if axis in kept else length, axis in kept) for axis, length in enumerate(x.shape))
    return tuple(length for length, is_reduced in found if keepdims or not is_reduced)


def _logsumexp(x: Value, axes: tuple[int, ...]) -> Value:
    """Compute the logarithm of a sum of exponentials, of which none overflows."""
    most: Array = x.data.max(axis=axes, keepdims=True)
    return log(exp(x - most).sum(axes, keepdims=True)) + most


def _variance(x: Value, axes: tuple[int, ...]) -> Value:
    """Compute the mean of squares of what is left when the mean is subtracted."""
    rest = x - x.mean(axes, keepdims=True)
    return (rest * rest).mean(axes, keepdims=True)


def _product_along(x: Value, axes: tuple[int, ...]) -> Value:
    """Multiply along axes, one value after the other, since some may be 0."""
    for axis in sorted((each % x.ndim for each in axes), reverse=True):
        x = reduce(mul, (x[(*(slice(None),) * axis, place)] for place in range(x.shape[axis])))
    return x


_REDUCTIONS: dict[str, Callable[[Value, tuple[int, ...]], Value]] = {
    "mean": lambda x, axes: x.mean(axes),
    "var": _variance,
    "std": lambda x, axes: _variance(x, axes) ** 0.5,
    "sum": lambda x, axes: x.sum(axes),
    "max": largest,
    "min": lambda x, axes: -largest(-x, axes),
    "logsumexp": _logsumexp,
    "prod": _product_along,
    "any": lambda x, axes: Value(np.asarray(x.data.astype(bool).any(axis=axes))),
    "all": lambda x, axes: Value(np.asarray(x.data.astype(bool).all(axis=axes))),
}


@defines(kinds.Reduce)
def _reduce(kind: kinds.Reduce, given: Given) -> Value:
    """Compute what values along axes come to; equal maxima share the gradient."""
    x = given.x if given.x.data.dtype.kind == "f" or kind.function in ("any", "all") else _floats(given.x)
    y = _REDUCTIONS[kind.function](x, kind.axis)
    return y.reshape(*_shape(x, kind.axis, keepdims=kind.keepdims))


def _floats(x: Value) -> Value:
    """Make floats of whole numbers and truth values."""
    return x if x.data.dtype.kind == "f" else Value(x.data.astype(np.float64))


@defines(kinds.Cast)
def _cast(_: kinds.Cast, given: Given) -> Value:
    """Make floats of whole numbers and truth values."""
    return _floats(given.x)


@defines(kinds.Fill)
def _fill(kind: kinds.Fill, given: Given) -> Value:
    """Give one number everywhere."""
    return Value(np.full_like(given.x.data, kind.number))


@defines(kinds.StopGradient)
def _stop_gradient(_: kinds.StopGradient, given: Given) -> Value:
    """Give the values without what they were made from."""
    return Value(given.x.data)


@defines(kinds.Product)
def _product(kind: kinds.Product, given: Given) -> Value:
    """Multiply by a matrix of constants."""
    matrix, x = Value(np.array(kind.matrix)), given.x
    if kind.reverse:
        return matrix @ x
    return (x.reshape(-1, x.shape[-1]) @ matrix).reshape(*x.shape[:-1], matrix.shape[1])
