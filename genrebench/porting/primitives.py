"""What layers are computed by: functions of values on the tape.

Where a function has a kink its gradient is TensorFlow's: 0 for ``max(x, 0)`` at 0, that of the first of equal values
(`maximum`, `first_largest`), equal shares for the maximum over whole axes (`largest`), and 1 at the bounds of `clip`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.special import erf as _erf
from scipy.special import expit

from genrebench.network.types import Array
from genrebench.porting.tape import Number, Value, as_value, axes_from, made, noted


def exp(x: Value) -> Value:
    """Compute the exponential."""
    result = np.exp(x.data)
    return made(result, (x, lambda g: g * result))


def log(x: Value) -> Value:
    """Compute the natural logarithm."""
    return made(np.log(x.data), (x, lambda g: g / x.data))


def tanh(x: Value) -> Value:
    """Compute the hyperbolic tangent."""
    result = np.tanh(x.data)
    return made(result, (x, lambda g: g * (1 - result**2)))


def sin(x: Value) -> Value:
    """Compute the sine."""
    return made(np.sin(x.data), (x, lambda g: g * np.cos(x.data)))


def cos(x: Value) -> Value:
    """Compute the cosine."""
    return made(np.cos(x.data), (x, lambda g: -g * np.sin(x.data)))


def log1p(x: Value) -> Value:
    """Compute ``log(1 + x)``, of small numbers, too."""
    return made(np.log1p(x.data), (x, lambda g: g / (1 + x.data)))


def expm1(x: Value) -> Value:
    """Compute ``exp(x) - 1``, of small numbers, too."""
    result = np.expm1(x.data)
    return made(result, (x, lambda g: g * (result + 1)))


def sigmoid(x: Value) -> Value:
    """Compute ``1 / (1 + exp(-x))``."""
    result = expit(x.data)
    return made(result, (x, lambda g: g * result * (1 - result)))


def softplus(x: Value) -> Value:
    """Compute ``log(1 + exp(x))``."""
    return made(np.logaddexp(x.data, 0.0), (x, lambda g: g * expit(x.data)))


def erf(x: Value) -> Value:
    """Compute the error function."""
    return made(_erf(x.data), (x, lambda g: g * 2 / np.sqrt(np.pi) * np.exp(-(x.data**2))))


def arctan2(y: Value, x: Value) -> Value:
    """Compute the angle of a point."""
    square = x.data**2 + y.data**2
    result = np.arctan2(y.data, x.data)
    return made(result, (y, lambda g: g * x.data / square), (x, lambda g: -g * y.data / square))


def fourier(x: Value) -> tuple[Value, Value]:
    """Compute the real and the imaginary part of the Fourier transform along the last axis (`numpy.fft.rfft`)."""
    result, length = np.fft.rfft(x.data), x.shape[-1]
    # Each is its own transpose, but for the frequencies that are not there.
    real = made(result.real, (x, lambda g: np.fft.fft(g, length).real))
    return real, made(result.imag, (x, lambda g: np.fft.fft(g, length).imag))


def where(condition: Array, a: Value | Number, b: Value | Number) -> Value:
    """Take the one where a condition holds, else the other."""
    a, b = as_value(a), as_value(b)
    result = np.where(condition, a.data, b.data)
    return made(result, (a, lambda g: np.where(condition, g, 0.0)), (b, lambda g: np.where(condition, 0.0, g)))


def maximum(a: Value, b: Value | Number) -> Value:
    """Take the larger; the first of equal ones, unless it stands against a constant."""
    b = as_value(b)
    return where(a.data >= b.data if b.is_tracked else a.data > b.data, a, b)


def minimum(a: Value, b: Value | Number) -> Value:
    """Take the smaller; the first of equal ones, unless it stands against a constant."""
    b = as_value(b)
    return where(a.data <= b.data if b.is_tracked else a.data < b.data, a, b)


def clip(x: Value, low: float, high: float) -> Value:
    """Move values outside bounds to them."""
    is_inside = (x.data >= low) & (x.data <= high)
    return made(np.clip(x.data, low, high), (x, lambda g: np.where(is_inside, g, 0.0)))


def largest(x: Value, axes: int | Sequence[int]) -> Value:
    """Take the maximum over axes; equal ones share the gradient."""
    found = axes_from(axes, x.ndim)
    result = x.data.max(axis=found, keepdims=True)
    share = (x.data == result) / (x.data == result).sum(axis=found, keepdims=True)
    return made(result.squeeze(found), (x, lambda g: np.expand_dims(g, found) * share))


def first_largest(x: Value) -> Value:
    """Take the maximum over the last axis; the first of equal ones has the gradient."""
    places = x.data.argmax(axis=-1)[..., None]

    def pull(gradient: Array, total: Array) -> None:
        """Add in one place each."""
        spread = np.zeros(x.shape)
        np.put_along_axis(spread, places, gradient[..., None], axis=-1)
        total += spread

    return noted(np.take_along_axis(x.data, places, axis=-1)[..., 0], (x, pull))


def einsum(subscripts: str, *values: Value) -> Value:
    """Sum products over indices, each of which is in the result or in another operand (`numpy.einsum`)."""
    given, _, kept = subscripts.partition("->")
    names, arrays = given.split(","), [value.data for value in values]

    def pull_of(place: int) -> Callable[[Array], Array]:
        """Put the result in the place of an operand."""
        others = [each for number, each in enumerate(arrays) if number != place]
        rest = [each for number, each in enumerate(names) if number != place]
        back = f"{','.join([kept, *rest])}->{names[place]}"
        return lambda g: np.einsum(back, g, *others, optimize=True)

    result = np.einsum(subscripts, *arrays, optimize=True)
    return made(result, *((value, pull_of(place)) for place, value in enumerate(values)))


def pad(x: Value, widths: Sequence[tuple[int, int]], *, fill: float = 0.0) -> Value:
    """Put a constant around, by (before, behind) of each axis."""
    inside = tuple(slice(before, before + length) for (before, _), length in zip(widths, x.shape, strict=True))
    return made(np.pad(x.data, widths, constant_values=fill), (x, lambda g: g[inside]))


def take(x: Value, indices: Array, *, axis: int = 0) -> Value:
    """Take elements along an axis, some perhaps more than once (`numpy.take`)."""
    index: Any = (*(slice(None),) * axis, indices)

    def pull(gradient: Array, total: Array) -> None:
        """Add, as often as an element was taken."""
        np.add.at(total, index, gradient)

    return noted(np.take(x.data, indices, axis=axis), (x, pull))


def repeat(x: Value, count: int, *, axis: int) -> Value:
    """Repeat every element along an axis (`numpy.repeat`)."""
    apart = (*x.shape[: axis + 1], count, *x.shape[axis + 1 :])
    return made(np.repeat(x.data, count, axis=axis), (x, lambda g: g.reshape(apart).sum(axis=axis + 1)))


def cumsum(x: Value, axis: int) -> Value:
    """Add up all that is at or before each place along an axis (`numpy.cumsum`)."""

    def pull(gradient: Array) -> Array:
        """Add up all that comes at or after each place."""
        return np.flip(np.cumsum(np.flip(gradient, axis), axis), axis)

    return made(np.cumsum(x.data, axis), (x, pull))


def concatenate(values: Sequence[Value], axis: int) -> Value:
    """Put one behind the other along an axis."""
    ends = np.cumsum([value.shape[axis] for value in values])

    def pull_of(place: int) -> Callable[[Array], Array]:
        """Take the part of one."""
        part = np.arange(ends[place] - values[place].shape[axis], ends[place])
        return lambda g: np.take(g, part, axis=axis)

    result = np.concatenate([value.data for value in values], axis=axis)
    return made(result, *((value, pull_of(place)) for place, value in enumerate(values)))


def stack(values: Sequence[Value], axis: int) -> Value:
    """Put values of one shape together along a new axis."""

    def pull_of(place: int) -> Callable[[Array], Array]:
        """Take one."""
        return lambda g: np.take(g, place, axis=axis)

    result = np.stack([value.data for value in values], axis=axis)
    return made(result, *((value, pull_of(place)) for place, value in enumerate(values)))
