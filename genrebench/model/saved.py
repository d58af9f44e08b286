"""Old names of what is in `genrebench.model.model` and `genrebench.model.storage`, until nobody uses them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genrebench.audio.mel import MelConfig
from genrebench.audio.standardize import Standardizer
from genrebench.model.model import Model, newest_model
from genrebench.model.storage import LAST_WEIGHTS_FILE, MODEL_FILE, WEIGHTS_FILE, save_weights
from genrebench.model.storage import save_document as write_document
from genrebench.network.architecture import Architecture

__all__ = [
    "LAST_WEIGHTS_FILE",
    "MODEL_FILE",
    "WEIGHTS_FILE",
    "ModelSpec",
    "SavedModel",
    "load_model",
    "newest_model",
    "save_document",
    "save_weights",
]


@dataclass(frozen=True)
class ModelSpec:
    """The parts of a `Model` without its weights."""

    architecture: Architecture
    mel: MelConfig | None
    standardizer: Standardizer
    genres: tuple[str, ...]

    def model(self, **others: Any) -> Model:
        """Make the model."""
        return Model(**{"weights": {}, **vars(self), **others})


class SavedModel(Model):
    """A `Model` whose parts are in `spec`, too."""

    @property
    def spec(self) -> ModelSpec:
        """The parts."""
        return ModelSpec(self.architecture, self.mel, self.standardizer, self.genres)


def load_model(folder: Path) -> SavedModel:
    """Read a model."""
    return SavedModel.load(folder)


def save_document(folder: Path, spec: ModelSpec, record: dict[str, Any]) -> None:
    """Write ``model.json``."""
    write_document(folder, {**record, **spec.model()._parts()})
