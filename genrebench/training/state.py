"""Where a run stands, and what may be added to it: callbacks that the loop tells what happens."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.blocks import cut_windows, standardize_tracks
from genrebench.audio.standardize import AnyStandardizer, fit_standardizer
from genrebench.backend.group import ALONE, Group
from genrebench.backend.protocol import BatchMetrics, Trainable
from genrebench.data.dataset import Dataset, load_dataset
from genrebench.data.splits import PARTS, Split, leaking_tracks, split_dataset
from genrebench.errors import ConfigError, DatasetError
from genrebench.network.architecture import Architecture
from genrebench.training.averaging import AveragedWeights
from genrebench.training.config import Experiment
from genrebench.training.history import EpochMetrics, last_saved


@dataclass(frozen=True)
class TrainingData:
    """What a run trains on.

    Attributes
    ----------
    dataset : Dataset
        All segments; its spectrograms are standardized in place.
    split : Split
        Its parts.
    standardizer : AnyStandardizer
        What was done to them; statistics are the training part's.
    leaking : int
        Number of tracks that stand on both sides of the split.
    overlap : float
        Share that consecutive windows of the held-out parts have in common.
    """

    dataset: Dataset
    split: Split
    standardizer: AnyStandardizer
    leaking: int
    overlap: float = 0.0

    @property
    def inputs(self) -> NDArray[np.float32]:
        """View the spectrograms as inputs of the network.

        Returns
        -------
        ndarray of float32 [shape=(segments, n_mels, frames, 1)]
            All segments, standardized.
        """
        return self.dataset.spectrograms[..., np.newaxis]

    def held_out(self, part: str) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64], NDArray[np.str_]]:
        """Look up what is predicted of a part.

        Returns
        -------
        ndarray of float32 [shape=(m, n_mels, frames, 1)]
            Inputs: all segments, or the part's windows if they overlap.
        ndarray of int64 [shape=(n,)]
            Which of them.
        ndarray of int64, ndarray of str [shape=(n,)]
            Their genres and tracks.
        """
        if self.overlap:
            return self._windows[part]
        rows = getattr(self.split, part)
        return self.inputs, rows, self.dataset.labels[rows], self.dataset.tracks[rows]

    @cached_property
    def _windows(
        self,
    ) -> dict[str, tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64], NDArray[np.str_]]]:
        """Cut the windows of the held-out parts, which overlap."""
        found = {}
        for part in PARTS[1:]:
            runs = consecutive(getattr(self.split, part), self.dataset.tracks)
            windows = [cut_windows(self.dataset.spectrograms[run], self.overlap) for run in runs]
            counts = list(map(len, windows))
            first = np.repeat(np.array([run[0] for run in runs], np.int64), counts)
            inputs = np.concatenate([self.dataset.spectrograms[:0], *windows])[..., np.newaxis]
            found[part] = inputs, np.arange(len(inputs)), self.dataset.labels[first], self.dataset.tracks[first]
        return found

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Describe the data, once they are standardized, so that a change is noticed.

        Returns
        -------
        dict
            Number of segments, genres, and a SHA-256 of all that training looks at, in plain JSON types.
        """
        digest = hashlib.sha256(repr((self.standardizer, self.dataset.mel)).encode())
        digest.update("\n".join(self.dataset.tracks.tolist()).encode(errors="surrogateescape"))
        for array in (self.dataset.spectrograms, self.dataset.labels, *(getattr(self.split, part) for part in PARTS)):
            digest.update(np.ascontiguousarray(array).view(np.uint8).data)
        return {
            "segments": len(self.dataset.labels),
            "genres": list(self.dataset.genres),
            "sha256": digest.hexdigest(),
        }


def load_training_data(experiment: Experiment) -> TrainingData:
    """Read, split and standardize the data of an experiment; no file is read again.

    Raises
    ------
    DatasetError
        If the data cannot be used.
    """
    dataset = load_dataset(experiment.dataset)
    split = split_dataset(dataset, seed=experiment.seed, **experiment.split.model_dump())
    standardizer = _standardize(dataset, split, experiment)
    leaking = len(leaking_tracks(dataset, split))
    return TrainingData(dataset, split, standardizer, leaking, experiment.training.overlap)


