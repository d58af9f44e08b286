"""Layers that lie in more than one model of an archive, which has their weights once."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from genrebench.errors import ConfigError
from genrebench.reading.classes import fields_of, is_model
from genrebench.reading.documents import name_of
from genrebench.reading.limits import MAX_NESTING

Path = tuple[str, ...]


class Sharing:
    """Which layers and models of a document are the same.

    Keras numbers what it meets a second time. Where the first one lies in a model that was written down before, its
    number comes too late, and Keras does not find it itself; that one is known by its class and its name.

    Parameters
    ----------
    document : object
        The whole model's, as an archive has it.
    """

    def __init__(self, document: Any) -> None:
        """Sort what is numbered."""
        numbers: defaultdict[int, list[Path]] = defaultdict(list)
        unmarked: defaultdict[tuple[str, str], list[Path]] = defaultdict(list)
        kinds: dict[Path, tuple[str, str]] = {}
        for path, layer in _walk(document, ()):
            kinds[path] = (fields_of(layer)[0], path[-1])
            number = layer.get("shared_object_id")
            if type(number) is int:
                numbers[number].append(path)
            else:
                unmarked[kinds[path]].append(path)
        self._number: dict[Path, int] = {}
        self._homes: dict[int, Path] = {}
        for number, paths in numbers.items():
            first = unmarked[kinds[paths[0]]][:1] if len(paths) == 1 else []
            self._number |= dict.fromkeys((*first, *paths), number)

    def home(self, path: Path) -> Path:
        """Find where a layer was met first."""
        number = self._number.get(path)
        return path if number is None else self._homes.setdefault(number, path)


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
