"""Layers with several inputs, and arithmetic between tensors."""

from collections.abc import Callable
from functools import reduce
from operator import add, mul, sub, truediv
from typing import Any

import numpy as np

from genrebench.porting.definition import Given, Made, Mask, defines
from genrebench.porting.definitions.normalization import normalized
from genrebench.porting.primitives import concatenate, einsum, exp, log, maximum, minimum, where
from genrebench.porting.tape import Value
from genrebench.reading.kinds import merging as kinds


def _aligned(given: Given) -> list[Value]:
    """Give inputs of smaller rank axes of 1 behind the batch (keras/src/layers/merging/base_merge.py)."""
    rank = max(each.ndim for each in given.inputs)
    return [each.reshape(each.shape[0], *(1,) * (rank - each.ndim), *each.shape[1:]) for each in given.inputs]


def _mask(kind: Any, given: Given) -> Mask:
    """Keep a step that any input has; without a mask if one input is without (``Merge.compute_mask``).

    In Keras 2 a step that all masks have, which are those of some inputs.
    """
    masks = [each for each in given.masks if each is not None]
    if kind.mask_rule == "all":
        return np.logical_and.reduce(masks) if masks else None
    return np.logical_or.reduce(masks) if masks and len(masks) == len(given.inputs) else None


def _merged(kind: Any, given: Given, operator: Callable[[Value, Value], Value]) -> Made:
    """Merge one input after the other."""
    return Made((reduce(operator, _aligned(given)),), (_mask(kind, given),))


@defines(kinds.Add)
def _add(kind: kinds.Add, given: Given) -> Made:
    """Add up."""
    return _merged(kind, given, add)


@defines(kinds.Subtract)
def _subtract(kind: kinds.Subtract, given: Given) -> Made:
    """Subtract the second from the first."""
    return _merged(kind, given, sub)


@defines(kinds.Multiply)
def _multiply(kind: kinds.Multiply, given: Given) -> Made:
    """Multiply."""
    return _merged(kind, given, mul)


@defines(kinds.Average)
def _average(kind: kinds.Average, given: Given) -> Made:
    """Average."""
    total = reduce(add, _aligned(given))
    return Made((total / float(len(given.inputs)),), (_mask(kind, given),))


def _picked(kind: Any, given: Given, operator: Callable[[Value, Value], Value]) -> Made:
    """Pick among the inputs that have a step; what a mask takes away, the others replace.

    That of ``Merge._apply_merge_op_and_or_mask``, by which Keras 3 merges maxima and minima.
    """
    if kind.mask_rule == "all":
        return _merged(kind, given, operator)
    values = _aligned(given)
    masks = [each if each is None else np.broadcast_to(each[..., None], value.shape)
             for each, value in zip(given.masks or (None,) * len(values), values, strict=True)]  # fmt: skip
    result, there = values[0], masks[0]
    for value, mask in zip(values[1:], masks[1:], strict=True):
        own = value if mask is None else where(mask, value, result)
        result = operator(result if there is None else where(there, result, own), own)
        there = None if mask is None or there is None else there | mask
    return Made((result,), (None if there is None else np.asarray(there.any(axis=-1)),))


@defines(kinds.Maximum)
def _maximum(kind: kinds.Maximum, given: Given) -> Made:
    """Take the largest."""
    return _picked(kind, given, maximum)


@defines(kinds.Minimum)
def _minimum(kind: kinds.Minimum, given: Given) -> Made:
    """Take the smallest."""
    return _picked(kind, given, minimum)


@defines(kinds.Concatenate)
def _concatenate(kind: kinds.Concatenate, given: Given) -> Made:
    """Put one behind the other; a step is there where any of its features is (``Concatenate.compute_mask``).

    In Keras 2, where all of them are.
    """
    masks = given.masks or (None,) * len(given.inputs)
    mask = None
    if any(each is not None for each in masks):
        spread = [
            np.ones(value.shape, bool) if each is None else np.broadcast_to(each[..., None], value.shape)
            for value, each in zip(given.inputs, masks, strict=True)
        ]
        joined = np.concatenate(spread, axis=kind.axis)
        mask = np.asarray(joined.all(axis=-1) if kind.mask_rule == "all" else joined.any(axis=-1))
    return Made((concatenate(given.inputs, kind.axis),), (mask,))


@defines(kinds.Dot)
def _dot(kind: kinds.Dot, given: Given) -> Value:
    """Sum products along one axis of each input; the first's other axes come before the second's."""
    first, second = given.inputs
    places = [axis % each.ndim for axis, each in zip(kind.axes, given.inputs, strict=True)]
    if kind.normalize:
        first, second = (normalized(each, (axis,), 1e-7) for each, axis in zip((first, second), places, strict=True))
    names = ["n" + "abcd"[: first.ndim - 1], "n" + "efgh"[: second.ndim - 1]]
    given_names = [name[:place] + "z" + name[place + 1 :] for name, place in zip(names, places, strict=True)]
    left = "".join(name[1:place] + name[place + 1 :] for name, place in zip(names, places, strict=True))
    y = einsum(f"{','.join(given_names)}->n{left}", first, second)
    return y if left else y.reshape(y.shape[0], 1)


@defines(kinds.Divide)
def _divide(kind: kinds.Divide, given: Given) -> Made:
    """Divide the first by the second."""
    return _merged(kind, given, truediv)


def _power(first: Value, second: Value) -> Value:
    """Compute ``first ** second`` of positive numbers; of two tensors TensorFlow has no gradient elsewhere."""
    return exp(log(first) * second)


@defines(kinds.Power)
def _to_the_power(kind: kinds.Power, given: Given) -> Made:
    """Raise the first to the power of the second."""
    return _merged(kind, given, _power)


_OPERATORS: dict[str, Callable[[Value, Value], Value]] = {
    "add": add,
    "subtract": sub,
    "multiply": mul,
    "divide": truediv,
    "maximum": maximum,
    "minimum": minimum,
    "power": _power,
}


@defines(kinds.Arithmetic)
def _arithmetic(kind: kinds.Arithmetic, given: Given) -> Value:
    """Compute ``x operator number``, or the reverse."""
    x, number = given.x, Value(np.array(kind.number))
    if kind.operator == "power":
        return exp(x * float(np.log(kind.number))) if kind.reverse else x**kind.number
    return _OPERATORS[kind.operator](number, x) if kind.reverse else _OPERATORS[kind.operator](x, number)


@defines(kinds.ArrayArithmetic)
def _array_arithmetic(kind: kinds.ArrayArithmetic, given: Given) -> Value:
    """Compute ``x operator values``, or the reverse, the same values for every sample."""
    x, values = given.x, Value(np.array(kind.values))
    return _OPERATORS[kind.operator](values, x) if kind.reverse else _OPERATORS[kind.operator](x, values)
