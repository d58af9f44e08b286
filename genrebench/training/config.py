"""What a training run is told: an experiment file in TOML, or the command line's options, or both."""

import copy
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote_to_bytes

import tomli_w
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from genrebench.audio.standardize import Kind
from genrebench.data.packed.header import ReadFrom
from genrebench.data.splits import Protocol
from genrebench.errors import ConfigError, shown
from genrebench.system.files import StrPath, escaped, read_toml
from genrebench.system.validation import explain
from genrebench.training.keys import nearest_key, setting_keys
from genrebench.training.settings import PLAIN, AugmentSettings, Settings, TrainingSettings, Word

# File systems allow 255; what stands beside a run's folder has a few characters more.
_LONGEST_NAME = 240
EXPERIMENT_FILE = "experiment.toml"


def _folder_name(name: str) -> str:
    """Refuse a name that is not that of a plain folder.

    Raises
    ------
    ValueError
        If it would lie elsewhere, be hidden, or be taken for an option.
    """
    if not name or name[0] in ".-" or any(character in "/\\" or not character.isprintable() for character in name):
        raise ValueError("expected a plain folder name, without slashes and not starting with '.' or '-'")
    if len(os.fsencode(name)) > _LONGEST_NAME:
        raise ValueError(f"expected a folder name of at most {_LONGEST_NAME} bytes")
    return name


def _read_path(value: object) -> object:
    """Put the home folder in place of a leading ``~``, and read what `_written_path` wrote.

    Raises
    ------
    ValueError
        If the text cannot be a path.
    """
    text = str(value) if isinstance(value, str | Path) else ""
    if text.startswith("file:///"):
        text = os.fsdecode(unquote_to_bytes(text.removeprefix("file://")))
    if not text or any(ord(character) < 32 for character in text):
        raise ValueError("expected a path; write backslashes in single quotes, or use /")
    with suppress(RuntimeError):  # nobody of that name has one: the path is taken as it is
        return Path(text).expanduser()
    return Path(text)


