"""One training run: data, epochs, validation, checkpoints.

`train` reads from top to bottom. The backend does single steps; which segments it is given, what is measured, what is
saved and when is decided here, so that every backend that trains is trained alike.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.standardize import Standardizer
from genrebench.backend.protocol import Backend, BackendInfo, BatchMetrics, Trainable
from genrebench.backend.registry import load_backend
from genrebench.data.dataset import Dataset, load_dataset
from genrebench.data.splits import Split, leaking_tracks, split_dataset
from genrebench.errors import BackendError, ConfigError, TrainingError
from genrebench.evaluation.metrics import scores
from genrebench.model.saved import ModelSpec, load_model
from genrebench.network.adam import Adam
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.numerics import accuracy, cross_entropy
from genrebench.system.environment import versions
from genrebench.system.files import escaped
from genrebench.system.interrupts import interrupts_ignored
from genrebench.training.batches import predict, train_steps
from genrebench.training.checkpoint import RUN_FILES, Epoch, RunFolder
from genrebench.training.config import Experiment


@dataclass(frozen=True)
class TrainingRun:
    """How a training run ended.

    Attributes
    ----------
    folder : Path
        Where it is saved.
    status : str
        ``finished``, or ``interrupted`` by Ctrl-C.
    best : Epoch
        The epoch whose weights are the model.
    metrics : dict
        Scores of the model, read back from its folder, on ``validation`` and, unless it is empty, ``test``.
    """

    folder: Path
    status: str
    best: Epoch
    metrics: dict[str, Any]


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


def train(
    experiment: Experiment,
    *,
    overwrite: bool = False,
    on_start: Callable[[TrainingData], None] | None = None,
    on_batch: Callable[[BatchMetrics], None] | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> TrainingRun:
    """Train the genre network and save it.

    Parameters
    ----------
    experiment : Experiment
        What to do.
    overwrite : bool
        Whether a run of the same name may be replaced.
    on_start : callable, optional
        Called with the data before the first epoch.
    on_batch : callable, optional
        Called with what each training batch measured.
    on_epoch : callable, optional
        Called after each epoch.

    Returns
    -------
    TrainingRun
        How the run ended. Ctrl-C ends it early, with what was learned so far saved.

    Raises
    ------
    ConfigError
        If a run of that name is there.
    DatasetError
        If the data cannot be used.
    BackendError
        If the backend is unavailable, or cannot train.
    TrainingError
        If the loss is no longer a number.
    KeyboardInterrupt
        If Ctrl-C came before the end of the first epoch; nothing is left behind.
    """
    settings = experiment.training
    if not overwrite and any((experiment.folder / name).exists() for name in RUN_FILES):
        raise ConfigError(f"{escaped(experiment.folder)}: holds a run; choose another --name, or add --overwrite")
    info, backend = load_backend(experiment.backend)
    if not info.can_train:
        raise BackendError(
            f"backend {info.name}: expected one that trains, this one only takes weights that another has trained "
            f"({info.summary}); use --backend torch"
        )

    if settings.precision not in info.precisions:
        raise BackendError(
            f"backend {info.name}: expected a precision of {', '.join(info.precisions)}, received {settings.precision}"
        )
    data = load_training_data(experiment)
    inputs, labels, split = data.inputs, data.dataset.labels, data.split
    architecture = genre_cnn(data.dataset.spectrograms.shape[1:], len(data.dataset.genres))
    spec = ModelSpec(architecture, data.dataset.mel, data.standardizer, data.dataset.genres)
    weights = architecture.initial_weights(experiment.seed)
    network = backend.build(architecture, weights, dtype="float32", device=experiment.device)
    assert isinstance(network, Trainable)
    optimizer = Adam(learning_rate=settings.learning_rate)
    # Backends that know one precision need not know the word.
    options = {} if settings.precision == "float32" else {"precision": settings.precision}
    network.start_training(optimizer, seed=experiment.seed, **options)

    folder = RunFolder(experiment.folder, spec, _record(experiment, info, optimizer, data))
    order = np.random.default_rng([experiment.seed, 1])
    status = "finished"
    try:
        folder.begin(experiment.to_toml())
        if on_start:
            on_start(data)
        for number in range(1, settings.epochs + 1):
            started = time.perf_counter()
            measured = []
            for step in train_steps(network, inputs, labels, order.permutation(split.train), settings.batch_size):
                measured.append(step)
                _require_finite(measured[-1].loss, number, settings.learning_rate)
                if on_batch:
                    on_batch(measured[-1])
            logits = predict(network, inputs, split.validation, batch_size=settings.batch_size)
            epoch = _epoch(number, measured, logits, labels[split.validation], started, folder.best)
            _require_finite(epoch.validation_loss, number, settings.learning_rate)
            folder.add(epoch, network.weights() if epoch.saved else None)
            if on_epoch:
                on_epoch(epoch)
    except BaseException as stop:  # whatever it was: no half run stays, and no run stays "running"
        if folder.best is None:
            folder.discard()
            raise
        if not isinstance(stop, KeyboardInterrupt):
            folder.finish("failed", network.weights(), {})
            raise
        status = "interrupted"
    assert folder.best is not None
    with interrupts_ignored():  # a second Ctrl-C would lose the end of what the first one asked to keep
        metrics = _score_saved_model(experiment, backend, data)
        folder.finish(status, network.weights(), metrics)
    return TrainingRun(folder.path, status, folder.best, metrics)


def load_training_data(experiment: Experiment) -> TrainingData:
    """Read, split and standardize the data of an experiment.

    Parameters
    ----------
    experiment : Experiment
        Where the data is and how it is split.

    Returns
    -------
    TrainingData
        Data in memory; no file is read again.

    Raises
    ------
    DatasetError
        If the data cannot be used.
    """
    dataset = load_dataset(experiment.dataset)
    split = split_dataset(dataset, seed=experiment.seed, **experiment.split.model_dump())
    standardizer = Standardizer.fit(dataset.spectrograms, split.train)
    standardizer.apply(dataset.spectrograms, out=dataset.spectrograms)
    return TrainingData(dataset, split, standardizer, len(leaking_tracks(dataset, split)))


def _require_finite(loss: float, epoch: int, learning_rate: float) -> None:
    """End a run whose loss is no longer a number: it would never become one again."""
    if not math.isfinite(loss):
        raise TrainingError(
            f"epoch {epoch}: expected a finite loss, received {loss}; use a --learning-rate below {learning_rate:g}"
        )


def _epoch(
    number: int,
    measured: list[BatchMetrics],
    logits: NDArray[np.float32],
    labels: NDArray[np.int64],
    started: float,
    best: Epoch | None,
) -> Epoch:
    """Summarize an epoch.

    Parameters
    ----------
    logits : ndarray of float32 [shape=(n, classes)]
        Validation part, after the epoch.
    labels : ndarray of int64 [shape=(n,)]
        Its genres.
    """
    size = sum(batch.size for batch in measured)
    row = Epoch(
        epoch=number,
        train_loss=sum(batch.loss * batch.size for batch in measured) / size,
        train_accuracy=sum(batch.correct for batch in measured) / size,
        validation_loss=cross_entropy(logits, labels),
        validation_accuracy=accuracy(logits, labels),
        seconds=round(time.perf_counter() - started, 3),
        saved=False,
    )
    return replace(row, saved=row.improves_on(best))


def _score_saved_model(experiment: Experiment, backend: Backend, data: TrainingData) -> dict[str, Any]:
    """Score the model as it lies on disk, so that what is reported is what will be served."""
    model = load_model(experiment.folder)
    network = backend.build(model.spec.architecture, model.weights, dtype="float32", device=experiment.device)
    metrics = {}
    for part in ("validation", "test"):
        rows = getattr(data.split, part)
        if len(rows):
            logits = predict(network, data.inputs, rows, batch_size=experiment.training.batch_size)
            tracks = data.dataset.tracks[rows]
            metrics[part] = scores(logits, data.dataset.labels[rows], tracks, data.dataset.genres)
    return metrics


def _record(experiment: Experiment, info: BackendInfo, optimizer: Adam, data: TrainingData) -> dict[str, Any]:
    """Describe a run for ``model.json``."""
    tracks = data.dataset.tracks
    held_out = {part: sorted(set(tracks[getattr(data.split, part)].tolist())) for part in ("validation", "test")}
    return {
        "created": datetime.now(UTC).isoformat(timespec="microseconds"),
        "backend": info.name,
        "seed": experiment.seed,
        "hyperparameters": {
            **experiment.training.model_dump(),
            "loss": "cross-entropy on logits",
            "adam": asdict(optimizer),
        },
        "data": {
            "segments": {part: len(getattr(data.split, part)) for part in ("train", "validation", "test")},
            "tracks": len(set(tracks.tolist())),
            "split": experiment.split.model_dump(),
            "tracks_on_both_sides": data.leaking,
            **({} if data.leaking else {"validation_tracks": held_out["validation"], "test_tracks": held_out["test"]}),
        },
        "versions": versions(("genrebench", info.framework, "numpy", "librosa", "soundfile", "soxr")),
    }
