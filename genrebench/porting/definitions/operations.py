"""Functions of tensors that stand between layers."""

from genrebench.porting.definition import Given, defines
from genrebench.porting.primitives import largest
from genrebench.porting.tape import Value
from genrebench.reading.kinds import operations as kinds


@defines(kinds.Unmask)
def _unmask(_: kinds.Unmask, given: Given) -> Value:
    """Compute nothing; the mask ends."""
    return given.x


@defines(kinds.Slice)
def _slice(kind: kinds.Slice, given: Given) -> Value:
    """Take parts of axes."""
    return given.x[(slice(None), *(part if isinstance(part, int) else slice(*part) for part in kind.parts))]


@defines(kinds.Reduce)
def _reduce(kind: kinds.Reduce, given: Given) -> Value:
    """Compute mean, sum, maximum or minimum along axes; equal maxima share the gradient."""
    x, axes = given.x, kind.axis
    if kind.function == "mean":
        return x.mean(axes, keepdims=kind.keepdims)
    if kind.function == "sum":
        return x.sum(axes, keepdims=kind.keepdims)
    y = largest(x, axes) if kind.function == "max" else -largest(-x, axes)
    kept = {axis % x.ndim for axis in axes}
    return y.reshape(*(1 if axis in kept else length for axis, length in enumerate(x.shape))) if kind.keepdims else y
