"""Reverse-mode differentiation over a few NumPy primitives, in float64.

Every primitive computes an array and notes how a gradient with respect to it adds to those with respect to what it was
made from; `gradients` plays these notes backwards (Griewank and Walther, "Evaluating derivatives", 2008, chapter 3).

The functions are in `genrebench.porting.primitives`.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from genrebench.errors import BackendError
from genrebench.network.types import Array

# Adds to a gradient in place: takes that of what was made, and that of what it was made from, so far.
Pull = Callable[[Array, Array], None]
Number = float | Array

_ORDER = itertools.count()


class Value:
    """An array, and what it was made from.

    Parameters
    ----------
    data : ndarray
        Floats of float64, or integers and booleans, through which no gradient goes.
    is_tracked : bool, optional
        Whether gradients with respect to it are asked for.

    Examples
    --------
    >>> x = Value(np.array([1.0, 2.0]), is_tracked=True)
    >>> y = (x * x).sum()
    >>> gradients([(y, np.array(1.0))], {"x": x})
    {'x': array([2., 4.])}
    """

    # An array on the left of an operator leaves the operation to `Value`.
    __array_ufunc__ = None
    __slots__ = ("data", "is_tracked", "order", "sources")

    def __init__(self, data: Array, *, is_tracked: bool = False) -> None:
        """Keep the array."""
        self.data = data
        self.is_tracked = is_tracked and data.dtype.kind == "f"
        self.sources: tuple[tuple[Value, Pull], ...] = ()
        self.order = next(_ORDER)

    @property
    def shape(self) -> tuple[int, ...]:
        """Give the array's shape."""
        return self.data.shape

    @property
    def ndim(self) -> int:
        """Count the array's axes."""
        return self.data.ndim

    def __add__(self, other: "Value | Number") -> "Value":
        """Add, with broadcasting."""
        other = as_value(other)
        return made(self.data + other.data, (self, lambda g: g), (other, lambda g: g))

    def __radd__(self, other: Number) -> "Value":
        """Add, with broadcasting."""
        return self + other

    def __neg__(self) -> "Value":
        """Change the sign."""
        return made(-self.data, (self, lambda g: -g))

    def __sub__(self, other: "Value | Number") -> "Value":
        """Subtract, with broadcasting."""
        return self + -as_value(other)

    def __rsub__(self, other: Number) -> "Value":
        """Subtract, with broadcasting."""
        return -self + other

    def __mul__(self, other: "Value | Number") -> "Value":
        """Multiply, with broadcasting."""
        a, b = self, as_value(other)
        return made(a.data * b.data, (a, lambda g: g * b.data), (b, lambda g: g * a.data))

    def __rmul__(self, other: Number) -> "Value":
        """Multiply, with broadcasting."""
        return self * other

    def __truediv__(self, other: "Value | Number") -> "Value":
        """Divide, with broadcasting."""
        a, b = self, as_value(other)
        quotient = a.data / b.data
        return made(quotient, (a, lambda g: g / b.data), (b, lambda g: -g * quotient / b.data))

    def __rtruediv__(self, other: Number) -> "Value":
        """Divide, with broadcasting."""
        return as_value(other) / self

    def __pow__(self, exponent: float) -> "Value":
        """Raise to a constant power."""
        x = self.data
        return made(x**exponent, (self, lambda g: g * exponent * x ** (exponent - 1)))

    def __matmul__(self, other: "Value") -> "Value":
        """Multiply matrices, in the last two axes of each."""
        a, b = self.data, other.data
        return made(a @ b, (self, lambda g: g @ np.swapaxes(b, -1, -2)), (other, lambda g: np.swapaxes(a, -1, -2) @ g))

    def __getitem__(self, index: Any) -> "Value":
        """Take a part by whole numbers, slices, None and Ellipsis, which name no element twice."""

        def pull(gradient: Array, total: Array) -> None:
            """Add to that part."""
            total[index] += gradient

        return noted(self.data[index], (self, pull))

    def reshape(self, *shape: int) -> "Value":
        """Give the same values, row by row, in another shape."""
        return made(self.data.reshape(shape), (self, lambda g: g.reshape(self.shape)))

    def transpose(self, *axes: int) -> "Value":
        """Put the axes in another order."""
        back = np.argsort(axes)
        return made(self.data.transpose(axes), (self, lambda g: g.transpose(back)))

    def moved(self, source: int, target: int) -> "Value":
        """Move an axis to another place, the others keep their order."""
        axes = list(range(self.ndim))
        axes.insert(target % self.ndim, axes.pop(source))
        return self.transpose(*axes)

    def sum(self, axes: int | Sequence[int] | None = None, *, keepdims: bool = False) -> "Value":
        """Add up along axes, by default along all."""
        found = axes_from(axes, self.ndim)

        def pull(gradient: Array, total: Array) -> None:
            """Every summand has the sum's gradient."""
            total += gradient if keepdims else np.expand_dims(gradient, found)

        return noted(self.data.sum(axis=found, keepdims=keepdims), (self, pull))

    def mean(self, axes: int | Sequence[int] | None = None, *, keepdims: bool = False) -> "Value":
        """Average along axes, by default along all."""
        count = np.prod([self.shape[axis] for axis in axes_from(axes, self.ndim)])
        return self.sum(axes, keepdims=keepdims) / float(count)


