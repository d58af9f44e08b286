"""Dense layers, embeddings, noise, and layers that only move values."""

import math

import numpy as np

from genrebench.errors import BackendError
from genrebench.network.types import Array
from genrebench.porting.definition import Given, Made, defines, last
from genrebench.porting.definitions.activation import activate
from genrebench.porting.primitives import repeat, take, where
from genrebench.porting.tape import Value
from genrebench.reading.kinds import core as kinds


@defines(kinds.Dense)
def _dense(kind: kinds.Dense, given: Given) -> Value:
    """Compute ``activation(x kernel + bias)`` over the last axis."""
    x = given.x
    y = (x.reshape(-1, x.shape[-1]) @ given.weights["kernel"]).reshape(*x.shape[:-1], kind.units)
    return activate(kind.activation, y + given.weights["bias"] if kind.use_bias else y)


@defines(kinds.Embedding)
def _embedding(kind: kinds.Embedding, given: Given) -> Made:
    """Take a row of the table for each number; 0 marks a step that is not there, if asked for."""
    indices = given.x.data.astype(np.int64)
    if indices.size and not 0 <= indices.min() <= indices.max() < kind.input_dim:
        raise BackendError(f"expected whole numbers from 0 to {kind.input_dim - 1}, received {indices.min()} to "
                           f"{indices.max()}")  # fmt: skip
    return Made((take(given.weights["embeddings"], indices),), (indices != 0 if kind.mask_zero else None,))


@defines(kinds.Masking)
def _masking(kind: kinds.Masking, given: Given) -> Made:
    """Keep the steps of which some feature is not ``mask_value``, the others become 0."""
    there = (given.x.data != kind.mask_value).any(axis=-1)
    return Made((where(there[..., None], given.x, 0.0),), (there,))


@defines(kinds.Dropout, kinds.SpatialDropout1D, kinds.SpatialDropout2D, kinds.SpatialDropout3D)
def _dropout(kind: kinds._Dropping, given: Given) -> Value:
    """Keep what was drawn to be kept, divided by the share that is kept (Srivastava et al., JMLR 15, 2014)."""
    return dropped(given.x, given.draw(), kind.rate)


def dropped(x: Value, kept: Array | None, rate: float) -> Value:
    """Drop values at a rate."""
    return x if kept is None or rate == 0 else x * (kept / (1 - rate) if rate < 1 else 0.0 * kept)


@defines(kinds.GaussianNoise)
def _gaussian_noise(_: kinds.GaussianNoise, given: Given) -> Value:
    """Add what was drawn."""
    noise = given.draw()
    return given.x if noise is None else given.x + noise


@defines(kinds.GaussianDropout)
def _gaussian_dropout(_: kinds.GaussianDropout, given: Given) -> Value:
    """Multiply by what was drawn, of mean 1 (Srivastava et al., JMLR 15, 2014, section 10)."""
    noise = given.draw()
    return given.x if noise is None else given.x * noise


@defines(kinds.AlphaDropout)
def _alpha_dropout(kind: kinds.AlphaDropout, given: Given) -> Value:
    """Drop to the saturation of SELU, and restore mean and variance (Klambauer et al., arXiv:1706.02515)."""
    kept, rate = given.draw(), kind.rate
    if kept is None or rate == 0:
        return given.x
    saturation = -1.6732632423543772 * 1.0507009873554805
    scale = 1 / math.sqrt((1 - rate) * (1 + rate * saturation**2))
    return (given.x * kept + saturation * (1 - kept)) * scale - scale * saturation * rate


@defines(kinds.ActivityRegularization, kinds.Identity)
def _identity(_: kinds.Identity, given: Given) -> Value:
    """Compute nothing."""
    return given.x


@defines(kinds.Flatten)
def _flatten(kind: kinds.Flatten, given: Given) -> Value:
    """Put all values of a sample in one row, channels last in any format (keras/src/layers/reshaping/flatten.py)."""
    x = last(given.x, kind.data_format)
    return x.reshape(x.shape[0], int(np.prod(x.shape[1:])))


@defines(kinds.Reshape)
def _reshape(kind: kinds.Reshape, given: Given) -> Value:
    """Read the values row by row into another shape."""
    return given.x.reshape(given.x.shape[0], *kind.target_shape)


@defines(kinds.Permute)
def _permute(kind: kinds.Permute, given: Given) -> Value:
    """Put the axes in another order, which counts from 1 for the first behind the batch."""
    return given.x.transpose(0, *kind.dims)


@defines(kinds.RepeatVector)
def _repeat_vector(kind: kinds.RepeatVector, given: Given) -> Value:
    """Give a vector n times."""
    return repeat(given.x[:, None], kind.n, axis=1)
