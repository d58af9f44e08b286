"""A packed copy as it is read: checked once, then memory-mapped, so that no more is in memory than is looked at."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.mel import MelConfig
from genrebench.data.dataset import Dataset
from genrebench.data.duplicates import Duplicate
from genrebench.data.packed.header import (
    STATISTICS_FILE,
    TRACKS_FILE,
    Header,
    read_header,
    shard_file,
    track_type,
)
from genrebench.data.packed.shards import check_shard, damaged, map_array
from genrebench.errors import DatasetError
from genrebench.system.files import sha256_of_file


class PackedSpectrograms:
    """Spectrograms in dB that stay on disk; those that are asked for are copied.

    Parameters
    ----------
    shards : sequence of ndarray of float32 [shape=(n, n_mels, frames)]
        The files, mapped, in order.
    """

    def __init__(self, shards: Sequence[NDArray[np.float32]]) -> None:
        """Know where each segment is."""
        self._shards = list(shards)
        self._ends = np.cumsum([len(shard) for shard in self._shards])
        self.shape: tuple[int, int, int] = (int(self._ends[-1]), *self._shards[0].shape[1:])

    def __len__(self) -> int:
        """Count the segments."""
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Compute the bytes of all spectrograms."""
        return sum(shard.nbytes for shard in self._shards)

    def __getitem__(self, rows: int | NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """View one segment [shape=(n_mels, frames)], or copy some [shape=(n, n_mels, frames)]."""
        if isinstance(rows, np.ndarray):
            found = np.empty((len(rows), *self.shape[1:]), np.float32)
            for place, row in zip(found, rows.tolist(), strict=True):
                place[:] = self[row]
            return found
        segment: NDArray[np.float32] = self.run(int(rows), 1)[0]
        return segment

    def run(self, start: int, count: int) -> NDArray[np.float32]:
        """View segments of one track, one after the other [shape=(count, n_mels, frames)]."""
        number = int(np.searchsorted(self._ends, start, side="right"))
        first = start - int(self._ends[number]) + len(self._shards[number])
        return self._shards[number][first : first + count]


@dataclass(frozen=True)
class PackedDataset:
    """All segments of a packed copy, which are read when they are asked for.

    Attributes
    ----------
    folder : Path
        The packed copy.
    tree : Path
        The tree that it was made of, which need not be there.
    genres, labels, tracks, mel, notes
        As of `Dataset`.
    spectrograms : PackedSpectrograms
        One segment after the other, in the same order.
    numbers : ndarray of int32 [shape=(segments,)]
        Track of each segment, by its row in `statistics`.
    statistics : ndarray of float64 [shape=(tracks, 4, n_mels + 1)]
        Of each track, as `genrebench.data.packed.shards.track_statistics` measures it; mapped.
    duplicates : tuple of Duplicate
        Pairs of tracks that are one recording.
    digest : str
        SHA-256 of the values of all tracks; see `genrebench.data.packed.reading.content_digest`.
    """

    folder: Path
    tree: Path
    genres: tuple[str, ...]
    spectrograms: PackedSpectrograms
    labels: NDArray[np.int64]
    tracks: NDArray[np.str_]
    mel: MelConfig | None
    notes: tuple[str, ...]
    numbers: NDArray[np.int32]
    statistics: NDArray[np.float64]
    duplicates: tuple[Duplicate, ...]
    digest: str


def open_pack(folder: Path) -> PackedDataset:
    """Open a packed copy, after every byte of it was compared with what was written.

    Raises
    ------
    DatasetError
        If a file of it is missing, truncated or changed; the message names it.
    """
    header = read_header(folder)
    tracks = _table(folder, header)
    bands = header.shape[0]
    path = folder / STATISTICS_FILE
    statistics: NDArray[np.float64] = map_array(path, np.dtype("<f8"), (len(tracks), 4, bands + 1))
    if sha256_of_file(path) != header.statistics_sha256:
        raise damaged(path, "other values")
    names = [os.fsdecode(name) for name in tracks["name"].tolist()]
    labels = tracks["label"]
    if int(tracks["segments"].sum()) != header.segments or not ((labels >= 0) & (labels < len(header.genres))).all():
        raise damaged(folder / TRACKS_FILE, "other tracks than its header says")
    shards = _checked_shards(folder, header, names, tracks)
    counts = tracks["segments"]
    return PackedDataset(
        folder=folder,
        tree=Path(os.path.normpath(folder / header.tree)),
        genres=tuple(header.genres),
        spectrograms=PackedSpectrograms(shards),
        labels=np.repeat(labels, counts).astype(np.int64),
        tracks=np.repeat(np.array(names), counts),
        mel=header.mel,
        notes=tuple(header.notes),
        numbers=np.repeat(np.arange(len(tracks), dtype=np.int32), counts),
        statistics=statistics,
        duplicates=tuple(header.duplicates),
        digest=content_digest(tracks["sha256"]),
    )


def why_stale(folder: Path, key: str) -> str | None:
    """Say why a packed copy is not that of a tree which has such a `tree_key` now; None if it is."""
    try:
        header = read_header(folder)
    except DatasetError:
        return "it is of another version, or damaged"
    return None if header.key == key else "the tree has changed since it was packed"


def content_digest(digests: NDArray[np.uint8]) -> str:
    """Hash what a dataset holds, be it in memory or packed, from hashes of the values of each track [shape=(n, 32)]."""
    return hashlib.sha256(np.ascontiguousarray(digests).tobytes()).hexdigest()


def _table(folder: Path, header: Header) -> NDArray[np.void]:
    """Read the table of tracks."""
    path = folder / TRACKS_FILE
    longest = header.longest_name
    tracks: NDArray[np.void] = np.array(map_array(path, track_type(longest), (header.tracks,)))
    if sha256_of_file(path) != header.tracks_sha256:
        raise damaged(path, "other values")
    return tracks


def _checked_shards(
    folder: Path, header: Header, names: Sequence[str], tracks: NDArray[np.void]
) -> list[NDArray[np.float32]]:
    """Check all shards, some at once since hashing takes the longest, and map them."""
    import joblib

    shapes, parts, first = [], [], 0
    for shard in header.shards:
        shapes.append((shard.segments, *header.shape))
        parts.append(slice(first, first + shard.tracks))
        first += shard.tracks
    with ThreadPoolExecutor(joblib.cpu_count()) as pool:
        checks = [
            pool.submit(check_shard, folder, number, shape, names[part], tracks[part])
            for number, (shape, part) in enumerate(zip(shapes, parts, strict=True))
        ]
        for check in checks:
            check.result()
    return [map_array(folder / shard_file(number), np.dtype("<f4"), shape) for number, shape in enumerate(shapes)]


AnyDataset = Dataset | PackedDataset
