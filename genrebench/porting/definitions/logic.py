"""Comparisons, and what is computed of truth values; none of them has a gradient but `Where`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from genrebench.network.types import Array
from genrebench.porting.definition import Given, defines
from genrebench.porting.primitives import where
from genrebench.porting.tape import Value
from genrebench.reading.kinds import logic as kinds

_COMPARISONS: dict[str, Callable[[Any, Any], Array]] = {
    "equal": np.equal,
    "not_equal": np.not_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
}
_LOGIC: dict[str, Callable[[Any, Any], Array]] = {
    "and": np.logical_and,
    "or": np.logical_or,
    "xor": np.logical_xor,
}


@defines(kinds.Compare)
def _compare(kind: kinds.Compare, given: Given) -> Value:
    """Say where a tensor is greater than a number or another tensor, and so on."""
    other = given.inputs[1].data if kind.number is None else kind.number
    return Value(_COMPARISONS[kind.operator](given.x.data, other))


@defines(kinds.Logical)
def _logical(kind: kinds.Logical, given: Given) -> Value:
    """Say where both are true, either, or one is not."""
    if kind.operator == "not":
        return Value(np.logical_not(given.x.data))
    return Value(_LOGIC[kind.operator](given.x.data, given.inputs[1].data))


@defines(kinds.Where)
def _where(kind: kinds.Where, given: Given) -> Value:
    """Take the one where a condition holds, else the other."""
    condition, *tensors = given.inputs
    left = iter(tensors)
    first, second = (next(left) if number is None else number for number in (kind.first, kind.second))
    return where(condition.data.astype(bool), first, second)
