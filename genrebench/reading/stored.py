"""Which dataset of a file holds which weight: by name where names say it, by order and shape where they do not."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import ConfigError
from genrebench.reading.graph import Graph, Layer
from genrebench.reading.kinds.base import Weight

Array = NDArray[Any]
_FLOATS = ("float16", "float32", "float64", "bfloat16")


class Dataset(NamedTuple):
    """A dataset of the file: its name for matching, its path, shape and dtype."""

    name: str
    path: str
    shape: tuple[int, ...]
    dtype: str


class Wanted(NamedTuple):
    """A weight that the graph asks for."""

    layer: Layer
    weight: Weight

    @property
    def name(self) -> str:
        """Name the weight, unlike any other."""
        return f"{self.layer.name}/{self.weight.name}"


@dataclass(frozen=True)
class Source:
    """Where a weight comes from: datasets, and what makes it of them, if it is not simply the first."""

    name: str
    datasets: tuple[Dataset, ...]
    convert: Callable[[Sequence[Array]], Array] | None = None

    def make(self, arrays: Sequence[Array]) -> Array:
        """Make the weight of what was read."""
        return np.ascontiguousarray(self.convert(arrays)) if self.convert else arrays[0]


def check_floats(wanted: Iterable[Wanted], sources: Mapping[str, Source]) -> None:
    """Refuse weights that are no floats, as in a quantized model.

    Raises
    ------
    ConfigError
        If there is one.
    """
    for each in wanted:
        for dataset in sources[each.name].datasets:
            if dataset.dtype not in _FLOATS and each.weight.name.rpartition("/")[2] != "count":
                kind = dataset.dtype or "no numbers"
                raise ConfigError(f"expected floating-point weights, received {kind} ({each.weight.name})")


class Newer:
    """The layout of ``model.weights.h5``: layers by class and number, weights by number.

    Keras 2.12 and 2.13 call the group ``_layer_checkpoint_dependencies``, later ones ``layers``. Files from Windows
    have backslashes in the names of groups. Since 3.6 an attribute says the layer's name.
    """

    _GROUPS = ("layers", "_layer_checkpoint_dependencies")
    _PARTS = (
        (r"forward_layer", "forward"),
        (r"backward_layer", "backward"),
        (r"_?query_dense", "query"),
        (r"_?key_dense", "key"),
        (r"_?value_dense", "value"),
        (r"_?output_dense", "attention_output"),
    )

    def __init__(self, survey: Mapping[str, Any]) -> None:
        """Sort the file's datasets into a tree."""
        self._tree: dict[str, Any] = {}
        self._kept: set[tuple[str, ...]] = set()
        self._names: dict[str, str] = {}
        for path, facts in survey["datasets"].items():
            parts = path.replace("\\", "/").split("/")
            if "seed_generator" in parts:
                continue
            node = self._tree
            for part in parts[:-1]:
                node = node.setdefault(part, {})
                if not isinstance(node, dict):
                    raise ConfigError(f"expected groups and datasets, received {path!r:.80} below a dataset")
            if parts[-1] in node:
                raise ConfigError(f"expected one dataset for each weight, received {path!r:.80} twice")
            node[parts[-1]] = Dataset(parts[-1], path, tuple(facts["shape"]), facts["dtype"])
        for path, facts in survey["groups"].items():
            if facts.get("name"):
                self._names[path.replace("\\", "/")] = facts["name"][0]

    @classmethod
    def fits(cls, survey: Mapping[str, Any]) -> bool:
        """Return whether a file has this layout."""
        return any(re.split(r"[/\\]", path)[0] in cls._GROUPS for path in survey["datasets"])

    def match(self, graph: Graph, wanted: Sequence[Wanted]) -> tuple[dict[str, Source], dict[str, str]]:
        """Find a source for each weight; and, by layer, why there is none."""
        by_layer: defaultdict[str, list[Wanted]] = defaultdict(list)
        for each in wanted:
            by_layer["/".join(_home(graph, each))].append(each)
        sources: dict[str, Source] = {}
        faults: dict[str, str] = {}
        self._keep(graph, (), set())
        self._model(graph, (), self._tree, "", by_layer, sources, faults)
        return sources, faults

    def _keep(self, graph: Graph, path: tuple[str, ...], seen: set[tuple[str, ...]]) -> None:
        """Note where everything is kept: what is shared, where Keras comes by first as it saves."""
        for name, _ in graph.models.get(path, ()):
            home = _found(graph, (*path, name))
            if home not in seen:
                seen.add(home)
                self._kept.add((*path, name))
                self._keep(graph, home, seen)

    def _model(
        self,
        graph: Graph,
        path: tuple[str, ...],
        tree: Mapping[str, Any],
        place: str,
        by_layer: Mapping[str, list[Wanted]],
        sources: dict[str, Source],
        faults: dict[str, str],
    ) -> None:
        """Match the layers of a model."""
        if "layer" in tree:  # of a model within TimeDistributed
            tree, place = tree["layer"], f"{place}layer/"
        group = next((name for name in self._GROUPS if name in tree), "")
        if not group and path:
            self._attributes(graph, path, tree, by_layer, sources, faults)
            return
        below = tree.get(group, {})
        there = f"{place}{group}/"
        classes: defaultdict[str, list[str]] = defaultdict(list)
        for name, class_name in graph.models.get(path, ()):
            if self._has_weights(graph, (*path, name), by_layer):
                classes[snake_case(class_name)].append(name)
        for stem, names in classes.items():
            groups = sorted(self._numbered(below, stem))
            said = {self._names.get(f"{there}{found}/vars", ""): found for _, found in groups}
            if all(name in said for name in names):
                pairs = [(name, said[name]) for name in names]
            elif len(groups) == len(names):
                pairs = [(name, found) for name, (_, found) in zip(names, groups, strict=True)]
            else:
                text = f"expected {len(names)} groups {there}{stem}*, found {len(groups)}"
                faults |= {"/".join((*path, name)): text for name in names}
                continue
            for name, found in pairs:
                inner = _found(graph, (*path, name))
                if inner in graph.models:
                    self._model(graph, inner, below[found], f"{there}{found}/", by_layer, sources, faults)
                else:
                    self._layer(by_layer["/".join(inner)], below[found], sources, faults)

    def _attributes(
        self,
        graph: Graph,
        path: tuple[str, ...],
        tree: Mapping[str, Any],
        by_layer: Mapping[str, list[Wanted]],
        sources: dict[str, Source],
        faults: dict[str, str],
    ) -> None:
        """Match layers that stand for a class of somebody's own, whose groups are named as its attributes are."""
        for name, _ in graph.models[path]:
            inner = _found(graph, (*path, name))
            if not self._has_weights(graph, (*path, name), by_layer):
                continue
            if not isinstance(tree.get(name), Mapping):
                there = ", ".join(sorted(tree)[:8]) or "none"
                faults["/".join(inner)] = (
                    f"expected a layer named as the class's attribute that holds it, one of {there}, received {name!r}"
                )
            elif inner in graph.models:
                self._model(graph, inner, tree[name], "", by_layer, sources, faults)
            else:
                self._layer(by_layer["/".join(inner)], tree[name], sources, faults)

    def _has_weights(self, graph: Graph, path: tuple[str, ...], by_layer: Mapping[str, list[Wanted]]) -> bool:
        """Return whether weights of a layer, or of one of a model's, are kept here."""
        if path not in self._kept:
            return False
        home = _found(graph, path)
        inside = ((*home, name) for name, _ in graph.models.get(home, ()))
        return "/".join(home) in by_layer or any(self._has_weights(graph, each, by_layer) for each in inside)

    @staticmethod
    def _numbered(below: Mapping[str, Any], stem: str) -> Iterable[tuple[int, str]]:
        """List the groups of a class that hold anything, with their numbers."""
        for name, content in below.items():
            found = re.fullmatch(re.escape(stem) + r"(?:_(\d{1,9}))?", name)
            if found and isinstance(content, Mapping):
                yield int(found[1] or 0), name

    def _layer(
        self,
        wanted: Sequence[Wanted],
        tree: Mapping[str, Any],
        sources: dict[str, Source],
        faults: dict[str, str],
    ) -> None:
        """Match the weights of a layer: in each part of it by number."""
        parts: defaultdict[str, list[Dataset]] = defaultdict(list)
        for part, dataset in self._leaves(tree, ""):
            parts[part].append(dataset)
        for each in wanted:
            part = (each.weight.name.split("/")[-2:-1] or [""])[0]
            part = part if part in _QUALIFIERS else ""
            found = parts.get(part) or []
            if not found or found[0].shape != each.weight.shape:
                received = f"shape {found[0].shape}" if found else "none"
                faults[each.layer.name] = (
                    f"expected {each.weight.name} of shape {each.weight.shape}, received {received}"
                )
                return
            sources[each.name] = Source(each.name, (found.pop(0),))

    def _leaves(self, tree: Mapping[str, Any], part: str) -> Iterable[tuple[str, Dataset]]:
        """List the datasets of a layer with the part that each belongs to, in order."""
        for name, content in sorted(
            tree.items(), key=lambda item: (int(item[0]) if item[0].isdigit() else -1, item[0])
        ):
            if isinstance(content, Dataset):
                yield part, content
                continue
            inner = next((said for pattern, said in self._PARTS if re.fullmatch(pattern, name)), "")
            yield from self._leaves(content, inner or part)


def _found(graph: Graph, path: tuple[str, ...]) -> tuple[str, ...]:
    """Find the path under which a layer that lies in several models is entered."""
    return graph.shared.get(path, path)


def _home(graph: Graph, wanted: Wanted) -> tuple[str, ...]:
    """Name the layer that has a weight: within TimeDistributed it may be one of a model's."""
    path = wanted.layer.path
    rest = wanted.weight.name.split("/")[:-1]
    while path in graph.models:
        inner = next(name for name, _ in graph.models[path] if rest[: len(name.split("/"))] == name.split("/"))
        path, rest = (*path, inner), rest[len(inner.split("/")) :]
    return path


_QUALIFIERS = ("forward", "backward", "query", "key", "value", "attention_output")


def snake_case(name: str) -> str:
    """Write a class's name as Keras writes it in its files."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