def consecutive(indices: NDArray[np.int64], tracks: NDArray[np.str_]) -> list[NDArray[np.int64]]:
    """Part segments where one does not follow the other in the same track.

    Parameters
    ----------
    indices : ndarray of int64 [shape=(n,)]
        Segments in ascending order.
    tracks : ndarray of str [shape=(segments,)]
        Track of every segment.

    Examples
    --------
    >>> runs = consecutive(np.array([0, 1, 3, 4]), np.array(["a", "a", "a", "a", "b"]))
    >>> [run.tolist() for run in runs]
    [[0, 1], [3], [4]]
    """
    if not len(indices):
        return []
    follows = (np.diff(indices) == 1) & (tracks[indices[1:]] == tracks[indices[:-1]])
    return np.split(indices, np.flatnonzero(~follows) + 1)


def _standardize(dataset: Dataset, split: Split, experiment: Experiment) -> AnyStandardizer:
    """Standardize the spectrograms in place, if that gives numbers."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            settings, values = experiment.training, dataset.spectrograms
            standardizer = fit_standardizer(settings.standardization, values, split.train, level=settings.level)
            block = dataset.mel.segments if dataset.mel else None
            standardize_tracks(standardizer, values, dataset.tracks, block=block, out=values)
    except DatasetError as error:
        raise DatasetError(str(error), path=dataset.tree) from error
    except ConfigError as error:
        reason = str(error)
    else:
        # Of an array with NaN, both are NaN.
        lowest, highest = dataset.spectrograms.min(), dataset.spectrograms.max()
        if np.isfinite([lowest, highest]).all() and lowest < highest:
            return standardizer
        mean, deviation = standardizer.statistics(dataset.spectrograms[:1])
        reason = f"mean {np.max(mean):g}, deviation {np.max(deviation):g}"
    raise DatasetError(
        f"expected spectrograms in dB, received values that cannot be standardized ({reason}); preprocess again",
        path=dataset.tree,
    )


@dataclass
class LoopState:
    """Where a run stands. What the next step depends on is here, and nowhere else.

    The first three follow from the experiment and never change. The others are what a `Checkpoint` keeps: the
    network's weights and training state, the state of `order`, `history` and `steps`.

    Attributes
    ----------
    experiment : Experiment
        What the run was told.
    data : TrainingData
        What it trains on.
    architecture : Architecture
        What it trains.
    network : Trainable
        The network, with optimizer and random stream of dropout.
    order : Generator
        Shuffles the segments anew for each epoch.
    history : list of EpochMetrics
        One row per finished epoch.
    steps : int
        Steps done in all epochs.
    average : AveragedWeights, optional
        The average of the weights, if there is to be one.
    group : Group
        Who trains together.
    """

    experiment: Experiment
    data: TrainingData
    architecture: Architecture
    network: Trainable
    order: np.random.Generator
    history: list[EpochMetrics] = field(default_factory=list)
    steps: int = 0
    average: AveragedWeights | None = None
    group: Group = ALONE

    @property
    def epoch(self) -> int:
        """Count the epochs that are done."""
        return len(self.history)

    @property
    def best(self) -> EpochMetrics | None:
        """Look up the epoch whose weights are saved; None before the first."""
        return last_saved(self.history)


class Callback:
    """What is told of a run while it goes on; each method does nothing unless it is overridden.

    An exception raised here ends the run.
    """

    def on_start(self, state: LoopState) -> None:
        """Be told that data and network are ready."""

    def on_note(self, state: LoopState, text: str) -> None:
        """Be told, in a line, what the user should know; after `on_start`."""

    def on_step(self, state: LoopState, metrics: BatchMetrics) -> None:
        """Be told what a training step measured."""

    def on_epoch(self, state: LoopState, metrics: EpochMetrics) -> None:
        """Be told that an epoch is done; its row is the last of the history."""

    def on_end(self, state: LoopState, status: str, scores: dict[str, Any]) -> None:
        """Be told how the run ended, if at least one epoch was saved.

        Parameters
        ----------
        status : str
            ``finished``, ``interrupted`` or ``failed``.
        scores : dict
            Scores of the saved weights by part; empty for a run that failed.
        """


def tell(state: LoopState, callbacks: Sequence[Callback], text: str) -> None:
    """Tell callbacks what the user should know."""
    for each in callbacks:
        each.on_note(state, text)
