"""One file of a packed copy: some tracks' segments, one after the other, and what was measured of each track."""

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from genrebench.audio.standardize import band_moments, track_moments
from genrebench.data.duplicates import fingerprint
from genrebench.data.packed.header import shard_file
from genrebench.data.segments import TrackFiles, read_track
from genrebench.errors import DatasetError
from genrebench.system.files import escaped

# Rows of a track's statistics; the columns are its bands, and in the last one all of them together.
MEAN, DEVIATION, LOWEST, HIGHEST = range(4)


@dataclass(frozen=True)
class Packing:
    """What a process is told that writes a shard.

    Attributes
    ----------
    number : int
        Of the shard.
    tree : Path
        Where from.
    tracks : sequence of TrackFiles
        What it holds.
    shape : tuple of int
        (n_mels, frames) that each must have.
    hops : float, optional
        As of `genrebench.data.duplicates.fingerprint`.
    folder : Path
        Where to.
    """

    number: int
    tree: Path
    tracks: Sequence[TrackFiles]
    shape: tuple[int, int]
    hops: float | None
    folder: Path


@dataclass(frozen=True)
class Packed:
    """What a process wrote.

    Attributes
    ----------
    number : int
        Of the shard.
    digests : list of bytes
        SHA-256 of each track's values.
    """

    number: int
    digests: list[bytes]


def measured_files(number: int) -> dict[str, str]:
    """Name the files of what was measured of a shard's tracks, which are there only while a copy is made.

    Returns
    -------
    dict of str to str
        File of the tracks' statistics, of the lengths and windows of their fingerprints, and of the words and times of
        all of these, one after the other.
    """
    return {name: f"measured-{number:05d}-{name}.npy" for name in ("statistics", "counts", "words", "times")}


def write_shard(packing: Packing) -> Packed:
    """Write a shard, track by track, so that one of them is in memory.

    Raises
    ------
    DatasetError
        If a segment is no spectrogram, or not as the manifest says.
    """
    digests, statistics, prints = [], [], []
    count = sum(len(track.numbers) for track in packing.tracks)
    with (packing.folder / shard_file(packing.number)).open("xb") as file:
        file.write(array_header(np.dtype("<f4"), (count, *packing.shape)))
        for track in _read(packing):
            file.write(track.tobytes())
            digests.append(values_digest(track))
            statistics.append(track_statistics(track))
            prints.append(fingerprint(track, packing.hops))
    measured = {
        "statistics": np.stack(statistics),
        "counts": np.array([[len(each.words), each.window] for each in prints]),
        "words": np.concatenate([each.words for each in prints]),
        "times": np.concatenate([each.times for each in prints]).astype(np.int32),
    }
    for name, path in measured_files(packing.number).items():
        with (packing.folder / path).open("xb") as file:
            np.save(file, measured[name], allow_pickle=False)
    return Packed(packing.number, digests)


def _read(packing: Packing) -> Iterator[NDArray[np.float32]]:
    """Read track after track [shape=(segments, n_mels, frames)]."""
    for each in packing.tracks:
        track = np.empty((len(each.numbers), *packing.shape), np.float32)
        read_track(each, packing.tree, track)
        yield track


def values_digest(track: NDArray[np.float32]) -> bytes:
    """Hash the values of a track, C-contiguous, as SHA-256."""
    return hashlib.sha256(np.ascontiguousarray(track).view(np.uint8).data).digest()


def track_statistics(track: NDArray[np.float32]) -> NDArray[np.float64]:
    """Measure what standardizing a track needs, so that training has not to read it twice.

    Returns
    -------
    ndarray of float64 [shape=(4, n_mels + 1)]
        Mean, deviation, lowest and highest value of each band, and of all together in the last column.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        bands = [*band_moments(track), track.min(axis=(0, 2))[:, None], track.max(axis=(0, 2))[:, None]]
        everything = [*track_moments(track), track.min(keepdims=True)[0], track.max(keepdims=True)[0]]
    return np.stack([np.append(band, whole) for band, whole in zip(bands, everything, strict=True)]).astype(np.float64)


def check_shard(
    folder: Path, number: int, shape: tuple[int, int, int], names: Sequence[str], tracks: NDArray[np.void]
) -> None:
    """Read a shard once, and refuse it if a byte of it is not as it was written.

    Parameters
    ----------
    shape : tuple of int
        (segments, n_mels, frames) that it must have.
    names : sequence of str
        Its tracks.
    tracks : structured ndarray
        Their rows in the table of tracks.

    Raises
    ------
    DatasetError
        If it is missing, truncated, or holds other values; the message names it, and the track.
    """
    path = folder / shard_file(number)
    values = map_array(path, np.dtype("<f4"), shape)
    with path.open("rb") as file:  # read, not mapped: what is checked need not stay in this process's memory
        file.seek(path.stat().st_size - values.nbytes)
        for name, row in zip(names, tracks, strict=True):
            content = file.read(int(row["segments"]) * values[0].nbytes)
            if hashlib.sha256(content).digest() != row["sha256"].tobytes():
                raise damaged(path, f"other values of the track {escaped(name)}")


def array_header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Make what stands before the values of an ``.npy`` file."""
    file = io.BytesIO()
    descr = npy_format.dtype_to_descr(dtype)
    npy_format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue()


def map_array(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Map an ``.npy`` file into memory. Its header is not read but compared: what it has to say is known.

    Raises
    ------
    DatasetError
        If it is not a file of such an array.
    """
    header = array_header(dtype, shape)
    whole = len(header) + int(np.prod(shape)) * dtype.itemsize
    try:
        with path.open("rb") as file:
            begins = file.read(len(header))
            size = os.fstat(file.fileno()).st_size
            if begins == header and size == whole:
                return np.memmap(file, dtype, "r", len(header), shape)
    except OSError as error:
        raise damaged(path, error.strerror or str(error)) from error
    if begins != header[: len(begins)]:
        raise damaged(path, f"another header than that of {dtype} of {' x '.join(map(str, shape))}")
    raise damaged(path, f"{size:,} bytes of {whole:,}")


def damaged(path: Path, received: str) -> DatasetError:
    """Say which file of a packed copy is not as it was written, and what to do."""
    return DatasetError(f"expected a file of a packed copy, received {received}; run genrebench pack again", path=path)
