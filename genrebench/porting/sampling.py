"""What a network is given to prove it: inputs of which each branch matters, what random layers draw, cotangents."""

import contextlib
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from genrebench.errors import ConfigError
from genrebench.network.numerics import MOST_ROUNDING, relative_error
from genrebench.network.types import Array, Shape
from genrebench.parity.context import CONTROL_FACTOR
from genrebench.porting.definitions.normalization import constants
from genrebench.porting.draws import draw_for, shapes_of
from genrebench.porting.passes import name_of
from genrebench.porting.reference import GraphReference
from genrebench.reading.graph import Graph, Tensor
from genrebench.reading.kinds import core, imaging, merging, normalization, recurrent, selecting
from genrebench.reading.kinds.base import Kind
from genrebench.reading.submodel import Submodel

# Lengths that are tried where a network leaves one open: small, and long enough for many poolings; at last, in eighths
# of octaves, those of networks of whole recordings and genomes, which may crop thousands of steps.
_LENGTHS = (
    *(6, 9, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512),
    *(eighths * 2**power for power in range(7, 13) for eighths in range(8, 16)),
)
# By how much normal numbers are multiplied until nothing is dead: saturated gates and unused branches prove nothing.
_SCALES = (1.0, 0.3, 3.0, 0.1, 10.0, 0.03, 30.0, 0.01, 100.0)
# Networks with more values than this in a batch are given fewer samples, and only the first few scales are tried: each
# try runs the network. Those with many more, and nowhere less than so many values a sample, are given one.
_MANY_VALUES, _FEW_SCALES, _VERY_MANY, _ENOUGH = 5_000_000, 3, 50_000_000, 16
# Gradients of weights, for cotangents of about 1, that are smaller come through something that is saturated.
_FAINT = 1e-3
# More faults than a network can have: what it computes is no number; or one ulp becomes so much that nothing is proved.
_NOT_FINITE, _CHAOTIC = 10**9, 10**6
# Behind which the values of an input are still its values.
_MOVES = (
    core.Flatten, core.Reshape, core.Permute, core.RepeatVector, core.Dropout, core.SpatialDropout1D, core.Identity,
    core.GaussianNoise, imaging._Augmentation, imaging._Border, merging.Concatenate,
)  # fmt: skip
_PREPROCESSING = (
    imaging.Rescaling, imaging.Resizing, imaging._Augmentation, normalization.Normalization, merging.Arithmetic,
)  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """What a network is given.

    Attributes
    ----------
    inputs : dict of str to ndarray
        By the names of the calls of InputLayer; whole numbers where an embedding reads them.
    draws : dict of str to ndarray
        What random layers draw, by the names of their calls; see `genrebench.porting.draws.draw_for`.
    cotangents : dict of str to ndarray
        By the names of the model's outputs.
    """

    inputs: dict[str, Array]
    draws: dict[str, Array]
    cotangents: dict[str, Array]


def draw_sample(graph: Graph, weights: Mapping[str, Array], *, batch: int, seed: int) -> Sample:
    """Draw inputs, what random layers draw, and cotangents.

    Parameters
    ----------
    graph : Graph
        Of the model.
    weights : mapping of str to ndarray
        By canonical name.
    batch : int
        Number of samples; large networks are given two at most, or one. Where steps can be masked, the first is padded
        behind, the second before and with a gap.
    seed : int
        Equal seeds give equal samples.

    Returns
    -------
    Sample
        Lengths that the model leaves open are small; numbers are as large as they must be for nothing to be dead.

    Raises
    ------
    ConfigError
        If no lengths are found that all layers can follow.
    """
    shapes = concrete_shapes(graph, batch)
    found = shapes_of(graph, shapes)
    is_large = sum(math.prod(shape) for shape in found.values()) > _MANY_VALUES
    if (samples := _samples(graph, found, batch)) < batch:
        shapes = {name: (samples, *shape[1:]) for name, shape in shapes.items()}
        found = shapes_of(graph, shapes)
    reference = GraphReference(graph, weights)
    best: tuple[int, Sample] | None = None
    scales = _SCALES[:_FEW_SCALES] if is_large else _SCALES
    # Positive numbers are for a logarithm, a root or a power that has no value for others.
    for is_positive, scale in itertools.product((False, True), scales):
        rng = np.random.default_rng(seed)
        inputs = {name: _input(graph, weights, name, shape, scale, rng) for name, shape in shapes.items()}
        if is_positive:
            inputs = {name: np.abs(value) for name, value in inputs.items()}
        draws: dict[str, Array] = {}
        for call in graph.calls.values():
            draws |= draw_for(call, [found[each] for each in call.inputs], rng)
        cotangents = {name_of(each): rng.standard_normal(found[each]) for each in graph.outputs}
        sample = Sample(inputs, draws, cotangents)
        faults = _faults(reference, sample)
        if best is None or faults < best[0]:
            best = (faults, sample)
        if not faults or all(value.dtype.kind == "i" for value in inputs.values()):
            break
        if scale == scales[-1] and best[0] < _NOT_FINITE:
            break
    assert best is not None
    return best[1]


