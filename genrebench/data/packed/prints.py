"""Fingerprints of a packed copy's tracks, as the shards' writers left them: mapped, so that no memory holds them."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrebench.data.duplicates import Fingerprint
from genrebench.data.packed.shards import measured_files


class StoredPrints(Mapping[str, Fingerprint]):
    """Fingerprints by the names of their tracks, in the order of names, as tracks in memory are.

    Parameters
    ----------
    folder : Path
        Where they lie.
    shards : int
        Of the copy.
    names : sequence of str
        Tracks, as they stand in the shards.
    """

    def __init__(self, folder: Path, shards: int, names: Sequence[str]) -> None:
        """Know where each is, in some bytes for each track."""
        order = sorted(range(len(names)), key=names.__getitem__)
        self._names = [names[place] for place in order]
        self._places = np.array(order, np.int64)
        self._words: list[NDArray[np.uint32]] = []
        self._times: list[NDArray[np.int32]] = []
        counts, ends = [], []
        for number in range(shards):
            files = measured_files(number)
            counts.append(np.load(folder / files["counts"], allow_pickle=False))
            ends.append(np.cumsum(counts[-1][:, 0]))
            is_empty = not ends[-1][-1]  # which cannot be mapped
            for mapped, name in ((self._words, "words"), (self._times, "times")):
                mapped.append(np.load(folder / files[name], None if is_empty else "r", allow_pickle=False))
        self._tracks = np.cumsum([len(each) for each in counts])
        self._counts: NDArray[np.int64] = np.concatenate(counts)
        self._ends: NDArray[np.int64] = np.concatenate(ends)

    def __len__(self) -> int:
        """Count the tracks."""
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self._names)

    def __getitem__(self, name: str) -> Fingerprint:
        """Look one up."""
        found = bisect_left(self._names, name)
        if found == len(self) or self._names[found] != name:
            raise KeyError(name)
        place = int(self._places[found])
        shard = int(np.searchsorted(self._tracks, place, side="right"))
        (count, window), end = self._counts[place].tolist(), int(self._ends[place])
        part = slice(end - count, end)
        return Fingerprint(np.array(self._words[shard][part]), self._times[shard][part].astype(np.int64), window)
