"""What a model makes of a recording, and the spectrograms that it makes it of."""

import itertools
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.decode import Span
from genrebench.audio.mel import MelConfig, segment_spectrograms
from genrebench.errors import AudioError
from genrebench.model.calibration import Calibration
from genrebench.network.numerics import aggregate_segments, log_softmax
from genrebench.system.prefetch import prefetch

# Segments that go through the network at a time: bounds the memory of a long recording.
BATCH = 32


class _Answer:
    """Genres with their probabilities, the most probable first."""

    probabilities: dict[str, float]

    @property
    def genre(self) -> str:
        """The most probable genre."""
        return next(iter(self.probabilities))

    @property
    def probability(self) -> float:
        """Probability of the most probable genre, from 0 to 1."""
        return self.probabilities[self.genre]


@dataclass(frozen=True)
class Segment(_Answer):
    """What a model makes of one segment of a recording.

    Attributes
    ----------
    start, end : float
        Where it lies in the recording, in seconds.
    probabilities : dict of str to float
        Probability of every genre, the most probable first, calibrated for segments if the model is.
    """

    start: float
    end: float
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Prediction(_Answer):
    """What a model makes of one recording.

    Attributes
    ----------
    path : Path
        The recording.
    segments : int
        Number of segments, or of windows that overlap, that were classified.
    probabilities : dict of str to float
        Probability of every genre, the most probable first; they sum to 1, and are calibrated if the model is.
    notes : tuple of str
        What is wrong with the recording although it was heard: where it is damaged or cut short.
    uncertain : bool
        Whether the most probable genre is so improbable that it was rather wrong than right where the model was
        calibrated.
    timeline : tuple of Segment
        What it makes of each segment, in order; only if it was asked for. Silent segments are in none.

    Examples
    --------
    >>> import genrebench as gb
    >>> prediction = gb.load("results/gtzan").predict("song.wav")
    >>> prediction.genre == next(iter(prediction.probabilities))
    True
    >>> prediction.probability == max(prediction.probabilities.values())
    True
    """

    path: Path
    segments: int
    probabilities: dict[str, float]
    notes: tuple[str, ...] = ()
    uncertain: bool = False
    timeline: tuple[Segment, ...] = ()

    @classmethod
    def of_segments(
        cls,
        path: Path,
        log_probabilities: NDArray[np.float64],
        genres: Sequence[str],
        notes: Sequence[str] = (),
        *,
        calibration: Calibration = Calibration(),  # noqa: B008 - frozen
        spans: Sequence[Span] | None = None,
    ) -> Self:
        """Aggregate the segments of a recording by their mean log-probability.

        Parameters
        ----------
        path : Path
            The recording.
        log_probabilities : ndarray of float64 [shape=(segments, classes)]
            What the network makes of each segment.
        genres : sequence of str
            Name of each class.
        notes : sequence of str
            Remarks on the recording.
        calibration : Calibration
            Of the model; by default nothing is changed.
        spans : sequence of tuple of float, optional
            Where each segment begins and ends, for a timeline.

        Returns
        -------
        Prediction
            With the most probable genre first.
        """
        aggregated = aggregate_segments(log_probabilities)
        if calibration.track_temperature != 1:
            aggregated = log_softmax(aggregated / calibration.track_temperature)
        named = _best_first(aggregated, genres)
        uncertain = max(named.values()) < calibration.uncertain_below
        timeline: tuple[Segment, ...] = ()
        if spans is not None:
            each = log_softmax(log_probabilities / calibration.segment_temperature)
            timeline = tuple(Segment(*span, _best_first(row, genres)) for span, row in zip(spans, each, strict=True))
        return cls(path, len(log_probabilities), named, tuple(notes), uncertain, timeline)


def _best_first(log_probabilities: NDArray[np.float64], genres: Sequence[str]) -> dict[str, float]:
    """Name the probabilities of genres, the largest first; equal ones keep their order."""
    probabilities = np.exp(log_probabilities)
    return {genres[index]: float(probabilities[index]) for index in np.argsort(-probabilities, kind="stable")}


class Ending(NamedTuple):
    """What is known at the end of a recording.

    Attributes
    ----------
    notes : list of str
        Remarks on it.
    spans : list of tuple of float
        Where each of its segments that is not silent begins and ends, in seconds.
    """

    notes: list[str]
    spans: list[Span]


Batches = Iterator[NDArray[np.float32]]
Found = Iterator[tuple[Path, NDArray[np.float32] | AudioError | Ending]]


def spectrogram_batches(paths: Iterable[Path], mel: MelConfig, prepare: Callable[[Batches], Batches] = iter) -> Found:
    """Make the spectrograms of recordings, `BATCH` segments of one recording at a time.

    Parameters
    ----------
    prepare : callable
        What is done to the batches of a recording; by default nothing.

    Yields
    ------
    Path
        The recording.
    ndarray of float32 [shape=(n, n_mels, frames)], AudioError or Ending
        Some of its segments, or what `prepare` makes of them; why it has no more; what is known at its end.
    """
    for path in paths:
        ending = Ending([], [])
        spectrograms = segment_spectrograms(path, mel, notes=ending.notes, spans=ending.spans)
        try:
            for batch in prepare(_batched(spectrograms)):
                yield path, batch
        except AudioError as error:
            yield path, error
        else:
            yield path, ending


def _batched(spectrograms: Iterator[NDArray[np.float32]]) -> Batches:
    """Stack segments, `BATCH` at a time."""
    while batch := list(itertools.islice(spectrograms, BATCH)):
        yield np.stack(batch)


def predictions(
    batches: Found,
    log_probabilities: Callable[[NDArray[np.float32]], NDArray[np.float64]],
    genres: Sequence[str],
    *,
    calibration: Calibration,
    windows: Callable[[list[Span]], list[Span]] | None = None,
) -> Generator[Prediction | AudioError, None, None]:
    """Classify recordings, whose inputs are made ahead.

    Parameters
    ----------
    batches : iterator
        As of `spectrogram_batches`.
    log_probabilities : callable
        The network.
    windows : callable, optional
        Computes where the network's inputs lie from where the segments do, for timelines; without, there are none.

    Yields
    ------
    Prediction or AudioError
        One for each recording.
    """
    segments: list[NDArray[np.float64]] = []
    with closing(prefetch(batches)) as prepared:
        for path, batch in prepared:
            if isinstance(batch, AudioError):
                yield batch
                segments = []
            elif isinstance(batch, Ending):
                spans = None if windows is None else windows(batch.spans)
                found = np.concatenate(segments)
                yield Prediction.of_segments(path, found, genres, batch.notes, calibration=calibration, spans=spans)
                segments = []
            else:
                segments.append(log_probabilities(batch))