def _samples(graph: Graph, found: Mapping[Tensor, Shape], batch: int) -> int:
    """Choose how many samples fit into memory; a layer that averages over samples alone needs two, as few values do."""
    values = sum(math.prod(shape) for shape in found.values())
    averages = any(
        isinstance(call.layer.kind, normalization.BatchNormalization) and len(found[call.inputs[0]]) < 3
        for call in graph.calls.values()
    )
    if values <= _MANY_VALUES:
        return batch
    least = min(math.prod(shape[1:]) for shape in found.values())
    return min(batch, 2 if values <= _VERY_MANY or averages or least < _ENOUGH else 1)


def _faults(reference: GraphReference, sample: Sample) -> int:
    """Count dead outputs, unused pieces of activations, and weights with hardly a gradient, in evaluation; and chaos.

    A gradient that is nothing but rounding is none that a smaller input would change: that of the bias of keys, which
    moves all scores of a query alike, is 0 by nature.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        done = reference.run(sample.inputs)
        slopes, gradients = done.vjp(sample.cotangents)
    # A root has a value at 0, but no slope: the deviation of a channel that is always 0.
    if not all(np.isfinite(each).all() for made in (done.outputs, slopes, gradients) for each in made.values()):
        return _NOT_FINITE
    activity = done.activity().values()
    sizes = [float(np.abs(value).max(initial=0.0)) for value in gradients.values()]
    is_rounding = [0.0 < size < 1e-12 * max(sizes) for size in sizes]
    faint = sum(size < _FAINT and not rounding for size, rounding in zip(sizes, is_rounding, strict=True))
    chaos = _CHAOTIC * _is_chaotic(reference, sample, done.outputs)
    return chaos + faint + sum(not each.varies for each in activity) + sum(each.misses for each in activity)


def _is_chaotic(reference: GraphReference, sample: Sample, outputs: Mapping[str, Array]) -> bool:
    """Return whether a recurrence makes so much of one ulp in its weights that two right computations disagree."""
    kinds = {type(call.layer.kind) for call in reference.graph.calls.values()}
    if not any(issubclass(kind, recurrent._Recurrent | recurrent.Bidirectional) for kind in kinds):
        return False
    moved = reference.moved().run(sample.inputs).outputs
    most = MOST_ROUNDING / CONTROL_FACTOR
    return any(relative_error(moved[name], value) > most for name, value in outputs.items())


def concrete_shapes(graph: Graph, batch: int) -> dict[str, Shape]:
    """Find lengths for the axes that a model leaves open.

    Returns
    -------
    dict of str to tuple of int
        The inputs' shapes, with the batch, by the names of their calls.

    Raises
    ------
    ConfigError
        If there are none that all layers can follow.
    """
    given = {name: (graph.calls[name].output_shapes or ((),))[0] for name in graph.inputs}
    reason = ""
    # Different lengths show a confusion of axes; some networks need equal ones.
    for length, step in itertools.product(_LENGTHS, (1, 0)):
        shapes = {
            name: (batch, *(each or length + step * axis for axis, each in enumerate(shape)))
            for name, shape in given.items()
        }
        try:
            shapes_of(graph, shapes)
        except ConfigError as error:
            reason = str(error)
            continue
        return shapes
    raise ConfigError(f"expected small inputs that all layers can follow, found none: {reason}")


def _readers(graph: Graph, start: str, shape: Shape) -> Iterator[Kind]:
    """List the kinds of layers that read an input, as it is or moved; also those in networks for each step alone."""
    reached = {Tensor(start)}
    for call in graph.calls.values():
        if not reached.intersection(call.inputs) or call.layer.kind is None:
            continue
        kind = call.layer.kind
        inner = kind.layer if isinstance(kind, recurrent.TimeDistributed) else kind
        if isinstance(inner, Submodel):
            yield from _readers(inner.graph([shape[2:]]), "input_0", shape[:1] + shape[2:])
        else:
            yield inner
        if isinstance(kind, _MOVES):
            reached.add(Tensor(call.name))


def _input(
    graph: Graph, weights: Mapping[str, Array], name: str, shape: Shape, scale: float, rng: np.random.Generator
) -> Array:
    """Draw one input."""
    readers = list(_readers(graph, name, shape))
    tables = [kind for kind in readers if isinstance(kind, core.Embedding)]
    if tables:
        return _indices(min(kind.input_dim for kind in tables), shape, rng)
    if encoded := [kind.num_tokens for kind in readers if isinstance(kind, selecting.CategoryEncoding)]:
        return rng.integers(0, min(encoded), shape)
    kind = graph.calls[name].layer.kind
    if isinstance(kind, core.InputLayer) and "int" in kind.dtype:
        return rng.integers(0, 256 if len(shape) > 3 else 10, shape)
    value = _before(graph, weights, name, scale * rng.standard_normal(shape))
    for each in readers:
        if isinstance(each, core.Masking) and len(shape) > 2:
            value[~_steps(shape[0], shape[1])] = each.mask_value
    return value


def _indices(count: int, shape: Shape, rng: np.random.Generator) -> Array:
    """Draw whole numbers below a count; 0 stands for the steps that padding takes, and some number comes twice."""
    value = rng.integers(min(1, count - 1), count, shape)
    if len(shape) > 1 and shape[1] > 1:
        value[:, -1] = value[:, 0]
        value[~_steps(shape[0], shape[1])] = 0
    return value


def _steps(batch: int, length: int) -> Array:
    """Choose which steps are there [shape=(n, length)]: padded behind, before and with a gap, padded both, all."""
    there = np.ones((batch, length), bool)
    pad = max(length // 4, 1) if length > 1 else 0
    for sample in range(batch):
        kind = sample % 4
        if kind in (0, 2):
            there[sample, length - pad :] = False
        if kind in (1, 2) and length > 2:
            there[sample, :pad] = False
        if kind == 1 and length > 4:
            there[sample, length // 2] = False
    return there


def _before(graph: Graph, weights: Mapping[str, Array], name: str, value: Array) -> Array:
    """Undo the preprocessing that a network begins with, so that normal numbers come behind it."""
    chain: list[tuple[Kind, str]] = []
    current = name
    while True:
        readers = [call for call in graph.calls.values() if Tensor(current) in call.inputs]
        kind = readers[0].layer.kind if len(readers) == 1 else None
        if kind is None or not isinstance(kind, _PREPROCESSING):
            break
        chain.append((kind, readers[0].layer.name))
        current = readers[0].name
    for each, layer in reversed(chain):
        own = {key.removeprefix(f"{layer}/"): weight for key, weight in weights.items()}
        # Where an image changes its size between, a mean of each pixel cannot be undone; nor can a scale of 0.
        with contextlib.suppress(ValueError), np.errstate(divide="ignore", invalid="ignore"):
            undone = _undone(each, own, value)
            value = undone if undone.shape == value.shape and np.isfinite(undone).all() else value
    return value


def _undone(kind: Kind, weights: Mapping[str, Array], value: Array) -> Array:
    """Undo one layer of preprocessing."""
    if isinstance(kind, imaging.Rescaling):
        return np.asarray((value - np.array(kind.offset)) / np.array(kind.scale))
    if isinstance(kind, normalization.Normalization):
        mean, deviation = constants(kind, weights, value.shape)
        return (value - mean) / deviation if kind.invert else value * deviation + mean
    if isinstance(kind, merging.Arithmetic):
        number = kind.number
        if kind.operator in ("add", "subtract"):
            sign = -1.0 if kind.operator == "subtract" and kind.reverse else 1.0
            offset = -number if kind.operator == "subtract" and not kind.reverse else number
            return (value - offset) * sign
        if kind.operator == "multiply" or (kind.operator == "divide" and not kind.reverse):
            return value / number if kind.operator == "multiply" else value * number
    return value
