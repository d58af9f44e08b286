"""Which module of a port is which layer: by a mapping, by name, else by order, kind and shape."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations

import numpy as np

from genrebench.errors import ConfigError
from genrebench.network.numerics import relative_error
from genrebench.network.types import Array
from genrebench.porting.against.refined import LINEAR
from genrebench.reading.graph import Graph
from genrebench.reading.kinds.core import InputLayer

# What a kind of layer, or a class of modules, is about: the first that fits its name.
_FAMILIES = (
    ("transpose", r"conv.*transpose"),
    ("global", r"global|adaptive"),
    ("convolution", r"conv"),
    ("pooling", r"pool"),
    ("batch norm", r"batch_?norm"),
    ("layer norm", r"layer_?norm"),
    ("norm", r"norm"),
    ("recurrent", r"lstm|gru|rnn|bidirectional"),
    ("embedding", r"embedding"),
    ("attention", r"attention"),
    ("dropout", r"dropout|noise"),
    ("softmax", r"softmax"),
    ("flatten", r"flatten"),
    ("padding", r"pad(?!ding_mask)"),
    ("resizing", r"upsampl|resiz"),
    ("dense", r"dense|linear|fc"),
    ("activation", r"activation|relu|sigmoid|tanh|elu|silu|swish|hard|soft|mish"),
)
# Of these a port may have any for any.
_ALIKE = ({"dense", "convolution"}, {"activation", "softmax"}, {"global", "pooling"})
_BY_MAPPING, _BY_NAME, _BY_FAMILY = 1000.0, 100.0, 1.0


@dataclass(frozen=True)
class Record:
    """A call of a module of the port.

    Attributes
    ----------
    number : int
        Which call it was.
    name, class_name : str
        Of the module.
    is_leaf : bool
        Whether it has no modules of its own.
    inputs, outputs : tuple of ndarray
        What it read and gave, as PyTorch has it.
    """

    number: int
    name: str
    class_name: str
    is_leaf: bool
    inputs: tuple[Array, ...] = field(repr=False)
    outputs: tuple[Array, ...] = field(repr=False)


@dataclass(frozen=True)
class Match:
    """A call of the graph and the record that shows it; `how` is ``mapping``, ``name`` or ``order``."""

    call: str
    record: Record
    how: str


def family(name: str) -> str:
    """Say what a layer or module is about."""
    return next((word for word, pattern in _FAMILIES if re.search(pattern, name.lower())), name.lower())


def layouts(array: Array, shape: Sequence[int]) -> Iterator[Array]:
    """List the ways to read an array as one of a shape in Keras' order of axes: as it is, channels or time first.

    Other orders of axes would hide that axes are mixed up; they are tried if none of these has the shape.
    """
    usual = [tuple(range(array.ndim))]
    if array.ndim > 2:
        usual += [(0, *range(2, array.ndim), 1), (1, 0, *range(2, array.ndim))]
    others = [(0, *order) for order in permutations(range(1, array.ndim))] if array.ndim > 2 else []
    for orders in (usual, others):
        found = [array.transpose(order) for order in orders if array.transpose(order).shape == tuple(shape)]
        yield from found
        if found:
            return


def best_layout(array: Array, right: Array) -> Array | None:
    """Choose the layout that is nearest to what is right; None if none has its shape."""
    found = list(layouts(array, right.shape))
    return min(found, key=lambda each: relative_error(np.asarray(each, np.float64), right)) if found else None


def match(
    graph: Graph, right: Mapping[str, Array], records: Sequence[Record], mapping: Mapping[str, str]
) -> list[Match]:
    """Find the module of each layer.

    Parameters
    ----------
    graph : Graph
        With activations as calls of their own.
    right : mapping of str to ndarray
        What every call should give.
    records : sequence of Record
        Calls of modules, in their order.
    mapping : mapping of str to str
        Modules by layers' names, which overrides everything.

    Raises
    ------
    ConfigError
        If the mapping names a layer or a module that is not there.
    """
    calls = [call.name for call in graph.calls.values() if not isinstance(call.layer.kind, InputLayer)]
    names = {record.name for record in records}
    for layer, module in mapping.items():
        if layer not in calls:
            raise ConfigError(f"--mapping: expected a layer of the model, received {layer!r:.80}")
        if module not in names:
            raise ConfigError(
                f"--mapping: expected a module of the port, received {module!r:.80}; it has {_some(names)}"
            )
    scores = np.array([[_score(graph, call, record, right, mapping) for record in records] for call in calls])
    pairs = _aligned(scores.reshape(len(calls), len(records)))
    taken, used = {one for one, _ in pairs}, {two for _, two in pairs}
    # Branches of a network may be computed in another order.
    for one in range(len(calls)):
        options = [two for two in range(len(records)) if two not in used and scores[one, two] > 0]
        if one not in taken and options:
            best = max(options, key=lambda two: scores[one, two])
            pairs.append((one, best))
            used.add(best)
    return [Match(calls[one], records[two], _how(float(scores[one, two]))) for one, two in sorted(pairs)]


def _some(names: set[str]) -> str:
    """List some names."""
    return ", ".join(sorted(names)[:12])


def _how(score: float) -> str:
    """Say by what two were matched."""
    return "mapping" if score >= _BY_MAPPING else "name" if score >= _BY_NAME else "order"


def _plain(name: str) -> str:
    """Reduce a name to letters and digits."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _score(graph: Graph, call: str, record: Record, right: Mapping[str, Array], mapping: Mapping[str, str]) -> float:
    """Say how well a module fits a call; 0 if it does not."""
    name = call.removesuffix(LINEAR)
    is_split = f"{name}{LINEAR}" in graph.calls
    kind = graph.calls[call].layer.kind
    kinds, classes = family(kind.name if kind else ""), family(record.class_name)
    is_alike = kinds == classes or any({kinds, classes} <= each for each in _ALIKE)
    if name in mapping:
        # Of a layer with its activation, the module is the layer, unless it is the activation.
        fits = not is_split or (call != name) == (classes not in ("activation", "softmax"))
        return _BY_MAPPING if mapping[name] == record.name and fits else 0.0
    if record.name in mapping.values():
        return 0.0
    has_shape = any(_fits(each, right[call]) for each in record.outputs) or kinds == "recurrent"
    if not has_shape or not (is_alike or not record.is_leaf):
        return 0.0
    is_named = _plain(name) in (_plain(record.name), _plain(record.name.rpartition(".")[2]))
    if is_named and (not is_split or call != name or not record.is_leaf):
        return _BY_NAME if is_alike or call == name else _BY_NAME / 2
    return (_BY_FAMILY + (kinds == classes)) if is_alike and record.is_leaf else 0.0


def _fits(array: Array, right: Array) -> bool:
    """Return whether an array may be one of a shape."""
    return next(layouts(array, right.shape), None) is not None


def _aligned(scores: Array) -> list[tuple[int, int]]:
    """Choose pairs in order, with the largest sum (Needleman and Wunsch, 1970)."""
    rows, columns = scores.shape
    best = np.zeros((rows + 1, columns + 1))
    for one in range(rows - 1, -1, -1):
        for two in range(columns - 1, -1, -1):
            both = best[one + 1, two + 1] + scores[one, two] if scores[one, two] > 0 else -1.0
            best[one, two] = max(best[one + 1, two], best[one, two + 1], both)
    pairs, one, two = [], 0, 0
    while one < rows and two < columns:
        if scores[one, two] > 0 and np.isclose(best[one, two], best[one + 1, two + 1] + scores[one, two]):
            pairs.append((one, two))
            one, two = one + 1, two + 1
        elif best[one, two] == best[one + 1, two]:
            one += 1
        else:
            two += 1
    return pairs
