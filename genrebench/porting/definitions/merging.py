"""Layers with several inputs, and arithmetic between tensors."""

from functools import reduce
from operator import add

from genrebench.porting.definitions.base import Given, defines
from genrebench.porting.tape import Value
from genrebench.reading.kinds import merging as kinds


def _aligned(given: Given) -> list[Value]:
    """Give inputs of smaller rank axes of 1 behind the batch (keras/src/layers/merging/base_merge.py)."""
    rank = max(each.ndim for each in given.inputs)
    return [each.reshape(each.shape[0], *(1,) * (rank - each.ndim), *each.shape[1:]) for each in given.inputs]


@defines(kinds.Add)
def _add(_: kinds.Add, given: Given) -> Value:
    """Add up."""
    return reduce(add, _aligned(given))
