"""Dataclasses of arrays as flat, named arrays, which fit into a file, and back."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_origin, get_type_hints

import numpy as np

from genrebench.network.types import Array


def pack(value: Any, path: str = "") -> dict[str, Array]:
    """Flatten dataclasses and dictionaries of arrays, numbers and texts, by names such as ``steps/weights/dense/bias``.

    None and empty texts are left out; `path` is what the names begin with.
    """
    if is_dataclass(value):
        value = {each.name: getattr(value, each.name) for each in fields(value)}
    if not isinstance(value, Mapping):
        return {} if value is None or (isinstance(value, str) and not value) else {path: np.asarray(value)}
    packed: dict[str, Array] = {}
    for name, part in value.items():
        packed |= pack(part, f"{path}/{name}" if path else name)
    return packed


def unpack(kind: Any, arrays: Mapping[str, Array], path: str) -> Any:
    """Make a value of a type from what `pack` returned.

    Parameters
    ----------
    kind : type
        A dataclass, ``dict[str, ndarray]``, ``ndarray | None``, int or str.
    """
    if isinstance(kind, type) and is_dataclass(kind):
        return kind(**{name: unpack(hint, arrays, f"{path}/{name}") for name, hint in get_type_hints(kind).items()})
    if get_origin(kind) is dict:
        prefix = f"{path}/"
        return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
    found = arrays.get(path)
    if kind is str:
        return "" if found is None else str(found)
    return int(found) if kind is int and found is not None else found
