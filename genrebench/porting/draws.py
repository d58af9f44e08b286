"""What random layers draw: which values they keep, and which noise they add or multiply by."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from genrebench.network.types import Array, Shape
from genrebench.reading.graph import Call, Graph, Tensor
from genrebench.reading.kinds import attention, conv_lstm, core, recurrent
from genrebench.reading.kinds.base import Kind
from genrebench.reading.submodel import Submodel

Draw = Callable[[Any, Sequence[Shape], np.random.Generator], dict[str, Array]]


def draw_for(call: Call, shapes: Sequence[Shape], rng: np.random.Generator) -> dict[str, Array]:
    """Draw what a call needs in training.

    Parameters
    ----------
    shapes : sequence of tuple of int
        Of its inputs, with the batch.

    Returns
    -------
    dict of str to ndarray
        By the call's name; with ``/`` and a word behind for layers that draw several times. Empty for most layers.
    """
    drawn = _drawn(call.layer.kind, shapes, rng) if call.layer.kind is not None else {}
    return {f"{call.name}/{name}" if name else call.name: value for name, value in drawn.items()}


def shapes_of(graph: Graph, inputs: Mapping[str, Shape]) -> dict[Tensor, Shape]:
    """Infer the shapes of all tensors, with the batch.

    Parameters
    ----------
    inputs : mapping of str to tuple of int
        Shapes, with the batch, by the names of the calls of InputLayer.

    Raises
    ------
    ConfigError
        If a layer cannot follow.
    """
    found: dict[Tensor, Shape] = {}
    for call in graph.calls.values():
        if call.name in inputs:
            found[Tensor(call.name)] = inputs[call.name]
        elif call.layer.kind is not None:
            given = [found[each] for each in call.inputs]
            made = call.layer.kind.output_shapes([shape[1:] for shape in given], call.arguments)
            batch = given[0][0]
            for output, shape in enumerate(made):
                found[Tensor(call.name, output)] = (batch, *(length for length in shape if length is not None))
    return found


def _drawn(kind: Kind, shapes: Sequence[Shape], rng: np.random.Generator) -> dict[str, Array]:
    """Draw what a kind needs, by the names that its definition has for it."""
    draw = _DRAWS.get(type(kind))
    return draw(kind, shapes, rng) if draw else {}


def _kept(shape: Sequence[int], rate: float, rng: np.random.Generator) -> Array:
    """Draw which values are kept: 1 or 0; where both should occur, at least one of each does."""
    kept = (rng.random(tuple(shape)) >= rate).astype(np.float64)
    if 0 < rate < 1 and kept.size > 1:
        first, second = rng.choice(kept.size, 2, replace=False)
        kept.flat[first], kept.flat[second] = 0.0, 1.0
    return kept


def _dropout(kind: core.Dropout, shapes: Sequence[Shape], rng: np.random.Generator) -> dict[str, Array]:
    """Draw for each value, or once for all along the axes where ``noise_shape`` is 1."""
    said = kind.noise_shape or (None,) * len(shapes[0])
    shape = [length if own is None else int(own) for length, own in zip(shapes[0], said, strict=True)]
    return {"": _kept(shape, kind.rate, rng)} if kind.rate else {}


def _spatial_dropout(kind: Any, shapes: Sequence[Shape], rng: np.random.Generator) -> dict[str, Array]:
    """Draw for each channel of each sample."""
    batch, *lengths = shapes[0]
    is_first = getattr(kind, "data_format", "channels_last") == "channels_first"
    ones = (1,) * (len(lengths) - 1)
    shape = (batch, lengths[0], *ones) if is_first else (batch, *ones, lengths[-1])
    return {"": _kept(shape, kind.rate, rng)} if kind.rate else {}


def _noise(kind: core.GaussianNoise, shapes: Sequence[Shape], rng: np.random.Generator) -> dict[str, Array]:
    """Draw what is added."""
    return {"": kind.stddev * rng.standard_normal(shapes[0])} if kind.stddev else {}


def _gaussian_dropout(
    kind: core.GaussianDropout, shapes: Sequence[Shape], rng: np.random.Generator
) -> dict[str, Array]:
    """Draw by what is multiplied."""
    if not 0 < kind.rate < 1:
        return {}
    return {"": 1 + np.sqrt(kind.rate / (1 - kind.rate)) * rng.standard_normal(shapes[0])}


def _recurrent(kind: recurrent._Cell, shapes: Sequence[Shape], rng: np.random.Generator) -> dict[str, Array]:
    """Draw once for a whole sequence: for each gate its own where the state has dropout, as Keras does."""
    batch, _, features = shapes[0]
    gates = (kind.gates,) if kind.recurrent_dropout and kind.gates > 1 else ()
    drawn = {}
    for name, rate, width in (("dropout", kind.dropout, features),
                              ("recurrent_dropout", kind.recurrent_dropout, kind.units)):  # fmt: skip
        if rate:
            drawn[name] = _kept((batch, *gates, width), rate, rng)
    return drawn


def _conv_lstm(kind: conv_lstm._ConvLSTM, shapes: Sequence[Shape], rng: np.random.Generator) -> dict[str, Array]:
    """Draw once for a whole sequence, for each gate its own."""
    batch, _, *step = shapes[0]
    state = [length or 0 for length in kind.state_shape(shapes[0][1:])]
    drawn = {}
    for name, rate, shape in (("dropout", kind.dropout, step), ("recurrent_dropout", kind.recurrent_dropout, state)):
        if rate:
            drawn[name] = _kept((batch, kind.gates, *shape), rate, rng)
    return drawn


def _bidirectional(
    kind: recurrent.Bidirectional, shapes: Sequence[Shape], rng: np.random.Generator
) -> dict[str, Array]:
    """Draw for each direction."""
    ways = (("forward", kind.layer), ("backward", kind.backward_layer))
    return {f"{way}/{name}": value for way, layer in ways for name, value in _drawn(layer, shapes, rng).items()}


def _time_distributed(
    kind: recurrent.TimeDistributed, shapes: Sequence[Shape], rng: np.random.Generator
) -> dict[str, Array]:
    """Draw for each step [shape=(n, steps, ...)]."""
    batch, count, *rest = shapes[0]
    steps = [_drawn(kind.layer, [(batch, *rest)], rng) for _ in range(count)]
    return {name: np.stack([step[name] for step in steps], axis=1) for name in steps[0]}


def _submodel(kind: Submodel, shapes: Sequence[Shape], rng: np.random.Generator) -> dict[str, Array]:
    """Draw for each call inside."""
    graph = kind.graph([shape[1:] for shape in shapes])
    found = shapes_of(graph, {f"input_{number}": shape for number, shape in enumerate(shapes)})
    drawn: dict[str, Array] = {}
    for call in graph.calls.values():
        drawn |= draw_for(call, [found[each] for each in call.inputs], rng)
    return drawn


def _heads(kind: attention.MultiHeadAttention, shapes: Sequence[Shape], rng: np.random.Generator) -> dict[str, Array]:
    """Draw for each share of attention."""
    (batch, queries, _), (_, values, _) = shapes[:2]
    return {"": _kept((batch, kind.num_heads, queries, values), kind.dropout, rng)} if kind.dropout else {}


def _attention(kind: attention._Attention, shapes: Sequence[Shape], rng: np.random.Generator) -> dict[str, Array]:
    """Draw for each share of attention."""
    (batch, queries, _), (_, values, _) = shapes[:2]
    return {"": _kept((batch, queries, values), kind.dropout, rng)} if kind.dropout else {}


_DRAWS: dict[type[Kind], Draw] = {
    core.Dropout: _dropout,
    core.AlphaDropout: _dropout,
    core.SpatialDropout1D: _spatial_dropout,
    core.SpatialDropout2D: _spatial_dropout,
    core.SpatialDropout3D: _spatial_dropout,
    core.GaussianNoise: _noise,
    core.GaussianDropout: _gaussian_dropout,
    recurrent.SimpleRNN: _recurrent,
    recurrent.LSTM: _recurrent,
    recurrent.GRU: _recurrent,
    conv_lstm.ConvLSTM1D: _conv_lstm,
    conv_lstm.ConvLSTM2D: _conv_lstm,
    conv_lstm.ConvLSTM3D: _conv_lstm,
    recurrent.Bidirectional: _bidirectional,
    recurrent.TimeDistributed: _time_distributed,
    Submodel: _submodel,
    attention.MultiHeadAttention: _heads,
    attention.Attention: _attention,
    attention.AdditiveAttention: _attention,
}
