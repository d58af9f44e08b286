"""Poolings."""

import numpy as np

from genrebench.porting.definition import Given, back, defines, kept, last
from genrebench.porting.definitions.convolution import bordered
from genrebench.porting.kernels import windows
from genrebench.porting.primitives import first_largest, largest
from genrebench.porting.tape import Value
from genrebench.reading.kinds import pooling as kinds


def _seen(kind: kinds._Pooling, x: Value, fill: float) -> Value:
    """Look through windows; their positions come in one axis behind the channels."""
    ones = (1,) * kind.rank
    x = bordered(x, kind.pool_size, kind.strides, ones, kind.padding, fill=fill)
    seen = windows(x, kind.pool_size, kind.strides)
    return seen.reshape(*seen.shape[: kind.rank + 2], -1)


@defines(kinds.MaxPooling1D, kinds.MaxPooling2D, kinds.MaxPooling3D)
def _max_pooling(kind: kinds._Pooling, given: Given) -> Value:
    """Take the largest value in each window; the padding never is (it is minus infinity)."""
    x = last(given.x, kind.data_format)
    return back(first_largest(_seen(kind, x, -np.inf)), kind.data_format)


@defines(kinds.AveragePooling1D, kinds.AveragePooling2D, kinds.AveragePooling3D)
def _average_pooling(kind: kinds._Pooling, given: Given) -> Value:
    """Average each window over the values in it that are not padding (``tf.nn.avg_pool``)."""
    x = last(given.x, kind.data_format)
    real = _seen(kind, Value(np.ones((1, *x.shape[1:-1], 1))), 0.0).data.sum(axis=-1)
    return back(_seen(kind, x, 0.0).sum(-1) / real, kind.data_format)


def _shaped(kind: kinds._Global, y: Value) -> Value:
    """Keep the axes that were pooled, if asked for; their length is 1."""
    if not kind.keepdims:
        return y
    return back(y.reshape(y.shape[0], *(1,) * kind.rank, y.shape[1]), kind.data_format)


@defines(kinds.GlobalAveragePooling1D)
def _average_over_time(kind: kinds.GlobalAveragePooling1D, given: Given) -> Value:
    """Average over time; over the steps that a mask keeps (keras/src/layers/pooling/global_average_pooling1d.py)."""
    x, mask = last(given.x, kind.data_format), given.mask
    if mask is None:
        return _shaped(kind, x.mean(1))
    there = kept(mask, x)
    return _shaped(kind, (x * there).sum(1) / there.sum(axis=1))


@defines(kinds.GlobalAveragePooling2D, kinds.GlobalAveragePooling3D)
def _global_average(kind: kinds._Global, given: Given) -> Value:
    """Average each channel."""
    x = last(given.x, kind.data_format)
    return _shaped(kind, x.mean(tuple(range(1, x.ndim - 1))))


@defines(kinds.GlobalMaxPooling1D, kinds.GlobalMaxPooling2D, kinds.GlobalMaxPooling3D)
def _global_max(kind: kinds._Global, given: Given) -> Value:
    """Take each channel's largest value."""
    x = last(given.x, kind.data_format)
    return _shaped(kind, largest(x, tuple(range(1, x.ndim - 1))))
