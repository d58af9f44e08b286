"""Runs as they lie in their folders: read without trust, for reports, cards and lists."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from genrebench.errors import GenrebenchError, ModelError
from genrebench.evaluation.comparison import EVALUATION_FILE
from genrebench.evaluation.significance import wilson_interval
from genrebench.model.description import BUILTIN, model_folder
from genrebench.model.storage import MODEL_FILE, read_document
from genrebench.system.files import StrPath
from genrebench.system.validation import explain
from genrebench.training.config import EXPERIMENT_FILE, Experiment, load_experiment
from genrebench.training.folder import LOG_FILE, is_reserved
from genrebench.training.history import EpochMetrics, last_saved, read_log

# A run of an earlier version has figures, but not these.
_FIGURES = ("track_interval", "genres", "predictions", "track_calibration", "segment_macro_f1")
_STRICT = ConfigDict(strict=True)


class _Weights(BaseModel):
    """Which epoch's weights are the model."""

    model_config = _STRICT

    epoch: int = 0
    sha256: str = ""


class _Data(BaseModel):
    """What a run was trained on."""

    model_config = _STRICT

    tracks: int = 0
    segments: dict[str, int] = {}
    proof: dict[str, Any] = {}
    tracks_on_both_sides: int = 0


class RunDocument(BaseModel):
    """What is read of a run's ``model.json``; what an earlier version did not write is empty.

    Attributes
    ----------
    created : str
        When it began, in ISO 8601.
    backend : str
        What trained it.
    status : str
        ``finished``, ``interrupted``, ``failed`` or ``running``.
    epochs_done : int
        Number of epochs.
    seed : int
        Of everything random.
    genres : list of str
        Name of each logit.
    mel : dict, optional
        Settings of the spectrograms.
    versions : dict of str to str
        Software that it was made with, and the processor.
    weights : object
        `epoch`: that whose weights are the model; `sha256` of their file.
    data : object
        `tracks`, `segments` by part, `proof` of the split.
    metrics : dict of str to dict
        Scores by part, as `genrebench.evaluation.metrics.scores` makes them.
    """

    model_config = _STRICT

    created: str = ""
    backend: str = ""
    status: str = ""
    epochs_done: int = 0
    seed: int = 0
    genres: list[str] = []
    mel: dict[str, int | float] | None = None
    versions: dict[str, str] = {}
    weights: _Weights = Field(default_factory=_Weights)
    data: _Data = Field(default_factory=_Data)
    metrics: dict[str, dict[str, Any]] = {}


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes
    ----------
    folder : Path
        Where it lies.
    document : RunDocument
        What its ``model.json`` says.
    """

    folder: Path
    document: RunDocument

    @property
    def name(self) -> str:
        """Return the name of its folder."""
        return self.folder.resolve().name

    @cached_property
    def status(self) -> str:
        """Say how it stands: as its document says, but interrupted if nobody trains what that calls running."""
        status = self.document.status
        return "interrupted" if status == "running" and not is_reserved(self.folder) else status

    @cached_property
    def experiment(self) -> Experiment | None:
        """Read what it was told; None if that is not there."""
        try:
            return load_experiment(self.folder / EXPERIMENT_FILE, {"name": self.name}, of_run=True)
        except GenrebenchError:
            return None

    @cached_property
    def history(self) -> list[EpochMetrics]:
        """Read its log; empty if that is not there."""
        try:
            history = read_log(self.folder / LOG_FILE)
        except GenrebenchError:
            return []
        return history if last_saved(history) else []

    @property
    def parts(self) -> dict[str, dict[str, Any]]:
        """Pick the parts that have all figures, the test first."""
        found = self.document.metrics
        names = sorted(found, key=lambda part: (part != "test", part))
        return {part: found[part] for part in names if all(key in found[part] for key in _FIGURES)}

    def accuracy(self, part: str) -> float | None:
        """Look up the accuracy by track of a part, from 0 to 1; None if it was not measured."""
        value = self.document.metrics.get(part, {}).get("track_accuracy")
        return float(value) if isinstance(value, int | float) else None

    def interval(self, part: str) -> tuple[float, float] | None:
        """Look up its 95 % interval; of a run of an earlier version it is computed."""
        accuracy, tracks = self.accuracy(part), self.document.metrics.get(part, {}).get("tracks")
        if accuracy is None or not isinstance(tracks, int) or tracks < 1 or not 0 <= accuracy <= 1:
            return None
        return wilson_interval(round(accuracy * tracks), tracks)

    @property
    def data(self) -> str:
        """Name the data."""
        return self.experiment.dataset.resolve().name if self.experiment else ""

    @property
    def facts(self) -> str:
        """Say in a line what was trained by what, and how it ended."""
        document = self.document
        on = f" on {self.data}" if self.data else ""
        start = f"{document.backend}{on}, {document.data.tracks} tracks in {len(document.genres)} genres"
        results = [
            f"{part} {100 * accuracy:.1f} % of {scores.get('tracks')} tracks"
            for part, scores in sorted(document.metrics.items())
            if (accuracy := self.accuracy(part)) is not None
        ]
        return "; ".join([start, *([", ".join(results)] if results else [self.status])])


def read_run(path: StrPath) -> Run:
    """Read a run.

    Parameters
    ----------
    path : str or PathLike
        Its folder.

    Raises
    ------
    ModelError
        If it is no run, or damaged.
    """
    folder = model_folder(Path(path))
    try:
        return Run(folder, RunDocument.model_validate(read_document(folder)))
    except ValidationError as error:
        raise ModelError(
            f"expected a run that genrebench trained ({explain(error)})", path=folder / MODEL_FILE
        ) from error


def find_run(path: Path, results: Path) -> Path:
    """Name the folder of a run, which is given as one, or as a name in the folder of all runs; builtin is no run.

    Of two runs, or evaluations, the one in the working folder is taken; what is neither, such as recordings in a folder
    of that name, hides none.
    """
    inside = results / path
    if path == Path(BUILTIN) or _holds_run(path):
        return path
    return inside if _holds_run(inside) or (inside.exists() and not path.exists()) else path


def _holds_run(folder: Path) -> bool:
    """Return whether a run or an evaluation lies in a folder."""
    return any((folder / name).is_file() for name in (MODEL_FILE, EVALUATION_FILE))


def damaged(run: Run, error: Exception) -> ModelError:
    """Say that the figures of a run are none."""
    reason = f"{type(error).__name__}: {error}"
    return ModelError(f"expected a run's figures, received others ({reason}); train anew", path=run.folder / MODEL_FILE)


def list_runs(results: StrPath) -> tuple[list[Run], dict[str, str]]:
    """Read all runs in a folder, the newest first.

    Returns
    -------
    list of Run
        Those that can be read.
    dict of str to str
        Why others cannot, by folder.
    """
    runs, problems = [], {}
    for path in sorted(Path(results).glob(f"*/{MODEL_FILE}")):
        if not path.parent.name.startswith("."):
            try:
                runs.append(read_run(path.parent))
            except ModelError as error:
                problems[str(path.parent)] = str(error)
    return sorted(runs, key=lambda run: (run.document.created, run.name), reverse=True), problems
