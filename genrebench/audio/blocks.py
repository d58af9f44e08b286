"""Recordings as networks take them: standardized in blocks, and cut into windows.

A recording longer than those of training is taken in blocks of their length, each standardized on its own, so that a
network sees what it saw in training and memory does not grow with the recording.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.decode import Span
from genrebench.audio.standardize import AnyStandardizer

# Windows of a block are in memory together: ten times the segments.
MAX_OVERLAP = 0.9


def standardize_recording(
    standardizer: AnyStandardizer,
    batches: Iterable[NDArray[np.float32]],
    *,
    block: int | None,
    overlap: float = 0.0,
) -> Iterator[NDArray[np.float32]]:
    """Standardize the segments of one recording, some at a time.

    Parameters
    ----------
    batches : iterable of ndarray of float32 [shape=(n, n_mels, frames)]
        Its segments in order.
    block : int or None
        Segments of a recording in training, which are standardized together; None takes all together.
    overlap : float
        Share of each window that the next one has, too; see `cut_windows`. Windows do not reach across blocks.

    Yields
    ------
    ndarray of float32 [shape=(n, n_mels, frames)]
        Windows in order. No more than two blocks are in memory; without need of blocks, each batch is taken as it is.
    """
    if not (standardizer.by_recording or overlap):
        for batch in batches:
            yield standardizer.apply(batch)
        return
    for rows, around in _blocks(batches, block):
        yield cut_windows(standardizer.apply(rows, around=around), overlap)


def _blocks(
    batches: Iterable[NDArray[np.float32]], size: int | None
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Part segments in blocks; around the last, shorter one is a whole block that ends with it, as far as there is."""
    before: NDArray[np.float32] | None = None
    pending: list[NDArray[np.float32]] = []
    for batch in batches:
        for segment in batch:
            pending.append(segment)
            if len(pending) == size:
                before, pending = np.stack(pending), []
                yield before, before
    if pending:
        rest = np.stack(pending)
        yield rest, rest if before is None or size is None else np.concatenate([before, rest])[-size:]


def cut_windows(segments: NDArray[np.float32], overlap: float) -> NDArray[np.float32]:
    """Join consecutive segments and cut them anew, into windows of the same length that overlap.

    Parameters
    ----------
    segments : ndarray of float32 [shape=(n, n_mels, frames)]
        At least one.
    overlap : float
        Share of each window that the next one has, too, at least; 0 gives the segments.

    Returns
    -------
    ndarray of float32 [shape=(windows, n_mels, frames)]
        Evenly spaced from the beginning to the end.

    Examples
    --------
    >>> segments = np.arange(8, dtype=np.float32).reshape(2, 1, 4)
    >>> cut_windows(segments, 0.5)[:, 0]
    array([[0., 1., 2., 3.],
           [2., 3., 4., 5.],
           [4., 5., 6., 7.]], dtype=float32)
    """
    if not overlap:
        return segments
    count, bands, frames = segments.shape
    joined = segments.transpose(1, 0, 2).reshape(bands, count * frames)
    return np.stack([joined[:, start : start + frames] for start in window_starts(count, frames, overlap)])


def window_starts(count: int, frames: int, overlap: float) -> NDArray[np.intp]:
    """Choose at which of the frames of so many segments windows begin."""
    steps = int(np.ceil((count - 1) / (1 - overlap) - 1e-9))
    return np.rint(np.linspace(0, (count - 1) * frames, steps + 1)).astype(np.intp)


def window_spans(spans: Sequence[Span], *, frames: int, block: int | None, overlap: float) -> list[Span]:
    """Compute where the windows of a recording begin and end.

    Parameters
    ----------
    spans : sequence of tuple of float
        Where its segments do, in seconds, all but the last of one length; silent ones between them are left out.
    frames : int
        Frames of a segment.
    block, overlap : int or None, float
        As of `standardize_recording`.

    Returns
    -------
    list of tuple of float
        One for each window that `standardize_recording` gives; one that joins segments around silence lies on the side
        of it that it has more of.

    Examples
    --------
    >>> window_spans([(0.0, 3.0), (3.0, 6.0)], frames=4, block=10, overlap=0.5)
    [(0.0, 3.0), (1.5, 4.5), (3.0, 6.0)]
    """
    if not overlap or not spans:
        return list(spans)
    longest = max(end - start for start, end in spans)
    windows = []
    for first in range(0, len(spans), block or len(spans)):
        part = spans[first:][: block or len(spans)]
        for start in map(int, window_starts(len(part), frames, overlap)):
            (before, within), (after, last) = divmod(start, frames), divmod(start + frames - 1, frames)
            begins = part[before][0] + within / frames * longest
            ends = min(part[after][1], part[after][0] + (last + 1) / frames * longest)
            if before != after and part[after][0] - part[before][1] > longest / frames:
                begins, ends = (begins, part[before][1]) if 2 * within <= frames else (part[after][0], ends)
            windows.append((begins, ends))
    return windows


def standardize_tracks(
    standardizer: AnyStandardizer,
    spectrograms: NDArray[np.float32],
    tracks: NDArray[np.str_] | None,
    *,
    block: int | None,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Standardize the segments of many recordings, each as `standardize_recording` does.

    Parameters
    ----------
    spectrograms : ndarray of float32 [shape=(segments, n_mels, frames)]
        Those of a recording in order.
    tracks : ndarray of str [shape=(segments,)], optional
        Recording of each; without, each is one.
    block : int or None
        As of `standardize_recording`.
    out : ndarray of float32, optional
        Where to put the result; `spectrograms` itself is allowed.
    """
    if not standardizer.by_recording:
        return standardizer.apply(spectrograms, out=out)
    out = np.empty_like(spectrograms, dtype=np.float32) if out is None else out
    for rows in rows_of_tracks(np.arange(len(spectrograms)) if tracks is None else tracks):
        start = 0
        for part in standardize_recording(standardizer, [spectrograms[rows]], block=block):
            out[rows[start : start + len(part)]] = part
            start += len(part)
    return out


def rows_of_tracks(tracks: NDArray[Any]) -> Iterator[NDArray[np.intp]]:
    """Go through recordings in the order in which they appear.

    Yields
    ------
    ndarray of int [shape=(n,)]
        Rows of one recording, ascending.

    Examples
    --------
    >>> [rows.tolist() for rows in rows_of_tracks(np.array(["b", "a", "b"]))]
    [[0, 2], [1]]
    """
    _, first, number, counts = np.unique(tracks, return_index=True, return_inverse=True, return_counts=True)
    rows = np.split(np.argsort(number, kind="stable"), np.cumsum(counts)[:-1])
    for place in np.argsort(first):
        yield rows[place]
