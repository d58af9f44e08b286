"""Other people's tools that show the figures of runs: one small interface, and the three that most use.

The table of epochs is written in any case (`genrebench.training.checkpoint.Log`). Another tool is a class with the
three methods of `Tracker`, and an entry in `_TRACKERS`.
"""

import os
import shlex
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from genrebench.errors import ConfigError, escaped
from genrebench.training.commands import flat
from genrebench.training.config import Experiment
from genrebench.training.folder import TENSORBOARD_FOLDER, RunDirectory
from genrebench.training.history import EpochMetrics
from genrebench.training.state import Callback, LoopState

# The group of all runs of this program at a server.
_GROUP = "genrebench"
# Of Weights & Biases: modes that need no key, and the seconds in which its server must have taken what is left.
_LOCAL_MODES, _PATIENCE = ("offline", "disabled"), 60.0
# Epochs told, of a tracker that failed.
_GIVEN_UP = -1
_PARTS = ("train", "validation")
_SCORES = ("track_accuracy", "track_macro_f1", "segment_accuracy")
_STATUS = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}


class Tracker(Protocol):
    """Takes figures of one run."""

    def start(self, settings: Mapping[str, Any]) -> str | None:
        """Begin a run, once it has a folder; what the tool has of an earlier part of it is replaced.

        Parameters
        ----------
        settings : mapping
            What the run was told, by dotted key.

        Returns
        -------
        str or None
            What the user should read, such as where the run can be looked at.
        """

    def log(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Take the figures of an epoch, or of the end, by names such as ``loss/train``."""

    def end(self, status: str) -> None:
        """End it: ``finished``, ``interrupted`` or ``failed``."""


class Tracked(Callback):
    """Tells a tracker of a run. One that fails, as a server may, is given up, and the run goes on.

    Parameters
    ----------
    name : str
        What it is called.
    tracker : Tracker
        What is told.
    note : callable
        Called with a line that the user should read.
    """

    def __init__(self, name: str, tracker: Tracker, note: Callable[[str], None]) -> None:
        """Tell nothing yet."""
        self._name, self._tracker, self._note = name, tracker, note
        self._told: int | None = None

    def on_epoch(self, state: LoopState, metrics: EpochMetrics) -> None:
        """Tell of all epochs that were not told yet: at first of those before a stop, too."""
        self._attempt(lambda: self._catch_up(state))

    def on_end(self, state: LoopState, status: str, scores: dict[str, Any]) -> None:
        """Tell the scores."""

        def finish() -> None:
            """Tell what is left, and end."""
            self._catch_up(state)
            final = {f"{key}/{part}": float(each[key]) for part, each in scores.items() for key in _SCORES}
            self._tracker.log(state.epoch, final)
            self._tracker.end(status)

        self._attempt(finish)

    def _catch_up(self, state: LoopState) -> None:
        """Begin, and tell of the epochs."""
        if self._told is None:
            if line := self._tracker.start(flat(state.experiment.to_document())):
                self._note(f"{self._name}: {line}")
            self._told = 0
        for row in state.history[self._told :]:
            self._tracker.log(row.epoch, _figures(row))
        self._told = len(state.history)

    def _attempt(self, action: Callable[[], None]) -> None:
        """Do something that must not end the run."""
        if self._told != _GIVEN_UP:
            try:
                action()
            except Exception as error:
                self._told = _GIVEN_UP
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                self._note(f"{self._name}: {escaped(reason)[:300]}; nothing more is told to it, the run goes on")


def _figures(row: EpochMetrics) -> dict[str, float]:
    """Name what an epoch measured."""
    found = {f"{what}/{part}": getattr(row, f"{part}_{what}") for what in ("loss", "accuracy") for part in _PARTS}
    tracks = row.validation_track_accuracy
    return {**found, **({} if tracks is None else {"accuracy/validation_tracks": tracks}), "seconds": row.seconds}


class TensorBoard:
    """Event files in ``results/NAME/tensorboard/``: ``tensorboard --logdir results`` shows all runs."""

    def __init__(self, package: Any, run: RunDirectory) -> None:
        """Write nothing yet."""
        self._package, self._run = package, run

    def start(self, settings: Mapping[str, Any]) -> None:
        """Open a file; see `Tracker.start`."""
        folder = self._run.current / TENSORBOARD_FOLDER
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        self._writer = self._package.SummaryWriter(str(folder))
        rows = "\n".join(f"    {key} = {value}" for key, value in settings.items())
        self._writer.add_text("settings", rows)

    def log(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Write figures; see `Tracker.log`."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def end(self, status: str) -> None:
        """Close the file; see `Tracker.end`."""
        self._writer.close()


class MLflow:
    """A run of MLflow's experiment ``genrebench``, at the server that ``MLFLOW_TRACKING_URI`` names."""

    def __init__(self, package: Any, run: RunDirectory) -> None:
        """Ask for nothing yet."""
        self._package, self._name = package, run.path.name

    def start(self, settings: Mapping[str, Any]) -> None:
        """Make a run; see `Tracker.start`. One of an earlier part of the same training stays beside it."""
        self._client = self._package.MlflowClient()
        group = self._client.get_experiment_by_name(_GROUP)
        number = group.experiment_id if group else self._client.create_experiment(_GROUP)
        self._run_id = self._client.create_run(number, run_name=self._name).info.run_id
        for key, value in settings.items():
            self._client.log_param(self._run_id, key, value)

    def log(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Send figures; see `Tracker.log`."""
        for name, value in figures.items():
            self._client.log_metric(self._run_id, name, value, step=epoch)

    def end(self, status: str) -> None:
        """Say how it ended; see `Tracker.end`."""
        self._client.set_terminated(self._run_id, status=_STATUS[status])


class WeightsAndBiases:
    """A run of Weights & Biases' project ``genrebench``, or of that which ``WANDB_PROJECT`` names.

    Nobody is asked to log in: where no key is known, or ``WANDB_MODE`` is ``offline``, the run is kept in ``wandb/``.
    """

    def __init__(self, package: Any, run: RunDirectory) -> None:
        """Begin nothing yet."""
        self._package, self._name = package, run.path.name

    def start(self, settings: Mapping[str, Any]) -> str | None:
        """Begin a run; see `Tracker.start`. One of an earlier part of the same training stays beside it."""
        # It would take over what is printed, and wait for its server without end.
        quiet = {"console": "off", "silent": True, "finish_timeout": _PATIENCE, "finish_timeout_raises": True}
        self._package.setup(settings=self._package.Settings(silent=True))
        is_local = os.environ.get("WANDB_MODE") in _LOCAL_MODES
        self._run = self._package.init(
            project=os.environ.get("WANDB_PROJECT", _GROUP),
            name=self._name,
            config=dict(settings),
            mode=None if is_local or self._package.login(prompt=False) else "offline",
            settings=self._package.Settings(**quiet),
        )
        if self._run.disabled:
            return None
        if self._run.offline:
            place = Path(self._run.settings.sync_dir)
            place = place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place
            return f"the run is kept offline; to send it: wandb sync {shlex.quote(escaped(place))}"
        return f"the run is at {self._run.url}"

    def log(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Write figures; see `Tracker.log`."""
        self._run.log(dict(figures), step=epoch)

    def end(self, status: str) -> None:
        """Say how it ended; see `Tracker.end`."""
        self._run.finish(exit_code=int(status != "finished"))


# Class and package by the name in an experiment file.
_TRACKERS: dict[str, tuple[Callable[[Any, RunDirectory], Tracker], str]] = {
    "tensorboard": (TensorBoard, "tensorboardX"),
    "mlflow": (MLflow, "mlflow"),
    "wandb": (WeightsAndBiases, "wandb"),
}


def load_trackers(experiment: Experiment, run: RunDirectory, note: Callable[[str], None]) -> list[Callback]:
    """Prepare the trackers that a run was told to tell.

    Parameters
    ----------
    note : callable
        Called with a line that the user should read.

    Raises
    ------
    ConfigError
        If the package of one is not installed.
    """
    found: list[Callback] = []
    for name in dict.fromkeys(experiment.loggers):
        make, package = _TRACKERS[name]
        try:
            module = import_module(package)
        except ImportError as error:
            raise ConfigError(
                f"loggers: {name} needs {package}, which cannot be imported ({error}); pip install 'genrebench[{name}]'"
            ) from error
        found.append(Tracked(name, make(module, run), note))
    return found
