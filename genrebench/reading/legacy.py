"""The layout of ``.h5``: a group for each layer of the outermost model, its weights listed by name.

The order is that of Keras' ``weights``: what is trained before what is not, so that a frozen layer changes it.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from genrebench.reading.graph import Graph, Layer
from genrebench.reading.kinds.convolution import Conv1D, Conv2D, Conv2DTranspose, Conv3D
from genrebench.reading.kinds.recurrent import GRU, LSTM, Bidirectional, TimeDistributed, _Recurrent
from genrebench.reading.stored import Array, Dataset, Source, Wanted
from genrebench.reading.version import KerasVersion

# What versions called a weight.
_NAMES = {
    "W": "kernel",
    "U": "recurrent_kernel",
    "b": "bias",
    "running_mean": "moving_mean",
    "running_std": "moving_variance",  # it holds the variance
    "depthwise_kernel": "kernel",
    "alphas": "alpha",
    "param_0": "kernel",
    "param_1": "bias",
}
_QUALIFIERS = {
    "forward": re.compile(r"forward(_.*)?"),
    "backward": re.compile(r"backward(_.*)?"),
    "query": re.compile(r"query"),
    "key": re.compile(r"key"),
    "value": re.compile(r"value"),
    "attention_output": re.compile(r"attention_output"),
}
Convert = Callable[[Sequence[Array]], Array]
_CONVOLUTIONS = (Conv1D, Conv2D, Conv3D, Conv2DTranspose)


class Legacy:
    """Finds weights in an ``.h5``."""

    def __init__(self, survey: Mapping[str, Any], version: KerasVersion) -> None:
        """List the weights of each group."""
        self._version, self._backend = version, survey["attributes"].get("backend")
        groups, datasets = survey["groups"], survey["datasets"]
        prefix = "model_weights" if "layer_names" in groups.get("model_weights", {}) else ""
        self._groups: dict[str, list[Dataset]] = {}
        self.notes: list[str] = []
        for name in groups.get(prefix, {}).get("layer_names", ()):
            place = f"{prefix}/{name}" if prefix else name
            found = []
            for weight in groups.get(place, {}).get("weight_names", ()):
                facts = datasets.get(f"{place}/{weight}")
                if facts:
                    found.append(Dataset(weight, f"{place}/{weight}", tuple(facts["shape"]), facts["dtype"]))
            self._groups[name] = found

    def match(self, graph: Graph, wanted: Sequence[Wanted]) -> tuple[dict[str, Source], dict[str, str]]:
        """Find a source for each weight; and, by layer, why there is none."""
        tops: defaultdict[str, list[Wanted]] = defaultdict(list)
        filled = {name: found for name, found in self._groups.items() if found}
        for each in wanted:
            # Keras 1 unfolded a Sequential within a Sequential.
            tops[next((name for name in each.layer.path if name in filled), each.layer.path[0])].append(each)
        names = {top: top for top in tops}
        if not set(tops) <= filled.keys() and len(tops) == len(filled):
            # A config of another session, in which the layers have other numbers.
            names = dict(zip([name for name, _ in graph.models[()] if name in tops], filled, strict=True))
            self.notes.append("the file's layers have other names than the config's: they are matched by order")
        sources: dict[str, Source] = {}
        faults: dict[str, str] = {}
        for top, asked_for in tops.items():
            found = filled.get(names[top], [])
            matched = self._match(asked_for, found)
            if matched is None:
                first = asked_for[0]
                received = ", ".join(f"{one.name.rpartition('/')[2]} {one.shape}" for one in found[:6]) or "none"
                asked = ", ".join(f"{one.weight.name} {one.weight.shape}" for one in asked_for[:6])
                faults[first.layer.name] = f"expected the weights {asked}, received {received}"
            else:
                sources |= {source.name: source for source in matched}
        return sources, faults

    def _match(self, wanted: Sequence[Wanted], found: Sequence[Dataset]) -> list[Source] | None:
        """Match the weights of one layer, or of one nested model."""
        if by_name := self._by_name(wanted, found):
            return by_name
        layers = list(dict.fromkeys(id(each.layer) for each in wanted))
        if len(layers) == 1 and (converted := self._converted(wanted, found, wanted[0].layer.kind)):
            return converted
        for order in _orders(wanted):
            if len(order) == len(found) and all(
                each.weight.shape == one.shape for each, one in zip(order, found, strict=True)
            ):
                return [self._source(each, one) for each, one in zip(order, found, strict=True)]
        return self._model_of_old(wanted, found) if len(layers) > 1 else None

    def _by_name(self, wanted: Sequence[Wanted], found: Sequence[Dataset]) -> list[Source] | None:
        """Match by the last part of the name, and by layer and part of a layer in front of it."""
        sources, used = [], set()
        for each in wanted:
            qualifiers, leaf = each.weight.name.split("/")[:-1], each.weight.name.rpartition("/")[2]
            fitting = [
                one
                for one in found
                if one.shape == each.weight.shape
                and _leaf(one.name, each.layer) == _NAMES.get(leaf, leaf)
                and _names_part(one.name, qualifiers)
                and (len(each.layer.path) == 1 or _names_layer(one.name, each.layer.path[-1]))
            ]
            if len(fitting) != 1 or fitting[0].path in used:
                return None
            used.add(fitting[0].path)
            sources.append(self._source(each, fitting[0]))
        return sources

    def _source(self, wanted: Wanted, dataset: Dataset) -> Source:
        """Take a dataset as it is, but for kernels of Keras 1, and of Theano, which convolved with mirrored ones."""
        kind = wanted.layer.kind
        if not isinstance(kind, _CONVOLUTIONS) or wanted.weight.name != "kernel":
            return Source(wanted.name, (dataset,))
        if self._version.numbers < (2,) and (convert := _old_kernel(kind, dataset.shape, wanted.weight.shape)):
            return Source(wanted.name, (dataset,), convert)
        if self._backend == "theano" and self._version.numbers < (2, 4):
            return Source(wanted.name, (dataset,), _mirrored)
        return Source(wanted.name, (dataset,))

    def _converted(self, wanted: Sequence[Wanted], found: Sequence[Dataset], kind: Any) -> list[Source] | None:
        """Match the weights of a layer that an older or another kind of Keras stored otherwise."""
        if isinstance(kind, TimeDistributed):
            return self._converted(wanted, found, kind.layer)
        if isinstance(kind, Bidirectional) and not len(found) % 2:
            ours, theirs = len(wanted) // 2, len(found) // 2
            forward = self._converted(wanted[:ours], found[:theirs], kind.layer)
            backward = self._converted(wanted[ours:], found[theirs:], kind.backward_layer)
            return [*forward, *backward] if forward and backward else None
        shapes = [one.shape for one in found]
        if isinstance(kind, LSTM | GRU):
            gates = kind.gates
            if len(found) == 3 * gates and self._version.numbers < (2,):
                return _per_gate(wanted, found, (0, 2, 1, 3) if gates == 4 else (0, 1, 2))
            if len(found) == 3 and shapes[2] == (2 * gates * kind.units,) and shapes[0] == wanted[0].weight.shape:
                return _cudnn(wanted, found, gates)
        if isinstance(kind, _CONVOLUTIONS) and len(found) == len(wanted) and self._version.numbers < (2,):
            convert = _old_kernel(kind, shapes[0], wanted[0].weight.shape)
            rest = list(zip(wanted[1:], found[1:], strict=True))
            if convert and all(each.weight.shape == one.shape for each, one in rest):
                first = Source(wanted[0].name, (found[0],), convert)
                return [first, *(Source(each.name, (one,)) for each, one in rest)]
        return None

    def _model_of_old(self, wanted: Sequence[Wanted], found: Sequence[Dataset]) -> list[Source] | None:
        """Match a nested model layer by layer, in case one of its layers is stored otherwise."""
        sources: list[Source] = []
        rest = list(found)
        for layer in dict.fromkeys(each.layer.name for each in wanted):
            mine = [each for each in wanted if each.layer.name == layer]
            for size in dict.fromkeys((len(mine), 9, 12)):
                if matched := self._match(mine, rest[:size]):
                    sources += matched
                    rest = rest[size:]
                    break
            else:
                return None
        return None if rest else sources


def _leaf(name: str, layer: Layer) -> str:
    """Take the last part of a stored name, without the numbers that sessions add."""
    leaf = name.rpartition("/")[2].partition(":")[0]
    for own in (layer.path[-1] + "_", layer.path[-1].rpartition("/")[2] + "_"):
        leaf = leaf.removeprefix(own)
    if leaf not in _NAMES and (found := re.fullmatch(r"(.*?)_\d+", leaf)):
        leaf = found[1]
    if leaf in ("W", "b") and isinstance(layer.kind, _Recurrent):
        return _NAMES[leaf]
    if leaf == "W" and layer.class_name == "Embedding":
        return "embeddings"
    return _NAMES.get(leaf, leaf)


def _names_layer(name: str, layer: str) -> bool:
    """Return whether a stored name says the layer, as a part or, of Keras 1, in front of the last part."""
    parts = name.split("/")
    return layer in parts or parts[-1].startswith(f"{layer}_")


def _names_part(name: str, qualifiers: Sequence[str]) -> bool:
    """Return whether a stored name lies in a part of a layer, such as the forward half of a bidirectional one."""
    parts = name.split("/")[:-1]
    return all(
        any(_QUALIFIERS[each].fullmatch(part) if each in _QUALIFIERS else part == each for part in parts)
        for each in qualifiers
    )


def _orders(wanted: Sequence[Wanted]) -> list[list[Wanted]]:
    """List the orders in which Keras may have written weights: what is trained first, or layer by layer."""
    trained = [each for each in wanted if each.weight.trainable and each.layer.trainable]
    first = [each for each in wanted if each.weight.trainable]
    frozen = [each for each in wanted if not (each.weight.trainable and each.layer.trainable)]
    return [
        trained + frozen,
        first + [each for each in wanted if not each.weight.trainable],
        list(wanted),
    ]


def _mirrored(arrays: Sequence[Array]) -> Array:
    """Turn a kernel around along its spatial axes."""
    axes = tuple(range(arrays[0].ndim - 2))
    return np.flip(arrays[0], axes)


def _old_kernel(kind: Any, stored: tuple[int, ...], shape: tuple[int, ...]) -> Convert | None:
    """Find what brings a kernel of Keras 1 into today's order; None if it has it, or cannot have it.

    The order goes by where the layer has its channels, as in Keras 2.15's ``preprocess_weights_for_loading``; only
    where that gives no fitting shape is the other one tried.
    """
    if isinstance(kind, Conv1D) and len(stored) == 4:
        length, channels, filters = shape
        if stored == (length, 1, channels, filters):
            return lambda arrays: arrays[0][:, 0]
        if stored == (filters, channels, length, 1):
            return lambda arrays: arrays[0][..., 0].transpose(2, 1, 0)
        return None
    if len(stored) != len(shape):
        return None
    rank = len(shape) - 2
    spatial = tuple(range(rank))
    first, last = (*range(2, rank + 2), 1, 0), (*spatial, rank, rank + 1)
    if isinstance(kind, Conv2DTranspose):
        first, last = (2, 3, 0, 1), (0, 1, 3, 2)
    for axes in (first, last) if kind.data_format == "channels_first" else (last, first):
        if tuple(stored[axis] for axis in axes) == shape:
            return None if axes == tuple(range(len(axes))) else _transposed(axes)
    return None


def _transposed(axes: Sequence[int]) -> Convert:
    """Make what puts axes into another order."""
    return lambda arrays: arrays[0].transpose(axes)


def _per_gate(wanted: Sequence[Wanted], found: Sequence[Dataset], order: Sequence[int]) -> list[Source] | None:
    """Put the kernels of Keras 1 together, of which every gate has its own (LSTM: i, c, f, o)."""
    sources = []
    for index, each in enumerate(wanted):
        parts = tuple(found[3 * gate + index] for gate in order)
        widths = {part.shape for part in parts}
        if len(widths) > 1 or (*parts[0].shape[:-1], parts[0].shape[-1] * len(parts)) != each.weight.shape:
            return None
        sources.append(Source(each.name, parts, lambda arrays: np.concatenate(arrays, axis=-1)))
    return sources


def _cudnn(wanted: Sequence[Wanted], found: Sequence[Dataset], gates: int) -> list[Source]:
    """Undo the layout of CuDNN: every gate's kernels are transposed, and there are two biases."""

    def kernel(arrays: Sequence[Array]) -> Array:
        """Turn each gate's kernel from Fortran's order."""
        parts = np.split(arrays[0], gates, axis=1)
        return np.hstack([part.T.reshape(part.shape, order="F") for part in parts])

    def recurrent(arrays: Sequence[Array]) -> Array:
        """Transpose each gate's kernel."""
        return np.hstack([part.T for part in np.split(arrays[0], gates, axis=1)])

    def bias(arrays: Sequence[Array]) -> Array:
        """Add the biases of an LSTM, keep both of a GRU."""
        both = arrays[0].reshape(2, -1)
        return both.sum(0) if gates == 4 else both

    functions = (kernel, recurrent, bias)
    return [Source(each.name, (one,), function) for each, one, function in zip(wanted, found, functions, strict=True)]
