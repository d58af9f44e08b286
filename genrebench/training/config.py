"""What a training run is told: an experiment file in TOML, or the command line's options, or both."""

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from genrebench.data.splits import Protocol
from genrebench.errors import ConfigError
from genrebench.system.files import escaped


def _folder_name(name: str) -> str:
    """Refuse a name that is not that of a plain folder.

    Raises
    ------
    ValueError
        If it would lie elsewhere, be hidden, or be taken for an option.
    """
    if not name or name[0] in ".-" or any(character in "/\\" or not character.isprintable() for character in name):
        raise ValueError("expected a plain folder name, without slashes and not starting with '.' or '-'")
    return name


class _Settings(BaseModel):
    """Settings that refuse unknown keys and never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SplitSettings(_Settings):
    """Which segment trains, validates or tests.

    Attributes
    ----------
    protocol : {'track', 'segment'}
        Whether a track's segments stay together.
    validation : float
        Share that is measured after every epoch and chooses the saved weights.
    test : float
        Share that is measured once, at the end.
    """

    protocol: Protocol = "track"
    validation: float = Field(default=0.15, gt=0, lt=1)
    test: float = Field(default=0.05, ge=0, lt=1)

    @model_validator(mode="after")
    def _leave_something_to_train(self) -> Self:
        """Refuse shares that leave nothing to train on."""
        if self.validation + self.test >= 1:
            raise ValueError("expected validation and test to leave a share to train on")
        return self


class TrainingSettings(_Settings):
    """Hyperparameters.

    Attributes
    ----------
    epochs : int
        Passes through the training part.
    learning_rate : float
        Step size of Adam.
    batch_size : int
        Segments in one step.
    precision : {'float32', 'bfloat16'}
        In what layers are computed; weights, the sums of their gradients, optimizer and loss are float32.
    """

    epochs: int = Field(default=300, ge=1, strict=True)
    learning_rate: float = Field(default=1e-3, gt=0, strict=True)
    batch_size: int = Field(default=64, ge=1, strict=True)
    precision: Literal["float32", "bfloat16"] = "float32"


class Experiment(_Settings):
    """Everything that a training run is told.

    Attributes
    ----------
    name : str
        Folder of the run in `results`.
    backend : str
        Backend that trains.
    device : str
        ``auto``, or one of the backend's devices.
    dataset : Path
        Folder that holds ``genres_mel_npz/``, or such a tree; relative to the working folder.
    results : Path
        Folder of all runs; relative to the working folder.
    seed : int
        Seed of split, initial weights, order of the batches and dropout.
    split : SplitSettings
        Which segment trains, validates or tests.
    training : TrainingSettings
        Hyperparameters.
    """

    name: Annotated[str, AfterValidator(_folder_name)]
    backend: str = "torch"
    device: str = "auto"
    dataset: Path = Path("dataset")
    results: Path = Path("results")
    seed: int = Field(default=0, ge=0, lt=2**63, strict=True)
    split: SplitSettings = SplitSettings()
    training: TrainingSettings = TrainingSettings()

    @property
    def folder(self) -> Path:
        """Name the folder of the run.

        Returns
        -------
        Path
            Folder `name` in `results`.
        """
        return self.results / self.name

    def to_toml(self) -> str:
        """Spell the settings as an experiment file.

        Returns
        -------
        str
            TOML with every key.
        """
        return tomli_w.dumps(self.model_dump(mode="json"))


def load_experiment(path: Path | None, overrides: dict[str, Any]) -> Experiment:
    """Read an experiment file and put other settings above it.

    Parameters
    ----------
    path : Path, optional
        TOML file; without one, everything is default.
    overrides : dict
        Settings by dotted key, such as ``training.epochs``; None leaves the file's or the default.

    Returns
    -------
    Experiment
        The settings; the name is that of the file unless one is given.

    Raises
    ------
    ConfigError
        If the file cannot be read or a key is unknown or wrong.
    """
    where = "the options"
    document: dict[str, Any] = {}
    if path is not None:
        where = escaped(path)
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{where}: expected an experiment file, cannot be read ({error.strerror})") from error
        except ValueError as error:
            raise ConfigError(f"{where}: expected TOML ({error})") from error
        document.setdefault("name", path.stem)
    for key, value in overrides.items():
        if value is not None:
            *tables, last = key.split(".")
            table = document
            for name in tables:
                table = table.setdefault(name, {})
                if not isinstance(table, dict):
                    raise ConfigError(f"{where}: {name}: expected a table [{name}], received {table!r}")
            table[last] = value
    try:
        return Experiment.model_validate(document)
    except ValidationError as error:
        raise ConfigError(f"{where}: {'; '.join(map(_explain, error.errors()))}") from error


def _explain(problem: Any) -> str:
    """Say in words what pydantic found wrong with one key."""
    key = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        known = _keys()
        table = key.rpartition(".")[0]
        beside = [each for each in known if each.rpartition(".")[0] == table]
        near = difflib.get_close_matches(key, beside, n=1, cutoff=0.8)
        return f"{key}: unknown key; " + (f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}")
    message = problem["msg"].removeprefix("Value error, ")
    return f"{key}: {message[0].lower()}{message[1:]}, received {problem['input']!r}"


def _keys() -> list[str]:
    """List every key of an experiment file."""
    keys = []
    for name, field in Experiment.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            keys += [f"{name}.{inner}" for inner in field.annotation.model_fields]
        else:
            keys.append(name)
    return keys
