"""What a run starts with: a backend that can do what it asks, the network, and what is recorded of it."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from genrebench.backend.protocol import Backend, BackendInfo
from genrebench.backend.registry import load_backend
from genrebench.data.splits import PARTS
from genrebench.errors import BackendError, ConfigError
from genrebench.network.adam import Adam
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.load import load_architecture
from genrebench.system.environment import processor, versions
from genrebench.system.files import escaped
from genrebench.training.config import Experiment
from genrebench.training.state import TrainingData


def load_trainer(experiment: Experiment) -> tuple[BackendInfo, Backend]:
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


def choose_architecture(experiment: Experiment, data: TrainingData) -> Architecture:
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


def record_of(experiment: Experiment, data: TrainingData, info: BackendInfo, optimizer: Adam) -> dict[str, Any]:
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
