"""Where the segment files of a spectrogram tree are: written as whole tracks, hashed, removed."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.recordings import SPECTROGRAMS, originals
from genrebench.errors import DatasetError
from genrebench.system.arrays import npz_bytes
from genrebench.system.files import sha256

# Segments in a row that somebody may have removed from a track.
_GAP = 64


def default_tree(dataset: Path) -> Path:
    """Name the tree of a dataset: ``genres_mel_npz/`` in it, or beside it where it is ``genres_original/`` itself."""
    is_root = not (dataset / "genres_original").is_dir() and Path(os.path.realpath(dataset)).name == "genres_original"
    return (Path(os.path.realpath(dataset)).parent if is_root else dataset) / SPECTROGRAMS


def checked_tree(tree: Path, dataset: Path) -> Path:
    """Refuse a place that would mix the tree with the recordings; return it under a name that a manifest can follow."""
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
    staged = [staging / f"{os.getpid()}-{index}.part" for index in range(len(contents))]
    for path, content in zip(staged, contents, strict=True):
        path.write_bytes(content)
    for index, path in enumerate(staged):
        path.replace(segment_path(tree, key, index))
    return sha256(contents)


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
    last = start + _GAP
    while start < last:
        path = segment_path(tree, key, start)
        start += 1
        if os.path.lexists(path):
            path.unlink()
            last = start + _GAP