def _written_path(path: Path) -> str:
    """Write a path as text; one with bytes that are not UTF-8, which TOML cannot say, as a ``file:`` address."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return path.absolute().as_uri()
    return str(path)


_Path = Annotated[Path, BeforeValidator(_read_path), PlainSerializer(_written_path)]


class SplitSettings(Settings):
    """Which segment trains, validates or tests.

    Attributes
    ----------
    protocol : {'track', 'artist', 'lists', 'segment'}
        What stays together: a recording, an artist, what files say, or nothing.
    validation : float
        Share that is measured after every epoch and chooses the saved weights.
    test : float
        Share that is measured once, at the end.
    folds : int, optional
        Number of test parts, of which a run has one; `test` then plays no part.
    fold : int
        Which of them, from 1.
    train_list, validation_list, test_list : Path, optional
        Tracks of each part, for the split by lists.
    artists : Path, optional
        Table of tracks and artists.
    """

    protocol: Annotated[Protocol, Word] = "track"
    validation: float = Field(default=0.15, gt=0, lt=1)
    test: float = Field(default=0.05, ge=0, lt=1)
    folds: int | None = Field(default=None, ge=2, strict=True)
    fold: int = Field(default=1, ge=1, strict=True)
    train_list: _Path | None = None
    validation_list: _Path | None = None
    test_list: _Path | None = None
    artists: _Path | None = None

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        """Refuse shares that leave nothing to train on, and what another protocol would pass over."""
        if self.validation + self.test >= 1:
            raise ValueError("expected validation and test to leave a share to train on")
        if self.protocol != "lists" and (self.train_list or self.validation_list or self.test_list):
            raise ValueError("expected the protocol 'lists' with lists of tracks")
        if self.protocol == "lists" and self.train_list is None:
            raise ValueError("expected train_list with the protocol 'lists'")
        if self.protocol == "artist" and self.artists is None:
            raise ValueError("expected artists, a table of tracks and artists, with the protocol 'artist'")
        if self.folds and self.protocol not in ("track", "artist"):
            raise ValueError("expected the protocol 'track' or 'artist' with folds")
        if self.fold > (self.folds or 1):
            raise ValueError(f"expected fold to be at most the number of folds, {self.folds or 'which is missing'}")
        return self


class Experiment(Settings):
    """Everything that a training run is told.

    Paths are relative to the working folder; a leading ``~`` stands for the home folder.

    Attributes
    ----------
    name : str
        Folder of the run in `results`.
    backend : str
        Backend that trains.
    device : str
        ``auto``, or one of the backend's devices.
    dataset : Path
        Folder that holds ``genres_mel_npz/``, such a tree, or a packed copy of one.
    read_from : {'auto', 'memory', 'packed'}
        Whether spectrograms are all in memory, or read from a packed copy, which is made if there is none; ``auto``
        takes a fresh copy, and makes one if they need more than half of the free memory. Results are the same.
    architecture : Path, optional
        Architecture in JSON, or a ``model.json``, that fits the data; by default the genre network of the data's size.
    results : Path
        Folder of all runs.
    seed : int
        Seed of split, initial weights, order of the batches and dropout.
    split : SplitSettings
        Which segment trains, validates or tests.
    training : TrainingSettings
        Hyperparameters.
    augment : AugmentSettings
        How training segments are altered.
    loggers : tuple of {'tensorboard', 'mlflow', 'wandb'}
        What is told of the run beside its own log.

    Examples
    --------
    >>> Experiment(name="short", training=TrainingSettings(epochs=5)).training.learning_rate
    0.001
    """

    name: Annotated[str, AfterValidator(_folder_name)]
    backend: str = "torch"
    device: Annotated[str, Word] = "auto"
    dataset: _Path = Path("dataset")
    read_from: Annotated[ReadFrom, Word] = "auto"
    architecture: _Path | None = None
    results: _Path = Path("results")
    seed: int = Field(default=0, ge=0, lt=2**63, strict=True)
    split: SplitSettings = SplitSettings()
    training: TrainingSettings = TrainingSettings()
    augment: AugmentSettings = AugmentSettings()
    loggers: tuple[Literal["tensorboard", "mlflow", "wandb"], ...] = ()

    @property
    def folder(self) -> Path:
        """Name the folder of the run.

        Returns
        -------
        Path
            Folder `name` in `results`.
        """
        return self.results / self.name

    @property
    def standardization(self) -> Kind:
        """Say what ``auto`` stands for.

        A split by segments, which is leaky, measures how well recordings are recognized, as figures of others do that
        are to be compared with it: what gives a recording away is left in. Any other asks for other recordings.

        Examples
        --------
        >>> Experiment(name="leaky", split=SplitSettings(protocol="segment")).standardization
        'global'
        """
        if self.training.standardization != "auto":
            return self.training.standardization
        return "global" if self.split.protocol == "segment" else "track-band"

    def to_toml(self) -> str:
        """Format the settings as an experiment file.

        Returns
        -------
        str
            TOML with every key that has a value.
        """
        return tomli_w.dumps(self.to_document())

    def override(self, settings: Mapping[str, Any]) -> "Experiment":
        """Change some settings.

        Parameters
        ----------
        settings : mapping
            By dotted key, such as ``training.epochs``; None changes nothing.

        Returns
        -------
        Experiment
            Another one, checked like this one.

        Raises
        ------
        ConfigError
            If a key is unknown or a value is wrong.
        """
        return _experiment(self.to_document(), settings, "the options")

    def to_document(self) -> dict[str, Any]:
        """Describe the settings in types that TOML has.

        Returns
        -------
        dict
            Every key that has a value, tables within.
        """
        return self.model_dump(mode="json", exclude_none=True)


def load_experiment(
    path: StrPath | None, settings: Mapping[str, Any], *, resume: bool = False, of_run: bool = False
) -> Experiment:
    """Read an experiment file, which other settings override.

    Parameters
    ----------
    path : str or PathLike, optional
        TOML file; without one, everything is default.
    settings : mapping
        By dotted key, such as ``training.epochs``; None leaves the file's or the default.
    resume : bool
        Whether what neither says is as the run of that name was told.
    of_run : bool
        Whether the file is what a run was told: a setting that it lacks was not there yet, and did nothing.

    Returns
    -------
    Experiment
        The settings; without a name the file's, or ``run-DATE-TIME`` where there is no file.

    Raises
    ------
    ConfigError
        If the file cannot be read, a key is unknown, or a value is wrong; or if there is no run to resume.
    """
    where = "the options" if path is None else escaped(path)
    document = {"name": f"run-{datetime.now():%Y%m%d-%H%M%S}"} if path is None else read_experiment_file(Path(path))
    without = Experiment(name="default").override(PLAIN).to_document() if of_run or resume else {}
    if of_run:
        document = _merged(without, document)
    if resume:
        told = _experiment(copy.deepcopy(document), settings, where)
        if path is None and settings.get("name") is None:
            raise ConfigError("--resume: expected the --name of the run to go on with, received none")
        began = _merged(without, read_experiment_file(_told(told.folder)))
        document = _merged(began, document) | {
            "name": told.name,
            "results": str(told.results),
        }
    return _experiment(document, settings, where)


def _told(folder: Path) -> Path:
    """Find what a run was told, be it in its place or not yet."""
    for each in (folder, unpublished(folder)):
        if (each / EXPERIMENT_FILE).is_file():
            return each / EXPERIMENT_FILE
    raise ConfigError("expected a run to go on with, found none; leave out --resume", path=folder)


def read_experiment_file(path: Path) -> dict[str, Any]:
    """Read an experiment file, without checking its keys.

    Returns
    -------
    dict
        Tables within; ``name`` is the file's, unless it says another.

    Raises
    ------
    ConfigError
        If it cannot be read, or is not TOML.
    """
    return {"name": path.stem, **read_toml(path, expected="an experiment file", error=ConfigError)}


def _merged(base: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Override a document by another one, key by key in every table."""
    tables = {
        key: _merged(base[key], value)
        for key, value in document.items()
        if isinstance(value, dict) and isinstance(base.get(key), dict)
    }
    return base | document | tables


