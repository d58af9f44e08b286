"""Where the segment files of a spectrogram tree are: written as whole tracks, hashed, removed."""

import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.recordings import SPECTROGRAMS, originals
from genrebench.errors import DatasetError
from genrebench.system.arrays import npz_bytes
from genrebench.system.files import sha256
from genrebench.system.remote import RemotePath

# Segments in a row that somebody may have removed from a track.
_GAP = 64


def default_tree(dataset: Path) -> Path:
    """Name the tree of a dataset: ``genres_mel_npz/`` in it, or beside it where it is ``genres_original/`` itself."""
    if isinstance(dataset, RemotePath):
        above: Path = dataset.parent if dataset.name == "genres_original" else dataset
        return above / SPECTROGRAMS
    is_root = not (dataset / "genres_original").is_dir() and Path(os.path.realpath(dataset)).name == "genres_original"
    return (Path(os.path.realpath(dataset)).parent if is_root else dataset) / SPECTROGRAMS


def checked_tree(tree: Path, dataset: Path) -> Path:
    """Refuse a place that would mix the tree with the recordings; return it under a name that a manifest can follow."""
    if isinstance(tree, RemotePath) or isinstance(dataset, RemotePath):
        root = originals(dataset)
        if tree != root / SPECTROGRAMS and (tree in (root, *root.parents) or root in tree.parents):
            raise DatasetError("expected a folder apart from the recordings; choose another --output", path=str(tree))
        return tree
    place, root = (Path(os.path.realpath(each)) for each in (tree, originals(dataset)))
    if tree.exists() and not tree.is_dir():
        raise DatasetError(
            "expected a folder for the spectrograms, received a file; choose another --output", path=tree
        )
    # In a folder of plain genre folders the tree's own name is no genre.
    if place != root / SPECTROGRAMS and (place in (root, *root.parents) or root in place.parents):
        raise DatasetError("expected a folder apart from the recordings; choose another --output", path=tree)
    return tree if tree.name and tree.name != ".." else place


def segment_path(tree: Path, key: str, index: int) -> Path:
    """Name the file of one segment."""
    return tree / f"{key}-{index}.npz"


def write_track(spectrograms: list[NDArray[np.float32]], tree: Path, key: str, staging: Path) -> str:
    """Write all segments of a track, then put them in their places at once; return their digest."""
    contents = [npz_bytes("spectrogram", spectrogram) for spectrogram in spectrograms]
    if isinstance(tree, RemotePath):
        for index, content in enumerate(contents):
            segment_path(tree, key, index).write_bytes(content)
        return sha256(contents)
    name = secrets.token_hex(8)  # a process's number may be another's on another machine
    staged = [staging / f"{name}-{index}.part" for index in range(len(contents))]
    for path, content in zip(staged, contents, strict=True):
        path.write_bytes(content)
    for index, path in enumerate(staged):
        path.replace(segment_path(tree, key, index))
    return sha256(contents)


def whole_track(tree: Path) -> Callable[[str, int, str | None], bool]:
    """Make what says whether a track's segment files are all there, with a digest if one is given.

    What a store of objects holds is listed once, and not read again: it is written whole, and stays as it is.
    """
    if isinstance(tree, RemotePath):
        there = {str(path) for path in tree.files()}
        return lambda key, segments, digest: all(
            str(segment_path(tree, key, index)) in there for index in range(segments)
        )

    def is_whole(key: str, segments: int, digest: str | None) -> bool:
        """Hash the files."""
        found = track_digest(tree, key, segments)
        return found is not None and digest in (found, None)

    return is_whole


def track_digest(tree: Path, key: str, segments: int) -> str | None:
    """Hash the segment files of a track; None if one is missing or cannot be read."""
    return segments_digest(segment_path(tree, key, index) for index in range(segments))


def segments_digest(files: Iterable[Path]) -> str | None:
    """Hash files, one after the other; None if one is missing or cannot be read."""
    try:
        return sha256(path.read_bytes() for path in files)
    except OSError:
        return None


def remove_segments(tree: Path, key: str, start: int = 0) -> None:
    """Remove the segments of a track from a number on; some may be missing in between."""
    if isinstance(tree, RemotePath):
        while (path := segment_path(tree, key, start)).exists():
            path.unlink(missing_ok=True)
            start += 1
        return
    last = start + _GAP
    while start < last:
        path = segment_path(tree, key, start)
        start += 1
        if os.path.lexists(path):
            path.unlink()
            last = start + _GAP