def as_value(value: Value | Number) -> Value:
    """Make a constant of a number or an array."""
    return value if isinstance(value, Value) else Value(np.asarray(value))


def gradients(cotangents: Sequence[tuple[Value, Array]], wanted: Mapping[str, Value]) -> dict[str, Array]:
    """Compute vector-Jacobian products.

    Parameters
    ----------
    cotangents : sequence of (Value, ndarray)
        Results, and by what to multiply them; of a result that comes twice the products are added.
    wanted : mapping of str to Value
        Tracked values.

    Returns
    -------
    dict of str to ndarray
        The gradients of ``sum((cotangent * result).sum())`` with respect to the wanted values; zeros where no result
        depends on one.

    Raises
    ------
    BackendError
        If a cotangent has another shape than its result.

    Examples
    --------
    >>> x = Value(np.array([1.0, 2.0]), is_tracked=True)
    >>> gradients([(x * 3.0, np.array([1.0, 10.0]))], {"x": x})
    {'x': array([ 3., 30.])}
    """
    totals: dict[Value, Array] = {}
    for value, cotangent in cotangents:
        if cotangent.shape != value.shape:
            raise BackendError(f"expected a cotangent of shape {value.shape}, received {cotangent.shape}")
        totals[value] = np.asarray(cotangent + totals.get(value, np.zeros(value.shape)))
    kept = set(wanted.values())
    # Everything is younger than what it was made from.
    for value in sorted(_ancestors(totals), key=lambda each: each.order, reverse=True):
        if (gradient := totals.get(value)) is None:
            continue
        for source, pull in value.sources:
            if source not in totals:
                totals[source] = np.zeros(source.shape)
            pull(gradient, totals[source])
        if value not in kept:
            del totals[value]
    return {name: totals.get(value, np.zeros(value.shape)) for name, value in wanted.items()}


def _ancestors(values: Iterable[Value]) -> set[Value]:
    """Collect values, and all that they were made from."""
    found, pending = set(values), list(values)
    while pending:
        for source, _ in pending.pop().sources:
            if source not in found:
                found.add(source)
                pending.append(source)
    return found


def noted(data: Array, *sources: tuple[Value, Pull]) -> Value:
    """Make a value of which is known how its gradient adds to those of its sources."""
    value = Value(np.asarray(data))
    value.sources = tuple(each for each in sources if each[0].is_tracked)
    value.is_tracked = bool(value.sources)
    return value


def made(data: Array, *sources: tuple[Value, Callable[[Array], Array]]) -> Value:
    """Make a value, with functions from its gradient to those of its sources, which are summed where it was spread."""

    def adding(function: Callable[[Array], Array]) -> Pull:
        """Add what a function gives."""

        def pull(gradient: Array, total: Array) -> None:
            """Undo the broadcasting, and add."""
            total += _gathered(function(gradient), total.shape)

        return pull

    return noted(data, *((source, adding(function)) for source, function in sources))


def _gathered(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum over the axes along which an array of a shape was broadcast."""
    if gradient.shape == shape:
        return gradient
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    spread = tuple(axis for axis, length in enumerate(shape) if length == 1 and gradient.shape[axis] != 1)
    return np.asarray(gradient.sum(axis=spread, keepdims=True))


def axes_from(axes: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """List axes, none of them negative."""
    if axes is None:
        return tuple(range(ndim))
    return tuple(axis % ndim for axis in ([axes] if isinstance(axes, int) else axes))
