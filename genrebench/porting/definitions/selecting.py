"""Functions of tensors that pick, repeat or count values, and sums over named indices."""

import numpy as np

from genrebench.porting import primitives
from genrebench.porting.definition import Given, defines
from genrebench.porting.primitives import einsum, repeat, take
from genrebench.porting.tape import Value
from genrebench.reading.kinds import selecting as kinds


@defines(kinds.Take)
def _take(kind: kinds.Take, given: Given) -> Value:
    """Take places along an axis."""
    return take(given.x, np.array(kind.indices), axis=kind.axis % given.x.ndim)


@defines(kinds.Tile)
def _tile(kind: kinds.Tile, given: Given) -> Value:
    """Put the tensor behind itself, axis by axis."""
    x = given.x
    for axis, count in enumerate(kind.repeats, start=1):
        if count > 1:
            x = take(x, np.tile(np.arange(x.shape[axis]), count), axis=axis)
    return x


@defines(kinds.Repeat)
def _repeat(kind: kinds.Repeat, given: Given) -> Value:
    """Put equal values side by side."""
    return repeat(given.x, kind.repeats, axis=kind.axis % given.x.ndim)


@defines(kinds.CumulativeSum)
def _cumulative_sum(kind: kinds.CumulativeSum, given: Given) -> Value:
    """Add up what is at or before each place."""
    return primitives.cumsum(given.x, kind.axis)


@defines(kinds.Extreme)
def _extreme(kind: kinds.Extreme, given: Given) -> Value:
    """Find the place; the first of equal ones."""
    find = np.argmax if kind.function == "argmax" else np.argmin
    return Value(np.asarray(find(given.x.data, axis=kind.axis, keepdims=kind.keepdims)))


@defines(kinds.OneHot)
def _one_hot(kind: kinds.OneHot, given: Given) -> Value:
    """Put a 1 at the place; for a number that is none, nothing but zeros."""
    return Value((given.x.data[..., None] == np.arange(kind.count)).astype(np.float64))


@defines(kinds.CategoryEncoding)
def _category_encoding(kind: kinds.CategoryEncoding, given: Given) -> Value:
    """Compare with all numbers there are; then say whether any of a sample is one, or how many are."""
    numbers = given.x.data
    if kind.output_mode == "one_hot" and numbers.ndim > 1 and numbers.shape[-1] == 1:
        numbers = numbers[..., 0]
    found = numbers[..., None] == np.arange(kind.num_tokens)
    if kind.output_mode == "multi_hot":
        found = found.any(axis=1)
    return Value(found.sum(axis=1).astype(np.float64) if kind.output_mode == "count" else found.astype(np.float64))


@defines(kinds.Einsum)
def _einsum(kind: kinds.Einsum, given: Given) -> Value:
    """Sum products; first over the indices that are in one tensor alone, which go out of it."""
    names, _, kept = kind.subscripts.partition("->")
    found, values = names.split(","), list(given.inputs)
    for place, name in enumerate(found):
        others = kept + "".join(each for number, each in enumerate(found) if number != place)
        alone = [axis for axis, index in enumerate(name) if index not in others]
        if alone:
            values[place] = values[place].sum(alone)
            found[place] = "".join(index for index in name if index in others)
    return einsum(f"{','.join(found)}->{kept}", *values)
