"""Where a run stands, and what may be added to it: callbacks that the loop tells what happens."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.standardize import Standardizer
from genrebench.backend.protocol import BatchMetrics, Trainable
from genrebench.data.dataset import Dataset, load_dataset
from genrebench.data.splits import Split, leaking_tracks, split_dataset
from genrebench.errors import ConfigError, DatasetError
from genrebench.network.architecture import Architecture
from genrebench.training.config import Experiment
from genrebench.training.history import EpochMetrics

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class TrainingData:
    """What a run trains on.

    Attributes
    ----------
    dataset : Dataset
        All segments; its spectrograms are standardized in place.
    split : Split
        Its parts.
    standardizer : Standardizer
        Statistics of the training part, already applied.
    leaking : int
        Number of tracks that stand on both sides of the split.
    """

    dataset: Dataset
    split: Split
    standardizer: Standardizer
    leaking: int

    @property
    def inputs(self) -> NDArray[np.float32]:
        """View the spectrograms as inputs of the network.

        Returns
        -------
        ndarray of float32 [shape=(segments, n_mels, frames, 1)]
            All segments, standardized.
        """
        return self.dataset.spectrograms[..., np.newaxis]

    def identity(self) -> dict[str, Any]:
        """Describe the data so that a change is noticed.

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
    standardizer = _standardize(dataset, split)
    return TrainingData(dataset, split, standardizer, len(leaking_tracks(dataset, split)))


def _standardize(dataset: Dataset, split: Split) -> Standardizer:
    """Standardize the spectrograms in place, if that gives numbers."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            standardizer = Standardizer.fit(dataset.spectrograms, split.train)
            standardizer.apply(dataset.spectrograms, out=dataset.spectrograms)
    except DatasetError as error:
        raise DatasetError(str(error), path=dataset.tree) from error
    except ConfigError as error:
        reason = str(error)
    else:
        # Of an array with NaN, both are NaN.
        if np.isfinite([dataset.spectrograms.min(), dataset.spectrograms.max()]).all():
            return standardizer
        reason = f"mean {standardizer.mean:g}, deviation {standardizer.std:g}"
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
    """

    experiment: Experiment
    data: TrainingData
    architecture: Architecture
    network: Trainable
    order: np.random.Generator
    history: list[EpochMetrics] = field(default_factory=list)
    steps: int = 0

    @property
    def epoch(self) -> int:
        """Count the epochs that are done."""
        return len(self.history)

    @property
    def best(self) -> EpochMetrics | None:
        """Look up the epoch whose weights are saved; None before the first."""
        return next((row for row in reversed(self.history) if row.saved), None)


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
