"""Layers that lie in more than one model of an archive, which has their weights once."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from genrebench.errors import ConfigError
from genrebench.reading.classes import fields_of, is_model
from genrebench.reading.documents import name_of
from genrebench.reading.limits import MAX_NESTING
from genrebench.reading.problems import UnreadableError

Path = tuple[str, ...]
_NUMBER = "shared_object_id"


class Sharing:
    """Which layers and models of a document are the same.

    Keras numbers what it meets a second time. Where the first one lies in a model that was written down before, its
    number comes too late, and Keras does not find it itself; that one is known by its class, its name and its settings,
    if no other has these.

    Parameters
    ----------
    document : object
        The whole model's, as an archive has it.
    """

    def __init__(self, document: Any) -> None:
        """Sort what is numbered."""
        numbers: defaultdict[int, list[Path]] = defaultdict(list)
        unmarked: defaultdict[tuple[str, str], list[Path]] = defaultdict(list)
        layers: dict[Path, Any] = {}
        for path, layer in _walk(document, ()):
            layers[path] = layer
            number = layer.get(_NUMBER)
            if type(number) is int:
                numbers[number].append(path)
            else:
                unmarked[fields_of(layer)[0], path[-1]].append(path)
        self._number: dict[Path, int] = {}
        self._homes: dict[int, Path] = {}
        self._several: dict[Path, list[Path]] = {}
        order = {path: place for place, path in enumerate(layers)}
        for number, paths in numbers.items():
            again = paths[0]
            found: list[Path] = []
            if not _is_first(paths):
                settings = _unnumbered(layers[again])
                found = [
                    each
                    for each in unmarked[fields_of(layers[again])[0], again[-1]]
                    if order[each] < order[again]
                    and not _lies_in(again, each[:-1])
                    and _unnumbered(layers[each]) == settings
                ]
            if len(found) > 1:
                self._several |= dict.fromkeys(paths, found)
            self._number |= dict.fromkeys((*found[: len(found) == 1], *paths), number)

    def home(self, path: Path) -> Path:
        """Find where a layer was met first.

        Raises
        ------
        UnreadableError
            If that may be one of several places.
        """
        if path in self._several:
            places = ", ".join(f"`{'/'.join(each):.80}`" for each in self._several[path][:8])
            raise UnreadableError(
                f"expected one layer that this is once more, received several: {places}",
                "give these layers names of their own, and save the model again",
            )
        number = self._number.get(path)
        return path if number is None else self._homes.setdefault(number, path)


def _is_first(paths: Sequence[Path]) -> bool:
    """Return whether the first that has a number may be the first of all: its model was still being written down."""
    return len(paths) > 1 and _lies_in(paths[1], paths[0][:-1])


def _lies_in(path: Path, model: Path) -> bool:
    """Return whether a layer lies in a model, or in one of its models."""
    return path[: len(model)] == model


def _unnumbered(document: Any) -> Any:
    """Take the settings of a layer, or of a model's layers, without the numbers."""
    return _stripped(fields_of(document)[2])


def _stripped(value: Any) -> Any:
    """Take away numbers anywhere."""
    if isinstance(value, dict):
        return {key: _stripped(each) for key, each in value.items() if key != _NUMBER}
    return [_stripped(each) for each in value] if isinstance(value, list) else value


def _walk(document: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """List the layers of a model, and of the models in it, with their paths."""
    layers = fields_of(document)[2].get("layers")
    if not isinstance(layers, list):
        return
    if len(path) > MAX_NESTING:
        raise ConfigError(f"expected models nested at most {MAX_NESTING} deep, received more")
    for number, layer in enumerate(layers):
        below = (*path, name_of(layer, number))
        yield below, layer
        if is_model(layer):
            yield from _walk(layer, below)
