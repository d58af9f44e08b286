"""Dense layers, embeddings, noise, and layers that only move values."""

import numpy as np

from genrebench.porting.definitions.activation import activate
from genrebench.porting.definitions.base import Given, defines, last
from genrebench.porting.tape import Value
from genrebench.reading.kinds import core as kinds


@defines(kinds.Dense)
def _dense(kind: kinds.Dense, given: Given) -> Value:
    """Compute ``activation(x kernel + bias)`` over the last axis."""
    x, kernel = given.x, given.weights["kernel"]
    y = x.reshape(-1, x.shape[-1]) @ kernel
    y = y.reshape(*x.shape[:-1], kind.units)
    return activate(kind.activation, y + given.weights["bias"] if kind.use_bias else y)


@defines(kinds.Flatten)
def _flatten(kind: kinds.Flatten, given: Given) -> Value:
    """Put all values of a sample in one row, channels last in any format (keras/src/layers/reshaping/flatten.py)."""
    x = last(given.x, kind.data_format) if given.x.ndim > 2 else given.x
    return x.reshape(x.shape[0], int(np.prod(x.shape[1:])))
