"""Recordings that are the same: at another volume, cut, encoded anew, under another name or in another genre.

A fingerprint says for every frame whether the difference of two neighboring bands rises or falls (Haitsma and Kalker,
"A highly robust audio fingerprinting system", ISMIR 2002): volume and equalization cancel, coding changes few bits.
Equal words of two tracks, found by sorting, vote for a shift in time; the share of bits that differ at that shift
decides. Unrelated tracks differ in half of them or more.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.mel import MelConfig
from genrebench.data.dataset import Dataset
from genrebench.errors import DatasetError

# Bands that a spectrogram is reduced to; a word has one bit fewer.
_BANDS = 25
# Frames that are averaged: a third of a second of the default spectrograms.
_LONGEST_WINDOW = 16
# Neighbors of a word, among all equal ones in the order of tracks, that vote. It bounds the work where many are equal.
_NEIGHBORS = 16
# Below this distance from a segment's maximum lies what coding leaves out, and noise.
_AUDIBLE_DB = 60.0
# Votes for one shift with which two tracks are compared bit by bit.
_VOTES = 3
# Different bits, in relation to the bits that are set, up to which two tracks are the same recording. Copies of 60
# recordings, cut at any place and encoded at 48 kbit/s, have up to 0.27, the nearest of 86,000 unrelated pairs 0.46.
DIFFERENT_BITS = 0.33
# Words that are looked at together, which takes up to half a gigabyte, and in how many parts at the most.
_WORDS, _MOST_PARTS = 2**21, 1024
# A word that votes, with its frame and its track.
_WORD = np.dtype([("word", "<u4"), ("time", "<i4"), ("track", "<i4")])
# Windows that both tracks must have in common; in fewer, chance decides.
_COMMON_WINDOWS = 6


@dataclass(frozen=True)
class Fingerprint:
    """What is compared of a track.

    Attributes
    ----------
    words : ndarray of uint32 [shape=(n,)]
        One per frame in which anything sounds, in order.
    times : ndarray of int64 [shape=(n,)]
        Their frames.
    window : int
        Frames that were averaged.
    """

    words: NDArray[np.uint32]
    times: NDArray[np.int64]
    window: int


@dataclass(frozen=True)
class Duplicate:
    """Two tracks that are one recording.

    Attributes
    ----------
    first, second : str
        Their names.
    different : float
        Bits that differ in relation to those that are set, from 0 for identical ones to `DIFFERENT_BITS`.
    shift : int
        Frames by which the second one lags behind the first.
    """

    first: str
    second: str
    different: float
    shift: int


def fingerprint(segments: NDArray[np.float32], hops: float | None = None) -> Fingerprint:
    """Compute the fingerprint of a track.

    Parameters
    ----------
    segments : ndarray of float32 [shape=(n, n_mels, frames)]
        Its spectrograms in dB, one after the other, each below whatever reference.
    hops : float, optional
        Frames from the beginning of a segment to that of the next; by default one less than a segment has.

    Returns
    -------
    Fingerprint
        Without words for a track of one frame or one band.
    """
    count, bands, frames = segments.shape
    window = max(1, min(_LONGEST_WINDOW, frames // 8))
    edges = np.unique(np.linspace(0, bands, min(_BANDS, bands) + 1).round().astype(int))
    with np.errstate(over="ignore", invalid="ignore"):  # of values that are no decibels nothing is the same
        audible = np.maximum(segments, segments.max(axis=(1, 2), keepdims=True) - _AUDIBLE_DB)
        levels = np.add.reduceat(audible, edges[:-1], axis=1) / np.diff(edges)[:, None]
        sums = np.cumsum(levels, axis=2, dtype=np.float64)
        slopes = np.diff(sums[..., window:] - sums[..., :-window], axis=1)
        changes = slopes[..., window:] - slopes[..., :-window]
    weights = np.uint32(1) << np.arange(changes.shape[1], dtype=np.uint32)
    words = ((changes > 0) * weights[:, None]).sum(axis=1, dtype=np.uint32)
    starts = np.rint(np.arange(count) * (frames - 1 if hops is None else hops)).astype(np.int64)
    times = starts[:, None] + np.arange(words.shape[1])
    sounds = np.abs(changes).max(axis=1, initial=0.0) > 0
    return Fingerprint(words[sounds], times[sounds], window)


def find_duplicates(fingerprints: Mapping[str, Fingerprint]) -> list[Duplicate]:
    """Find the pairs of tracks that are one recording.

    Parameters
    ----------
    fingerprints : mapping
        Of each track by its name, all of spectrograms with the same settings. It may read them anew each time that they
        are asked for: each is twice, and once more for every track that it may be the same as.

    Returns
    -------
    list of Duplicate
        The most alike first.
    """
    names = list(fingerprints)
    found = []
    for (first, second), shift in _candidates(fingerprints.values()).items():
        different, at = _compare(fingerprints[names[first]], fingerprints[names[second]], shift)
        if different <= DIFFERENT_BITS:
            found.append(Duplicate(names[first], names[second], different, at))
    return sorted(found, key=lambda each: (each.different, each.first, each.second))


@contextmanager
def room_needed() -> Iterator[None]:
    """Name the temporary folder, and what to do, where it takes no more, as on a full disk.

    Raises
    ------
    DatasetError
        For whatever the system refuses meanwhile.
    """
    folder = gettempdir()
    try:
        yield
    except OSError as error:
        raise DatasetError(
            f"fingerprints of recordings cannot be kept here meanwhile ({error.strerror}); make room, or name another "
            "folder by TMPDIR",
            path=folder,
        ) from error


def segment_hops(mel: MelConfig | None) -> float | None:
    """Compute the frames from the beginning of a segment to that of the next; None where that is not known."""
    return mel.segment_samples / mel.hop_length if mel else None


def dataset_duplicates(dataset: Dataset) -> list[Duplicate]:
    """Find the pairs of tracks of a dataset that are one recording; its spectrograms are in dB still."""
    hops = segment_hops(dataset.mel)
    names, first, counts = np.unique(dataset.tracks, return_index=True, return_counts=True)
    return find_duplicates(
        {
            str(name): fingerprint(dataset.spectrograms[start : start + count], hops)
            for name, start, count in zip(names, first, counts, strict=True)
        }
    )


def connected(names: Sequence[str], pairs: Iterable[tuple[str, str]]) -> NDArray[np.int64]:
    """Number the groups of tracks that must stay together.

    Parameters
    ----------
    names : sequence of str
        Tracks, each once.
    pairs : iterable of tuple of str
        Those that belong together.

    Returns
    -------
    ndarray of int64 [shape=(len(names),)]
        Equal numbers for tracks that belong together, over whatever others.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    place = {name: index for index, name in enumerate(names)}
    rows = np.array([(place[first], place[second]) for first, second in pairs], dtype=int).reshape(-1, 2)
    graph = coo_array((np.ones(len(rows)), (rows[:, 0], rows[:, 1])), shape=(len(names), len(names)))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _candidates(prints: Collection[Fingerprint]) -> dict[tuple[int, int], int]:
    """Find pairs of tracks that share words at one shift in time, and the shift, rounded down to half a window.

    Where there are many words, they wait on disk, equal ones in the same file, and so do votes, those for a pair in the
    same file. One file of them is in memory at a time.
    """
    total, window = 0, 1
    for each in prints:
        total, window = total + len(each.words), max(window, each.window)
    step = max(1, window // 2)
    parts = min(_MOST_PARTS, -(-total // _WORDS))
    if parts <= 1:
        return {} if not parts else _elected(*_votes(next(_words(prints)), len(prints), step), len(prints), step)
    best: dict[tuple[int, int], int] = {}
    with room_needed(), TemporaryDirectory(prefix="genrebench-") as folder:
        words, votes = ([Path(folder, f"{kind}-{part}") for part in range(parts)] for kind in ("words", "votes"))
        longest = 0
        for chunk in _words(prints):
            longest = max(longest, int(chunk["time"].max(initial=0)))
            _append(words, chunk, chunk["word"] % np.uint32(parts))
        for path in words:
            ballots, span = _votes(np.fromfile(path, _WORD), len(prints), step, longest)
            path.unlink()
            _append(votes, ballots, ballots // (2 * span) % parts)
        for path in votes:
            best |= _elected(np.fromfile(path, np.int64), span, len(prints), step)
    return best


def _words(prints: Iterable[Fingerprint]) -> Iterator[NDArray[np.void]]:
    """Go through the words that vote, `_WORDS` or some more at a time: of those that stay the same the first one."""
    waiting = [np.empty(0, _WORD)]
    count = 0
    for number, each in enumerate(prints):
        rows = np.flatnonzero(np.diff(each.words, prepend=~each.words[:1]))
        found = np.empty(len(rows), _WORD)
        found["word"], found["time"], found["track"] = each.words[rows], each.times[rows], number
        waiting.append(found)
        count += len(found)
        if count >= _WORDS:
            yield np.concatenate(waiting)
            waiting, count = [], 0
    if waiting:
        yield np.concatenate(waiting)


def _append(files: Sequence[Path], values: NDArray[Any], places: NDArray[np.integer[Any]]) -> None:
    """Write each value to the end of its file, in order."""
    order = np.argsort(places, kind="stable")
    ends = np.cumsum(np.bincount(places, minlength=len(files)))
    for path, found in zip(files, np.split(values[order], ends[:-1]), strict=True):
        with path.open("ab") as file:
            file.write(found.tobytes())


def _votes(found: NDArray[np.void], count: int, step: int, longest: int | None = None) -> tuple[NDArray[np.int64], int]:
    """Have equal words of two tracks, of so many, vote: a number for the pair and the shift, in steps.

    Parameters
    ----------
    longest : int, optional
        The last frame of all words; by default that of these.

    Returns
    -------
    ndarray of int64
        The votes.
    int
        Shifts, from 0, that a number can hold.
    """
    span = int(found["time"].max(initial=0) if longest is None else longest) // step + 2
    found = found[np.argsort(found["word"], kind="stable")]
    words, times, tracks = (np.ascontiguousarray(found[name]) for name in ("word", "time", "track"))
    votes = [np.empty(0, np.int64)]
    for distance in range(1, min(_NEIGHBORS, len(words) - 1) + 1):
        same = (words[distance:] == words[:-distance]) & (tracks[distance:] != tracks[:-distance])
        first, second = tracks[:-distance][same].astype(np.int64), tracks[distance:][same]
        shift = (times[distance:][same] - times[:-distance][same]) // step
        votes.append((first * count + second) * (2 * span) + shift + span)
    return np.concatenate(votes), span


def _elected(ballots: NDArray[np.int64], span: int, tracks: int, step: int) -> dict[tuple[int, int], int]:
    """Count votes, and take of each pair that has enough for one shift the shift of the most."""
    ballots, counts = np.unique(ballots, return_counts=True)
    # A shift near the border of two steps has its votes in both.
    follows = np.diff(ballots, append=-1) == 1
    counts = counts + np.where(follows, np.roll(counts, -1), 0)
    best: dict[tuple[int, int], tuple[int, int]] = {}
    chosen = counts >= _VOTES
    for ballot, count in zip(ballots[chosen].tolist(), counts[chosen].tolist(), strict=True):
        number, shift = divmod(ballot, 2 * span)
        pair = divmod(number, tracks)
        best[pair] = max(best.get(pair, (0, 0)), (count, (shift - span) * step))
    return {pair: shift for pair, (_, shift) in best.items()}


def _compare(first: Fingerprint, second: Fingerprint, shift: int) -> tuple[float, int]:
    """Measure how many bits differ at the best shift near a given one, and that shift; 1 without enough in common."""
    best = (1.0, shift)
    place = np.full(int(max(first.times[-1], second.times[-1])) + 2, -1)
    place[second.times] = np.arange(len(second.times))
    for each in range(shift - 1, shift + 2 * max(1, first.window // 2) + 2):
        found = place[(first.times + each).clip(-1, len(place) - 1)]
        both = found >= 0
        if both.sum() >= _COMMON_WINDOWS * first.window:
            pair = first.words[both], second.words[found[both]]
            different, is_set = (int(np.bitwise_count(words).sum()) for words in (pair[0] ^ pair[1], np.stack(pair)))
            best = min(best, (different / is_set, each))
    return best
