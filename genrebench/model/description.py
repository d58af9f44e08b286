"""What must be said of a model for it to be used: where it lies, how it is read, and how it is written down."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError

from genrebench.audio.blocks import MAX_OVERLAP
from genrebench.audio.mel import FLOOR_DB, MelConfig
from genrebench.audio.standardize import AnyStandardizer, BandStandardizer, read_standardizer
from genrebench.errors import ConfigError, ModelError, shown
from genrebench.model.calibration import Calibration
from genrebench.model.storage import MODEL_FILE, WEIGHTS_FILE, read_document, read_weights
from genrebench.network.architecture import Architecture
from genrebench.system.files import escaped
from genrebench.system.validation import explain, from_list

# The name of the model that comes with the library, and its folder.
BUILTIN = "builtin"
_BUILTIN_FOLDER = Path(__file__).with_name(BUILTIN)
# How often a model is read that a training replaces meanwhile.
_ATTEMPTS = 5


def _genre(value: object) -> object:
    """Refuse a name that cannot be read."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("expected the name of a genre")
    return value


class _Weights(BaseModel):
    """What is said of the weights."""

    sha256: str


class Description(BaseModel):
    """What ``model.json`` must say for the model to be used; it says more.

    Format 1 writes one word as the first version did.
    """

    model_config = ConfigDict(strict=True)

    architecture: Annotated[Architecture, BeforeValidator(Architecture.from_json)]
    mel: Annotated[MelConfig, BeforeValidator(MelConfig.from_json)] | None
    mel_fingerprint: str | None
    standardiser: Annotated[AnyStandardizer, PlainValidator(read_standardizer)]
    overlap: float = Field(default=0.0, ge=0, le=MAX_OVERLAP)
    calibration: Annotated[Calibration, PlainValidator(Calibration.read)] = Calibration()
    genres: Annotated[tuple[Annotated[str, PlainValidator(_genre)], ...], from_list]
    weights: _Weights
    status: str

    def check_meaning(self) -> None:
        """Refuse what gives no answers, though it is well-formed.

        Raises
        ------
        ConfigError
            If spectrograms would be another version's, or be standardized to no numbers.
        """
        # Values in dB lie between -80 and 0; those of other programs at least fit float32, and differ from their mean.
        bounds = (FLOOR_DB, 0.0, 1e-3, -FLOOR_DB) if self.mel else (-1e30, 1e30, 1e-30, 1e30)
        self.standardiser.check_meaning(*bounds)
        bands = self.architecture.input_shape[0]
        if isinstance(self.standardiser, BandStandardizer) and len(self.standardiser.mean) != bands:
            raise ConfigError(
                f"standardizer: expected the network's {bands} bands, received {len(self.standardiser.mean)}"
            )
        if self.mel and self.mel_fingerprint != self.mel.fingerprint():
            raise ConfigError(
                "mel: expected the settings that mel_fingerprint is of, as this version makes spectrograms, received "
                "others: changed by hand, or by another version; put them back, or train again"
            )


def read_parts(folder: Path) -> dict[str, Any]:
    """Read all that a `Model` is made of, and check that weights and description fit together.

    Returns
    -------
    dict
        By the names of the model's attributes.

    Raises
    ------
    ModelError
        If a file is missing or damaged, or does not fit the others.
    """
    for _ in range(_ATTEMPTS):
        document = read_document(folder)
        try:
            return _read_parts(folder, document)
        except ModelError as error:
            failure = error
            if read_document(folder) == document:
                break
    raise failure


def _read_parts(folder: Path, document: dict[str, Any]) -> dict[str, Any]:
    """Read the parts of a model whose description has been read."""
    try:
        described = Description.model_validate(document)
        check_parts(described.architecture, described.mel, described.genres)
        described.check_meaning()
    except ValidationError as error:
        raise ModelError(f"expected a complete description; {explain(error)}", path=folder / MODEL_FILE) from error
    except ConfigError as error:
        raise ModelError(str(error), path=folder / MODEL_FILE) from error
    return {
        "architecture": described.architecture,
        "weights": read_weights(folder / WEIGHTS_FILE, described.architecture, sha256=described.weights.sha256),
        "mel": described.mel,
        "standardizer": described.standardiser,
        "genres": described.genres,
        "overlap": described.overlap,
        "calibration": described.calibration,
        "document": document,
        "folder": folder,
    }


def check_parts(architecture: Architecture, mel: MelConfig | None, genres: tuple[str, ...]) -> None:
    """Refuse a network that has another input or other classes than the rest.

    Raises
    ------
    ConfigError
        If they do not fit together.
    """
    if len(genres) != architecture.classes or len(set(genres)) != len(genres):
        raise ConfigError(
            f"genres: expected {architecture.classes} names, one per logit, received {shown(list(genres))}"
        )
    if mel is not None and mel.shape != architecture.input_shape[:2]:
        raise ConfigError(
            f"mel: expected settings that give {architecture.input_shape[:2]} as the network's input, "
            f"received {mel.shape}"
        )


def describe_parts(
    document: dict[str, Any],
    *,
    architecture: Architecture,
    mel: MelConfig | None,
    standardizer: AnyStandardizer,
    genres: tuple[str, ...],
    overlap: float,
    calibration: Calibration,
) -> dict[str, Any]:
    """Write down what is needed to use weights, as `Description` reads it, in plain JSON types.

    Parameters
    ----------
    document : dict
        What else is known of the model.
    """
    return {
        **document,
        "status": document.get("status", "finished"),
        "architecture": architecture.to_json(),
        "mel": dataclasses.asdict(mel) if mel else None,
        "mel_fingerprint": mel.fingerprint() if mel else None,
        "standardiser": standardizer.to_json(),
        **({"overlap": overlap} if overlap or "overlap" in document else {}),
        **({"calibration": calibration.to_json()} if calibration != Calibration() else {}),
        "genres": list(genres),
    }


def model_folder(path: Path) -> Path:
    """Find the folder of a model, or say what a model is where something else was named.

    Parameters
    ----------
    path : Path
        The folder, or `BUILTIN`, by which no folder of that name in the working folder is meant.

    Raises
    ------
    ModelError
        If it is no folder, or a folder of models.
    """
    if path == Path(BUILTIN):
        return _BUILTIN_FOLDER
    if path.exists() and not path.is_dir():
        inside = (
            f"; give the folder that it lies in, {escaped(path.parent)}" if (path.parent / MODEL_FILE).exists() else ""
        )
        raise ModelError(
            f"expected the folder of a model, with {MODEL_FILE} and {WEIGHTS_FILE}, received a file{inside}", path=path
        )
    if path.is_dir() and not (path / MODEL_FILE).exists():
        runs = sorted(each.parent.name for each in path.glob(f"*/{MODEL_FILE}") if not each.parent.name.startswith("."))
        if runs:
            raise ModelError(
                f"expected the folder of a model, received one with models in it; give {escaped(path / runs[0])}"
                + (f", or another of {len(runs)}" if runs[1:] else ""),
                path=path,
            )
    return path
