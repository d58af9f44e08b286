"""Training segments altered anew each time they are seen: crops, stretching, shifts, gain, masks, mixtures.

Each function computes one alteration from what was drawn for it; `Augmenter` draws. Everything is done for a batch at
once, in another thread than the training step (`genrebench.training.batches.augmented_steps`).
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from genrebench.backend.group import ALONE, Group, rows_of
from genrebench.data.packed.inputs import PackedInputs
from genrebench.errors import ConfigError
from genrebench.training.batches import Batch
from genrebench.training.inputs import frames_of
from genrebench.training.settings import AugmentSettings

Positions = NDArray[np.float64] | NDArray[np.int64]


class Augmenter:
    """Makes batches of altered segments.

    Parameters
    ----------
    settings : AugmentSettings
        What is done.
    inputs : ndarray of float32 [shape=(segments, n_mels, frames, 1)] or PackedInputs
        All segments, standardized.
    labels : ndarray of int64 [shape=(segments,)]
        Their genres.
    runs : iterable of ndarray of int
        Segments that are trained on, one array per stretch of them that follow each other in a track.
    classes : int
        Number of genres.

    Raises
    ------
    ConfigError
        If the spectrograms are too small for a shift, a mask or the knots.
    """

    def __init__(
        self,
        settings: AugmentSettings,
        inputs: NDArray[np.float32] | PackedInputs,
        labels: NDArray[np.int64],
        runs: list[NDArray[np.int64]],
        classes: int,
    ) -> None:
        """Find the stretch of the track in which each segment lies."""
        self._settings, self._inputs, self._labels, self._classes = settings, inputs, labels, classes
        bands, frames = inputs.shape[1:3]
        most_of = {"shift": bands - 1, "frequency_mask": bands, "time_mask": frames}
        for name, most in (most_of | ({"gain_knots": bands} if settings.gain else {})).items():
            if getattr(settings, name) > most:
                raise ConfigError(
                    f"augment.{name}: expected at most {most} with spectrograms of {bands} x {frames}, received "
                    f"{getattr(settings, name)}"
                )
        self._first, self._count = np.arange(len(inputs)), np.ones(len(inputs), np.int64)
        for run in runs:
            self._first[run], self._count[run] = run[0], len(run)

    def batches(
        self, order: NDArray[np.int64], batch_size: int, rng: np.random.Generator, group: Group = ALONE
    ) -> Iterator[Batch]:
        """Make the batches of an epoch.

        Parameters
        ----------
        order : ndarray of int64 [shape=(n,)]
            Which segments, in which order.
        batch_size : int
            Segments in a batch; the last one may have fewer.
        rng : Generator
            What all random numbers are drawn from.
        group : Group
            Who shares the batches: all draw the same, and each makes its rows.

        Yields
        ------
        ndarray of float32 [shape=(rows, n_mels, frames, 1)]
            Inputs.
        ndarray of int64 [shape=(rows,)] or float32 [shape=(rows, classes)]
            Genres; probabilities if they are mixed or smoothed.
        """
        for start in range(0, len(order), batch_size):
            whole = order[start : start + batch_size]
            yield self._batch(whole, rows_of(len(whole), group), rng)

    def _batch(self, chosen: NDArray[np.int64], part: slice, rng: np.random.Generator) -> Batch:
        """Draw what a batch needs, and make a part of it."""
        settings, (bands, frames) = self._settings, self._inputs.shape[1:3]
        n = len(chosen)
        # What is drawn does not depend on the part. First comes all that concerns a window by itself.
        shifts = rng.integers(-settings.shift, settings.shift + 1, n) if settings.shift else np.zeros(n, np.int64)
        positions = self._positions(chosen, rng)
        gains = rng.normal(0, settings.gain, (n, settings.gain_knots)) if settings.gain else None
        by_band = random_masks(n, bands, settings.frequency_mask, rng) if settings.frequency_mask else None
        by_time = random_masks(n, frames, settings.time_mask, rng) if settings.time_mask else None
        made = own = np.arange(n)[part]
        if settings.mixup:
            share = rng.beta(settings.mixup, settings.mixup, n)
            share, other = np.maximum(share, 1 - share)[own], rng.permutation(n)[own]
            made = np.union1d(own, other)
        x = take(self._inputs, self._first[chosen][made], positions[made], shifted_bands(bands, shifts[made]))
        if gains is not None:
            x += smooth_gain(gains[made], bands)[:, :, np.newaxis]
        if by_band is not None:
            x *= ~by_band[made][:, :, np.newaxis]
        if by_time is not None:
            x *= ~by_time[made][:, np.newaxis, :]
        labels = self._labels[chosen][made]
        if not (settings.mixup or settings.smoothing):
            return x[..., np.newaxis], labels
        targets = np.eye(self._classes, dtype=np.float32)[labels]
        if settings.mixup:
            first = np.searchsorted(made, own[:1]).sum()  # one's own stand in a row
            mine, others = slice(first, first + len(own)), np.searchsorted(made, other)
            x, targets = mixed(x[mine], share, x[others]), mixed(targets[mine], share, targets[others])
            if settings.fade:
                share[other == own] = 1  # of a window with itself
                x *= deviation_left(share, settings.fade)[:, np.newaxis, np.newaxis]
        if settings.smoothing:
            targets = smoothed(targets, settings.smoothing)
        return x[..., np.newaxis], targets

    def _positions(self, chosen: NDArray[np.int64], rng: np.random.Generator) -> Positions:
        """Draw which frames of the stretch of track each window has; between frames if time is stretched."""
        frames, n = self._inputs.shape[2], len(chosen)
        total, own = self._count[chosen] * frames, (chosen - self._first[chosen]) * frames
        if not self._settings.stretch:
            start = rng.integers(0, total - frames + 1) if self._settings.crops else own
            return np.asarray(start[:, np.newaxis] + np.arange(frames))
        limit = self._settings.stretch
        length = np.minimum(frames * np.exp(rng.uniform(-limit, limit, n)), total)
        room = total - length
        start = rng.uniform(0, 1, n) * room if self._settings.crops else np.clip(own + (frames - length) / 2, 0, room)
        return stretched_positions(start, length, frames)


def stretched_positions(start: NDArray[np.float64], length: NDArray[np.float64], frames: int) -> NDArray[np.float64]:
    """Place the frames of windows evenly in parts of a track that are shorter or longer.

    Parameters
    ----------
    start, length : ndarray of float64 [shape=(n,)]
        First frame and number of frames of each part.
    frames : int
        Frames of a window.

    Returns
    -------
    ndarray of float64 [shape=(n, frames)]
        Center of frame k is ``(k + 1/2) length / frames - 1/2`` frames after `start`, within the part.
    """
    offset = (np.arange(frames) + 0.5) * (length / frames)[:, np.newaxis] - 0.5
    return np.asarray(start[:, np.newaxis] + np.clip(offset, 0, np.maximum(length - 1, 0)[:, np.newaxis]))


def shifted_bands(bands: int, shifts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Say from which band each band is taken [shape=(n, bands)] if windows move up; the outermost are repeated."""
    return np.asarray(np.clip(np.arange(bands) - shifts[:, np.newaxis], 0, bands - 1))