def unpublished(folder: Path) -> Path:
    """Name the folder in which a run lies before it has weights to save."""
    place = folder.resolve()
    return place.with_name(f".{place.name}.partial")


def default(key: str) -> Any:
    """Look up the default of a setting.

    Examples
    --------
    >>> default("training.epochs")
    300
    """
    value: Any = Experiment(name="default")
    for name in key.split("."):
        value = getattr(value, name)
    return value


def _experiment(document: dict[str, Any], settings: Mapping[str, Any], where: str) -> Experiment:
    """Put settings into a document, and check all of it."""
    for key, value in settings.items():
        if value is not None:
            *tables, last = key.split(".")
            table = document
            for name in tables:
                table = table.setdefault(name, {})
                if not isinstance(table, dict):
                    raise ConfigError(f"{where}: {name}: expected a table [{name}], received {shown(table)}")
            table[last] = value
    try:
        return Experiment.model_validate(document)
    except ValidationError as error:
        raise ConfigError(f"{where}: {explain(error)}{_hint(error)}") from error


def _hint(error: ValidationError) -> str:
    """Name the keys that may have been meant by those that do not exist."""
    unknown = [".".join(map(str, fault["loc"])) for fault in error.errors() if fault["type"] == "extra_forbidden"]
    known = setting_keys(Experiment)
    near = [found for key in unknown if (found := nearest_key(key, known))]
    if not unknown:
        return ""
    return f"; did you mean {', '.join(near)}?" if near else f"; known are {', '.join(known)}"
