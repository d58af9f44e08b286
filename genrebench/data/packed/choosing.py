"""From where spectrograms are read: from memory, or from a packed copy of which no more is held than is looked at."""

import dataclasses
import os
from pathlib import Path

import numpy as np

from genrebench.data.dataset import Dataset, find_tree, load_dataset
from genrebench.data.packed.header import ReadFrom, default_pack, is_pack, tree_key
from genrebench.data.packed.reading import AnyDataset, PackedDataset, open_pack, why_stale
from genrebench.data.packed.writing import pack
from genrebench.data.segments import read_segment
from genrebench.errors import DatasetError
from genrebench.system.files import StrPath, escaped
from genrebench.system.memory import available_memory, require_memory

# Of the memory that is free, spectrograms may take so much before a packed copy pays: training needs some, too, and so
# does what the system keeps of files.
_SHARE = 0.5
_GIB = 2**30


def open_data(dataset: StrPath, read_from: ReadFrom = "auto") -> AnyDataset:
    """Read spectrograms into memory, or open a packed copy of them, which is made if there is none.

    Without a choice, a copy that is there and fresh is taken, and one is made if the spectrograms take more than half
    of the free memory. What was decided is a note of the dataset, but for the plain case.

    Parameters
    ----------
    dataset : str or PathLike
        Folder that holds ``genres_mel_npz/``, such a tree, or a packed copy.
    read_from : {'auto', 'memory', 'packed'}
        What was chosen.

    Raises
    ------
    DatasetError
        If the data cannot be used.
    """
    path, asked = Path(dataset), read_from
    if is_pack(path):
        packed = _given(path)
        return _in_memory(packed) if asked == "memory" else _noted(packed, "it was given as the dataset")
    tree = find_tree(path)
    if not tree.is_dir():
        return load_dataset(path)  # which says what is missing
    place = default_pack(tree)
    stale = why_stale(place, tree_key(tree)) if is_pack(place) else "there is none"
    if asked != "memory" and not stale:
        return _noted(open_pack(place), "it is there and fresh")
    if asked == "packed":
        return _noted(open_pack(pack(path).folder), "as was asked")
    free = available_memory()
    if asked == "auto" and free is not None and (size := _tree_bytes(tree)) > _SHARE * free:
        reason = f"{size / _GIB:,.1f} GiB of spectrograms, {free / _GIB:,.1f} GiB of memory free"
        try:
            return _noted(open_pack(pack(path).folder), reason)
        except DatasetError:
            if size > free:
                raise
    found = load_dataset(path)
    if is_pack(place):
        what = f"the packed copy {escaped(place)} is not used" + (f": {stale}" if stale else "")
        return dataclasses.replace(found, notes=(*found.notes, f"reads from memory; {what}"))
    return found


def _given(path: Path) -> PackedDataset:
    """Open a packed copy that was given in the place of a tree, which need not be there any more."""
    packed = open_pack(path)
    if packed.tree.is_dir() and (reason := why_stale(path, tree_key(packed.tree))):
        raise DatasetError(
            f"expected a packed copy of {escaped(packed.tree)} as it is now: {reason}; run genrebench pack again, or "
            "move it away from that tree",
            path=path,
        )
    return packed


def _noted(packed: PackedDataset, reason: str) -> PackedDataset:
    """Add to the notes of a packed copy that it is trained on, and why."""
    note = f"reads from the packed copy {escaped(packed.folder)} ({reason})"
    return dataclasses.replace(packed, notes=(*packed.notes, note))


def _in_memory(packed: PackedDataset) -> Dataset:
    """Read a packed copy into memory."""
    try:
        require_memory(packed.spectrograms.nbytes)
    except MemoryError as error:
        raise DatasetError(f"expected a packed copy that fits into memory; {error}", path=packed.folder) from error
    spectrograms = np.empty(packed.spectrograms.shape, np.float32)
    for row in range(len(spectrograms)):
        spectrograms[row] = packed.spectrograms[row]
    return Dataset(packed.tree, packed.genres, spectrograms, packed.labels, packed.tracks, packed.mel, packed.notes)


def _tree_bytes(tree: Path) -> int:
    """Estimate how much memory the spectrograms of a tree take: as many as there are files, of the first one's size."""
    count, first = 0, None
    for genre in tree.iterdir():
        if genre.is_dir() and not genre.name.startswith("."):
            with os.scandir(genre) as found:
                for entry in found:
                    if entry.name.endswith(".npz") and not entry.name.startswith("."):
                        count, first = count + 1, first or Path(entry.path)
    return count * read_segment(first).nbytes if first else 0
