"""What a saved model is: a folder with weights, and one JSON that says everything else.

``model.json`` describes the run: architecture, Mel settings, standardizer, genres, hyperparameters, seed, versions,
metrics. ``weights.safetensors`` holds the canonical weights of the epoch that did best on the validation part, and
``weights_last.safetensors`` those of the last epoch. No file of a model is ever unpickled.
"""

import contextlib
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load, save

from genrebench.audio.mel import MelConfig
from genrebench.audio.standardize import Standardizer
from genrebench.errors import ConfigError, ModelError
from genrebench.network.architecture import Architecture
from genrebench.network.types import Weights
from genrebench.system.files import escaped, sha256, write_atomically, write_json

MODEL_FORMAT = 1
MODEL_FILE = "model.json"
WEIGHTS_FILE = "weights.safetensors"
LAST_WEIGHTS_FILE = "weights_last.safetensors"


@dataclass(frozen=True)
class ModelSpec:
    """What stays the same throughout a training run, and is needed to use its weights.

    Attributes
    ----------
    architecture : Architecture
        The network.
    mel : MelConfig, optional
        How recordings become its inputs; None if its tree had no manifest.
    standardizer : Standardizer
        What is done to the spectrograms.
    genres : tuple of str
        Name of each logit.
    """

    architecture: Architecture
    mel: MelConfig | None
    standardizer: Standardizer
    genres: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check that the parts fit together.

        Raises
        ------
        ConfigError
            If the network has another input or other classes than the rest.
        """
        if len(self.genres) != self.architecture.classes or len(set(self.genres)) != len(self.genres):
            raise ConfigError(
                f"genres: expected {self.architecture.classes} names, one per logit, received {list(self.genres)}"
            )
        if self.mel is not None and self.mel.shape != self.architecture.input_shape[:2]:
            raise ConfigError(
                f"mel: expected settings that give {self.architecture.input_shape[:2]} as the network's input, "
                f"received {self.mel.shape}"
            )

    def to_json(self) -> dict[str, Any]:
        """Describe the parts in plain JSON types.

        Returns
        -------
        dict
            A part of ``model.json``.
        """
        return {
            "architecture": self.architecture.to_json(),
            "mel": dataclasses.asdict(self.mel) if self.mel else None,
            "mel_fingerprint": self.mel.fingerprint() if self.mel else None,
            "standardizer": dataclasses.asdict(self.standardizer),
            "genres": list(self.genres),
        }


@dataclass(frozen=True)
class SavedModel:
    """A model read from its folder.

    Attributes
    ----------
    folder : Path
        Where it was read.
    spec : ModelSpec
        What is needed to use the weights.
    weights : dict of str to ndarray
        Canonical weights of the best epoch.
    document : dict
        All of ``model.json``.
    """

    folder: Path
    spec: ModelSpec
    weights: Weights
    document: dict[str, Any]


def save_weights(path: Path, weights: Weights) -> str:
    """Write canonical weights atomically.

    Parameters
    ----------
    path : Path
        File to write.
    weights : dict of str to ndarray
        Canonical weights.

    Returns
    -------
    str
        SHA-256 of the file.
    """
    content = save(weights)
    write_atomically(path, content)
    return sha256([content])


def save_document(folder: Path, spec: ModelSpec, record: dict[str, Any]) -> None:
    """Write ``model.json`` atomically.

    Parameters
    ----------
    folder : Path
        Folder of the model.
    spec : ModelSpec
        What is needed to use the weights.
    record : dict
        Everything else that is known of the run, in plain JSON types.
    """
    write_json(folder / MODEL_FILE, {"format": MODEL_FORMAT, **record, **spec.to_json()})


def load_model(folder: Path) -> SavedModel:
    """Read a model and check that its parts fit together.

    Parameters
    ----------
    folder : Path
        Folder of the model.

    Returns
    -------
    SavedModel
        The model.

    Raises
    ------
    ModelError
        If a file is missing or damaged, or does not fit the others.
    """
    where = escaped(folder)
    document = _read_document(folder)
    try:
        mel = document["mel"]
        spec = ModelSpec(
            architecture=Architecture.from_json(document["architecture"]),
            mel=None if mel is None else MelConfig.from_json(mel),
            standardizer=Standardizer.from_json(document["standardizer"]),
            genres=tuple(document["genres"]),
        )
        if spec.mel and document["mel_fingerprint"] != spec.mel.fingerprint():
            raise ConfigError(
                "mel: expected spectrograms as this version makes them, received another version's; train again"
            )
        expected_hash = document["weights"]["sha256"]
        finished = document["status"] != "running"
    except (KeyError, TypeError) as error:
        raise ModelError(
            f"{where}/{MODEL_FILE}: expected a complete model description, found none of {error}"
        ) from error
    except ConfigError as error:
        raise ModelError(f"{where}/{MODEL_FILE}: {error}") from error
    try:
        content = (folder / WEIGHTS_FILE).read_bytes()
        weights = load(content)
    except OSError as error:
        raise ModelError(f"{where}/{WEIGHTS_FILE}: expected the weights, cannot be read ({error.strerror})") from error
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{where}/{WEIGHTS_FILE}: expected safetensors, received a damaged file ({error})") from error
    try:
        spec.architecture.check_weights(weights)
    except ConfigError as error:
        raise ModelError(f"{where}/{WEIGHTS_FILE}: {error}; it does not belong to the model.json beside it") from error
    # A run that still goes on may replace the weights a moment before it says so in model.json.
    if finished and sha256([content]) != expected_hash:
        raise ModelError(
            f"{where}/{WEIGHTS_FILE}: expected the weights that model.json was written for (SHA-256 "
            f"{str(expected_hash)[:12]}...), received others; restore the folder or train again"
        )
    return SavedModel(folder, spec, weights, document)


def newest_model(results: Path) -> Path:
    """Find the model that was trained last.

    Parameters
    ----------
    results : Path
        Folder of runs.

    Returns
    -------
    Path
        Folder of the newest run that can hear recordings; broken ones, and those without Mel settings, do not count.

    Raises
    ------
    ModelError
        If there is none.
    """
    created = {}
    for path in results.glob(f"*/{MODEL_FILE}"):
        with contextlib.suppress(ModelError):
            created[path.parent] = str(_read_document(path.parent).get("created"))
    for folder in sorted(created, key=lambda folder: (created[folder], folder.name), reverse=True):
        with contextlib.suppress(ModelError):
            if load_model(folder).spec.mel is not None:
                return folder
    raise ModelError(f"{escaped(results)}: expected a trained model, found none; run genrebench train, or give --model")


def _read_document(folder: Path) -> dict[str, Any]:
    """Read ``model.json``.

    Raises
    ------
    ModelError
        If it is missing, not JSON, or of another format.
    """
    where = escaped(folder / MODEL_FILE)
    try:
        document = json.loads((folder / MODEL_FILE).read_bytes())
    except OSError as error:
        raise ModelError(
            f"{where}: expected a model that genrebench train saved, cannot be read ({error.strerror})"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{where}: expected JSON ({error}); restore the file or train again") from error
    if not isinstance(document, dict) or document.get("format") != MODEL_FORMAT:
        received = document.get("format") if isinstance(document, dict) else document
        raise ModelError(f"{where}: expected format {MODEL_FORMAT}, received {received!r}")
    return document
