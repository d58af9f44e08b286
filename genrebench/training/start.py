"""What a run starts with: a backend that can do what it asks, data, network, and what is recorded of them."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np

from genrebench.backend.group import Group
from genrebench.backend.protocol import Backend, BackendInfo, Network, Trainable
from genrebench.backend.registry import load_backend
from genrebench.data.splits import PARTS
from genrebench.errors import BackendError, ConfigError
from genrebench.model.model import Model
from genrebench.network.adam import Adam
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.load import load_architecture
from genrebench.network.types import Weights
from genrebench.system.environment import processor, versions
from genrebench.system.files import escaped
from genrebench.training.averaging import AveragedWeights
from genrebench.training.config import Experiment
from genrebench.training.distributed import described, enroll
from genrebench.training.origin import origin_of, refuse_other_data
from genrebench.training.resume import Checkpoint
from genrebench.training.state import LoopState, TrainingData, load_training_data


def prepare(experiment: Experiment, saved: Checkpoint | None, group: Group) -> tuple[LoopState, Model, dict[str, Any]]:
    """Load backend and data, and build the network.

    Returns
    -------
    LoopState
        Where the run stands before its next step.
    Model
        The model before training, with what its document says throughout the run.
    dict
        What the run depends on.
    """
    info, backend = _load_trainer(experiment)
    data = load_training_data(experiment)
    architecture = _choose_architecture(experiment, data)
    if saved:
        refuse_other_data(saved.origin, experiment, data, architecture)
    weights = saved.weights if saved else architecture.initial_weights(experiment.seed)
    network = backend.build(architecture, weights, dtype="float32", device=experiment.device)
    if not isinstance(network, Trainable):
        raise BackendError(
            f"backend {info.name}: expected a network that trains, as announced; {type(network).__name__} lacks what "
            "Trainable has"
        )
    enroll(network, group, info)
    optimizer = Adam(learning_rate=experiment.training.learning_rate)
    network.start_training(optimizer, seed=experiment.seed, precision=experiment.training.precision)
    state = LoopState(experiment, data, architecture, network, np.random.default_rng([experiment.seed, 1]), group=group)
    if experiment.training.averaging:

        def build(averaged: Weights) -> Network:
            """Build a network that is validated."""
            return backend.build(architecture, averaged, dtype="float32", device=experiment.device)

        state.average = AveragedWeights(experiment.training.averaging, weights, build)
    origin = origin_of(experiment, data, architecture, info.framework)
    record = _record_of(experiment, data, info, optimizer) | described(group)
    threads = network.training_state().get("threads")
    if saved:
        saved.restore(state, experiment.folder)
        record["created"] = saved.record["created"]
        record["resumed_after_epochs"] = [*saved.record.get("resumed_after_epochs", ()), saved.epoch]
        threads = saved.training.get("threads")
    if threads is not None:
        record["threads"] = int(threads)
    model = Model(
        architecture=architecture,
        weights=weights,
        mel=data.dataset.mel,
        standardizer=data.standardizer,
        genres=data.dataset.genres,
        document=record,
        overlap=experiment.training.overlap,
    )
    return state, model, origin


def _load_trainer(experiment: Experiment) -> tuple[BackendInfo, Backend]:
    """Load the backend, if it can do what the experiment asks of it."""
    info, backend = load_backend(experiment.backend)
    if not info.can_train:
        raise BackendError(
            f"backend {info.name}: expected one that trains, this one only takes weights that another has trained "
            f"({info.summary}); use --backend torch"
        )
    for what, asked, known in (
        ("precision", experiment.training.precision, info.precisions),
        ("device", experiment.device, ("auto", *info.devices)),
    ):
        if asked not in known:
            raise BackendError(f"backend {info.name}: expected a {what} of {', '.join(known)}, received {asked}")
    return info, backend


def _choose_architecture(experiment: Experiment, data: TrainingData) -> Architecture:
    """Choose the network, and check that it fits the data."""
    shape, genres = data.dataset.spectrograms.shape[1:], len(data.dataset.genres)
    if experiment.architecture is None:
        return genre_cnn(shape, genres)
    architecture = load_architecture(experiment.architecture)
    if architecture.input_shape != (*shape, 1) or architecture.classes != genres:
        wanted, received = (" x ".join(map(str, each)) for each in ((*shape, 1), architecture.input_shape))
        raise ConfigError(
            f"{escaped(experiment.architecture)}: expected a network for inputs of {wanted} and {genres} genres, as "
            f"the data have, received one for {received} and {architecture.classes}"
        )
    return architecture


def _record_of(experiment: Experiment, data: TrainingData, info: BackendInfo, optimizer: Adam) -> dict[str, Any]:
    """Describe a run for ``model.json``."""
    tracks = data.dataset.tracks
    held_out = {part: sorted(set(tracks[getattr(data.split, part)].tolist())) for part in ("validation", "test")}
    return {
        "created": datetime.now(UTC).isoformat(timespec="microseconds"),
        "backend": info.name,
        "seed": experiment.seed,
        "hyperparameters": {
            **experiment.training.model_dump(),
            **({"augment": experiment.augment.model_dump()} if experiment.augment.on else {}),
            "loss": "cross-entropy on logits",
            "adam": asdict(optimizer),
        },
        "data": {
            "segments": {part: len(getattr(data.split, part)) for part in PARTS},
            "tracks": len(set(tracks.tolist())),
            "split": experiment.split.model_dump(mode="json", exclude_none=True),
            "proof": data.split.proof,
            "tracks_on_both_sides": data.leaking,
            **({} if data.leaking else {"validation_tracks": held_out["validation"], "test_tracks": held_out["test"]}),
        },
        "versions": versions(("genrebench", info.framework, "numpy", "librosa", "soundfile", "soxr"))
        | {"processor": processor()},
    }
