"""Where a run stands, and what may be added to it: callbacks that the loop tells what happens."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.blocks import standardize_tracks, window_starts
from genrebench.audio.standardize import KINDS, AnyStandardizer, fit_standardizer
from genrebench.backend.group import ALONE, Group
from genrebench.backend.protocol import BatchMetrics, Trainable
from genrebench.data.dataset import Dataset
from genrebench.data.packed.choosing import open_data
from genrebench.data.packed.inputs import PackedInputs
from genrebench.data.packed.reading import AnyDataset, PackedDataset, content_digest
from genrebench.data.packed.shards import HIGHEST, LOWEST, values_digest
from genrebench.data.splits import PARTS, Split, leaking_tracks, split_dataset
from genrebench.errors import ConfigError, DatasetError
from genrebench.network.architecture import Architecture
from genrebench.training.averaging import AveragedWeights
from genrebench.training.config import Experiment
from genrebench.training.history import EpochMetrics, last_saved
from genrebench.training.inputs import Inputs, Windows

# Segments that are hashed at a time.
_HASHED = 64


@dataclass(frozen=True)
class TrainingData:
    """What a run trains on.

    Attributes
    ----------
    dataset : Dataset or PackedDataset
        All segments; spectrograms in memory are standardized in place.
    split : Split
        Its parts.
    standardizer : AnyStandardizer
        What was done to them; statistics are the training part's.
    leaking : int
        Number of tracks that stand on both sides of the split.
    digest : str
        SHA-256 of the values of all tracks before that; see `genrebench.data.packed.reading.content_digest`.
    overlap : float
        Share that consecutive windows of the held-out parts have in common.
    """

    dataset: AnyDataset
    split: Split
    standardizer: AnyStandardizer
    leaking: int
    digest: str
    overlap: float = 0.0

    @cached_property
    def inputs(self) -> NDArray[np.float32] | PackedInputs:
        """View the spectrograms as inputs of the network.

        Returns
        -------
        ndarray of float32 [shape=(segments, n_mels, frames, 1)] or PackedInputs
            All segments, standardized.
        """
        if isinstance(self.dataset, PackedDataset):
            return PackedInputs(self.dataset, self.standardizer)
        return self.dataset.spectrograms[..., np.newaxis]

    def held_out(self, part: str) -> tuple[Inputs, NDArray[np.int64], NDArray[np.int64], NDArray[np.str_]]:
        """Look up what is predicted of a part.

        Returns
        -------
        ndarray of float32 [shape=(m, n_mels, frames, 1)], PackedInputs or Windows
            Inputs: all segments, or the part's windows if they overlap.
        ndarray of int64 [shape=(n,)]
            Which of them.
        ndarray of int64, ndarray of str [shape=(n,)]
            Their genres and tracks.
        """
        rows = getattr(self.split, part)
        if not self.overlap:
            return self.inputs, rows, self.dataset.labels[rows], self.dataset.tracks[rows]
        runs = consecutive(rows, self.dataset.tracks)
        starts = [window_starts(len(run), self.inputs.shape[2], self.overlap) for run in runs]
        first = np.repeat(np.array([run[0] for run in runs], np.int64), list(map(len, starts)))
        windows = Windows(self.inputs, first, np.concatenate([np.empty(0, np.int64), *starts]))
        return windows, np.arange(len(windows)), self.dataset.labels[first], self.dataset.tracks[first]

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Describe the data so that a change is noticed; it is the same from memory and from a packed copy.

        Returns
        -------
        dict
            Number of segments, genres, and a SHA-256 of all that training looks at, in plain JSON types.
        """
        digest = self._described()
        digest.update(self.digest.encode())
        return self._identity("tracks_sha256", digest)

    @property
    def earlier_identity(self) -> dict[str, Any]:
        """Describe the data as versions did whose checkpoints hash all standardized values."""
        digest = self._described()
        for start in range(0, len(self.inputs), _HASHED):
            rows = np.arange(start, min(start + _HASHED, len(self.inputs)))
            digest.update(np.ascontiguousarray(self.inputs.take(rows, axis=0)).view(np.uint8).data)
        return self._identity("sha256", digest)

    def _described(self) -> "hashlib._Hash":
        """Begin to hash what training looks at, with how it is standardized."""
        digest = hashlib.sha256(repr((self.standardizer, self.dataset.mel)).encode())
        digest.update("\n".join(self.dataset.tracks.tolist()).encode(errors="surrogateescape"))
        return digest

    def _identity(self, name: str, digest: "hashlib._Hash") -> dict[str, Any]:
        """Hash labels and parts, too, and put all together."""
        for array in (self.dataset.labels, *(getattr(self.split, part) for part in PARTS)):
            digest.update(np.ascontiguousarray(array).view(np.uint8).data)
        return {
            "segments": len(self.dataset.labels),
            "genres": list(self.dataset.genres),
            name: digest.hexdigest(),
        }


