"""What a model makes of a recording, and the spectrograms that it makes it of."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.mel import MelConfig, segment_spectrograms
from genrebench.errors import AudioError
from genrebench.model.calibration import Calibration
from genrebench.network.numerics import aggregate_segments, log_softmax

# Segments that go through the network at a time: bounds the memory of a long recording.
BATCH = 32


@dataclass(frozen=True)
class Prediction:
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

    @classmethod
    def of_segments(
        cls,
        path: Path,
        log_probabilities: NDArray[np.float64],
        genres: Sequence[str],
        notes: Sequence[str] = (),
        *,
        calibration: Calibration = Calibration(),  # noqa: B008 - frozen
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

        Returns
        -------
        Prediction
            With the most probable genre first.
        """
        aggregated = aggregate_segments(log_probabilities)
        if calibration.track_temperature != 1:
            aggregated = log_softmax(aggregated / calibration.track_temperature)
        probabilities = np.exp(aggregated)
        best_first = np.argsort(-probabilities, kind="stable")
        named = {genres[index]: float(probabilities[index]) for index in best_first}
        uncertain = float(probabilities.max()) < calibration.uncertain_below
        return cls(path, len(log_probabilities), named, tuple(notes), uncertain)

    @property
    def genre(self) -> str:
        """The most probable genre."""
        return next(iter(self.probabilities))

    @property
    def probability(self) -> float:
        """Probability of the most probable genre, from 0 to 1."""
        return self.probabilities[self.genre]


Batches = Iterator[NDArray[np.float32]]


def spectrogram_batches(
    paths: Iterable[Path], mel: MelConfig, prepare: Callable[[Batches], Batches] = iter
) -> Iterator[tuple[Path, NDArray[np.float32] | AudioError | list[str]]]:
    """Make the spectrograms of recordings, `BATCH` segments of one recording at a time.

    Parameters
    ----------
    prepare : callable
        What is done to the batches of a recording; by default nothing.

    Yields
    ------
    Path
        The recording.
    ndarray of float32 [shape=(n, n_mels, frames)], AudioError or list of str
        Some of its segments, or what `prepare` makes of them; why it has no more; at its end, remarks on it.
    """
    for path in paths:
        notes: list[str] = []
        spectrograms = segment_spectrograms(path, mel, notes=notes)
        try:
            for batch in prepare(_batched(spectrograms)):
                yield path, batch
        except AudioError as error:
            yield path, error
        else:
            yield path, notes


def _batched(spectrograms: Iterator[NDArray[np.float32]]) -> Batches:
    """Stack segments, `BATCH` at a time."""
    while batch := list(itertools.islice(spectrograms, BATCH)):
        yield np.stack(batch)
