"""An HDF5 file, walked without trusting it; runs in the worker only.

Keras writes groups, plain datasets and strings in attributes. Whatever else HDF5 can hold (links to other places and
files, data that lie elsewhere, references, filters loaded from plugins) is refused, and nothing that a dataset claims
of its size is believed before somebody who knows the model's configuration has compared it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5o, h5t, h5z
from numpy.typing import NDArray

from genrebench.errors import ModelError, escaped
from genrebench.reading.limits import (
    MAX_GROUP_DEPTH,
    MAX_OBJECTS,
    MAX_PATH_LENGTH,
    MAX_RATIO,
    MAX_TEXT_BYTES,
    MAX_WEIGHT_BYTES,
    MIB,
)

_BRAIN_FLOAT = "bfloat16"
_FILTERS = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32}
_ROOT = ("model_config", "keras_version", "backend", "training_config")
# What else lies in files that Keras wrote, and is not read: optimizers' state may be as large as the model, twice.
_NOT_WALKED = {"optimizer_weights", "optimizer", "_optimizer"}


def survey(file: h5py.File) -> dict[str, Any]:
    """List what a file holds, without reading any dataset.

    Returns
    -------
    dict
        ``attributes`` of the root and of ``model_weights``; ``groups``: by path the ``layer_names``, ``weight_names``
        and ``name`` of each group that has them; ``datasets``: by path ``shape``, ``dtype`` and ``stored`` bytes.
    """
    groups: dict[str, Any] = {}
    datasets: dict[str, Any] = {}
    for path, found in _walk(file):
        if isinstance(found, h5py.Dataset):
            datasets[path] = _described(path, found)
            continue
        names = {name: _strings(found, name) for name in ("layer_names", "weight_names", "name")}
        kept = {name: value for name, value in names.items() if value is not None}
        if kept:
            groups[path] = kept
    attributes = {name: _first(file, name) for name in _ROOT}
    if "model_weights" in file:
        weights = file["model_weights"]
        attributes |= {name: _first(weights, name) for name in ("keras_version", "backend") if not attributes[name]}
    return {"attributes": attributes, "groups": groups, "datasets": datasets}


def read_datasets(file: h5py.File, wanted: Sequence[tuple[str, Sequence[int]]]) -> Iterator[NDArray[Any]]:
    """Read datasets whose shapes are known.

    Parameters
    ----------
    wanted : sequence of (str, sequence of int)
        Paths and shapes.

    Yields
    ------
    ndarray
        The values, in order.
    """
    for path, shape in wanted:
        found: Any = file
        for part in path.split("/"):
            if not isinstance(found, h5py.Group):
                raise ModelError(f"{escaped(path)}: expected a dataset, found none")
            found = _member(found, part, path)
        facts = _described(path, found) if isinstance(found, h5py.Dataset) else {}
        if facts.get("shape") != list(shape) or not facts["dtype"]:
            raise ModelError(f"{escaped(path)}: expected a dataset of shape {tuple(shape)}, received {facts}")
        size = found.size * found.dtype.itemsize
        if size > min(MAX_RATIO * facts["stored"], MAX_WEIGHT_BYTES):
            stored = facts["stored"]
            raise ModelError(f"{escaped(path)}: expected {size} bytes of weights, received {stored} in the file")
        values = np.asarray(found[()])
        yield _widened(values) if facts["dtype"] == _BRAIN_FLOAT else values


def _widened(values: NDArray[Any]) -> NDArray[Any]:
    """Make float32 of bfloat16, which is its upper half."""
    return (np.ascontiguousarray(values).view("<u2").astype(np.uint32) << 16).view(np.float32).reshape(values.shape)


def _walk(file: h5py.File) -> Iterator[tuple[str, Any]]:
    """Find every group and dataset once."""
    seen = {h5o.get_info(file.id).addr}
    stack: list[tuple[str, Any, int]] = [("", file, 0)]
    while stack:
        path, group, depth = stack.pop()
        yield path, group
        for name in group:
            if not path and name in _NOT_WALKED:
                continue
            below = f"{path}/{name}" if path else name
            found = _member(group, name, below)
            address = h5o.get_info(found.id).addr
            if address in seen:
                raise ModelError(f"{escaped(below)}: expected one name for everything in the file, received a second")
            seen.add(address)
            if len(seen) > MAX_OBJECTS or depth > MAX_GROUP_DEPTH or len(below) > MAX_PATH_LENGTH:
                raise ModelError("expected the groups of a Keras model, received far more, or far deeper ones")
            if isinstance(found, h5py.Group):
                stack.append((below, found, depth + 1))
            else:
                yield below, found


def _member(group: Any, name: str, path: str) -> Any:
    """Open what a group holds under a name, if it is there itself."""
    link = group.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink):
        kind = type(link).__name__
        raise ModelError(f"{escaped(path)}: expected a group or a dataset, received {kind}, a link to somewhere else")
    found = group[name]
    if not isinstance(found, h5py.Group | h5py.Dataset):
        raise ModelError(f"{escaped(path)}: expected a group or a dataset, received {type(found).__name__}")
    return found


def _described(path: str, dataset: h5py.Dataset) -> dict[str, Any]:
    """Describe a dataset that lies in the file itself, as far as its header says."""
    properties = dataset.id.get_create_plist()
    if properties.get_external_count() or properties.get_layout() == h5d.VIRTUAL:
        raise ModelError(f"{escaped(path)}: expected data in the file itself, received a dataset that lies elsewhere")
    filters = {properties.get_filter(index)[0] for index in range(properties.get_nfilters())}
    if filters - _FILTERS:
        raise ModelError(f"{escaped(path)}: expected gzip or no compression, received HDF5 filters {sorted(filters)}")
    kind = dataset.id.get_type()
    is_there = not kind.committed() and dataset.shape is not None
    dtype = str(dataset.dtype) if kind.get_class() in (h5t.INTEGER, h5t.FLOAT) and kind.get_size() <= 8 else ""
    # HDF5 does not know bfloat16: Keras writes pairs of bytes that mean nothing to it, and nothing else of that size.
    dtype = _BRAIN_FLOAT if kind.get_class() == h5t.OPAQUE and kind.get_size() == 2 else dtype
    return {
        "shape": list(dataset.shape or ()),
        "dtype": dtype if is_there else "",
        "stored": dataset.id.get_storage_size(),
    }


def _first(item: Any, name: str) -> str | None:
    """Read an attribute of one string."""
    found = _strings(item, name)
    return found[0] if found else None


def _strings(item: Any, name: str) -> list[str] | None:
    """Read an attribute of strings; one that outgrew its 64 KiB is split into ``name0``, ``name1``, ..."""
    if name.encode() in _attribute_names(item):
        return _attribute(item, name)
    parts: list[str] = []
    count = 0
    while f"{name}{count}".encode() in _attribute_names(item):
        parts += _attribute(item, f"{name}{count}")
        count += 1
    return parts if count else None


def _attribute_names(item: Any) -> set[bytes]:
    """List the names of attributes."""
    names: set[bytes] = set()
    if h5a.get_num_attrs(item.id) > MAX_OBJECTS:
        raise ModelError("expected a few attributes, received far more")
    h5a.iterate(item.id, names.add)
    return names


def _attribute(item: Any, name: str) -> list[str]:
    """Read an attribute that holds one string or a list of them."""
    attribute = h5a.open(item.id, name.encode())
    kind, size = attribute.get_type(), int(np.prod(attribute.shape or (), dtype=object))
    if not size or (attribute.shape is None):
        return []
    is_text = kind.get_class() == h5t.STRING and not kind.committed()
    if not is_text or size > MAX_OBJECTS or len(attribute.shape) > 1 or attribute.get_storage_size() > MAX_TEXT_BYTES:
        raise ModelError(f"attribute {name}: expected text, received {attribute.dtype} of shape {attribute.shape}")
    values = np.atleast_1d(np.asarray(item.attrs[name], dtype=object))
    texts = [each.decode("utf-8", "surrogateescape") if isinstance(each, bytes) else str(each) for each in values]
    if sum(map(len, texts)) > MAX_TEXT_BYTES:
        raise ModelError(f"attribute {name}: expected at most {MAX_TEXT_BYTES // MIB} MiB of text, received more")
    return texts