def take(
    inputs: NDArray[np.float32] | PackedInputs,
    first: NDArray[np.int64],
    positions: Positions,
    rows: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Take windows out of joined segments; between two frames, linearly between them.

    Parameters
    ----------
    inputs : ndarray of float32 [shape=(segments, n_mels, frames, 1)] or PackedInputs
        Segments, those of a track one after the other.
    first : ndarray of int64 [shape=(n,)]
        Segment from whose beginning positions are counted.
    positions : ndarray [shape=(n, frames)]
        Frames of each window.
    rows : ndarray of int64 [shape=(n, n_mels)]
        Bands of each window.
    """
    if positions.dtype.kind == "i":
        return frames_of(inputs, first, positions.astype(np.int64, copy=False), rows)
    below = np.floor(positions).astype(np.int64)
    share = (positions - below).astype(np.float32)[:, np.newaxis, :]
    lower = frames_of(inputs, first, below, rows)
    return lower + share * (frames_of(inputs, first, np.ceil(positions).astype(np.int64), rows) - lower)


def smooth_gain(values: NDArray[np.float64], bands: int) -> NDArray[np.float32]:
    """Interpolate gains given at knots, evenly spaced from the lowest to the highest band, linearly in between.

    Parameters
    ----------
    values : ndarray of float [shape=(n, knots)]
        Gain at each knot.

    Returns
    -------
    ndarray of float32 [shape=(n, bands)]
        Gain of each band.
    """
    knots = values.shape[1]
    place = np.linspace(0, knots - 1, bands)
    weights = np.maximum(0, 1 - np.abs(place - np.arange(knots)[:, np.newaxis]))
    gains: NDArray[np.float32] = (values @ weights).astype(np.float32)
    return gains


def random_masks(n: int, size: int, widest: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw masks [shape=(n, size)]: widths from 0 to `widest`, then beginnings at which they fit."""
    width = rng.integers(0, widest + 1, n)
    start = rng.integers(0, size - width + 1)[:, np.newaxis]
    place = np.arange(size)
    return (place >= start) & (place < start + width[:, np.newaxis])


def mixed(values: NDArray[np.float32], share: NDArray[np.float64], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mix each row with another: ``share`` of itself and the rest of the same row of ``others``."""
    own = share.astype(np.float32).reshape(-1, *(1,) * (values.ndim - 1))
    return own * values + (1 - own) * others


def deviation_left(share: NDArray[np.float64], power: float) -> NDArray[np.float32]:
    """Compute a power of the deviation [shape=(n,)] of mixtures of unrelated values whose deviation is 1.

    Examples
    --------
    >>> deviation_left(np.array([1.0, 0.8]), 2).tolist()
    [1.0, 0.6800000071525574]
    """
    left: NDArray[np.float32] = (np.hypot(share, 1 - share) ** power).astype(np.float32)
    return left


def smoothed(targets: NDArray[np.float32], smoothing: float) -> NDArray[np.float32]:
    """Spread a share of the probability over all classes."""
    return targets * np.float32(1 - smoothing) + np.float32(smoothing / targets.shape[1])