def load_training_data(experiment: Experiment) -> TrainingData:
    """Read or open, split and standardize the data of an experiment.

    Raises
    ------
    DatasetError
        If the data cannot be used.
    """
    dataset = open_data(experiment.dataset, experiment.read_from)
    split = split_dataset(dataset, seed=experiment.seed, **experiment.split.model_dump())
    digest = dataset.digest if isinstance(dataset, PackedDataset) else _digest(dataset)
    standardizer = _standardize(dataset, split, experiment)
    leaking = len(leaking_tracks(dataset, split))
    return TrainingData(dataset, split, standardizer, leaking, digest, experiment.training.overlap)


def _digest(dataset: Dataset) -> str:
    """Hash the values of each track, as a packed copy has them hashed, and then the hashes."""
    runs = consecutive(np.arange(len(dataset.tracks)), dataset.tracks)
    digests = b"".join(values_digest(dataset.spectrograms[run[0] : run[-1] + 1]) for run in runs)
    return content_digest(np.frombuffer(digests, np.uint8))


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


def _fitted(dataset: AnyDataset, split: Split, experiment: Experiment) -> tuple[AnyStandardizer, float, float]:
    """Standardize spectrograms in memory in place, those of a packed copy not yet; find the lowest and highest value.

    Of values with NaN, both are NaN.
    """
    settings, kind, rows = experiment.training, experiment.standardization, split.train
    if isinstance(dataset, PackedDataset) and KINDS[kind].by_recording:
        # These have nothing to measure but whether values differ at all: two tracks show it, whose extremes are known.
        tracks = np.unique(dataset.numbers[rows])
        lowest, highest = (dataset.statistics[tracks, which, -1] for which in (LOWEST, HIGHEST))
        rows = rows[np.isin(dataset.numbers[rows], tracks[[lowest.argmin(), highest.argmax()]])]
    standardizer = fit_standardizer(
        kind, dataset.spectrograms, rows, level=settings.level, shrinkage=settings.shrinkage
    )
    if isinstance(dataset, PackedDataset):
        return standardizer, *PackedInputs(dataset, standardizer).range()
    values, block = dataset.spectrograms, dataset.mel.segments if dataset.mel else None
    standardize_tracks(standardizer, values, dataset.tracks, block=block, out=values)
    return standardizer, float(values.min()), float(values.max())


def _standardize(dataset: AnyDataset, split: Split, experiment: Experiment) -> AnyStandardizer:
    """Standardize the spectrograms, if that gives numbers."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            standardizer, lowest, highest = _fitted(dataset, split, experiment)
    except DatasetError as error:
        raise DatasetError(str(error), path=dataset.tree) from error
    except ConfigError as error:
        reason = str(error)
    else:
        if np.isfinite([lowest, highest]).all() and lowest < highest:
            return standardizer
        mean, deviation = standardizer.statistics(dataset.spectrograms[0][np.newaxis])
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
