"""Fingerprints that wait in a file until all are there, so that no memory holds them."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from genrebench.data.duplicates import Fingerprint, room_needed

# A word and its frame.
_ROW = np.dtype([("word", "<u4"), ("time", "<i4")])


class WaitingPrints(Mapping[str, Fingerprint]):
    """Fingerprints by the names of their tracks, put there in any order, in a file that goes with its process.

    Parameters
    ----------
    numbers : mapping of str to int
        Tracks in order, numbered from 0.
    """

    def __init__(self, numbers: Mapping[str, int]) -> None:
        """Have none yet."""
        self._numbers = numbers
        self._starts = np.full(len(numbers), -1, np.int64)
        self._counts, self._windows = np.zeros(len(numbers), np.int32), np.zeros(len(numbers), np.int32)
        with room_needed():
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it

    def put(self, number: int, found: Fingerprint) -> None:
        """Keep the fingerprint of a track.

        Raises
        ------
        DatasetError
            If the temporary folder has no room for it.
        """
        rows = np.empty(len(found.words), _ROW)
        rows["word"], rows["time"] = found.words, found.times
        with room_needed():
            start = self._file.seek(0, 2)
            self._file.write(rows.tobytes())
            self._file.flush()  # or a full disk would be met by whatever comes next
        self._starts[number], self._counts[number], self._windows[number] = start, len(rows), found.window

    def are_there(self) -> NDArray[np.bool_]:
        """Say of each track, by its number, whether there is one."""
        return self._starts >= 0

    def close(self) -> None:
        """Drop all, also what a full disk did not take."""
        with suppress(OSError):
            self._file.close()

    def __len__(self) -> int:
        """Count them."""
        return int(self.are_there().sum())

    def __iter__(self) -> Iterator[str]:
        """Go through the names of those that are there."""
        return (name for name, number in self._numbers.items() if self._starts[number] >= 0)

    def __getitem__(self, name: str) -> Fingerprint:
        """Read one."""
        number = self._numbers[name]
        if self._starts[number] < 0:
            raise KeyError(name)
        self._file.seek(int(self._starts[number]))
        rows = np.frombuffer(self._file.read(int(self._counts[number]) * _ROW.itemsize), _ROW)
        return Fingerprint(rows["word"].astype(np.uint32), rows["time"].astype(np.int64), int(self._windows[number]))
