"""The folder of a training run, kept whole at any moment: a reader finds the last saved state or nothing."""

import dataclasses
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from genrebench.errors import ConfigError
from genrebench.model.model import Model
from genrebench.model.storage import LAST_WEIGHTS_FILE, MODEL_FILE, WEIGHTS_FILE, save_weights
from genrebench.system.files import escaped, write_atomically
from genrebench.training.history import EpochMetrics, log_csv, training_curves
from genrebench.training.state import Callback, LoopState

LOG_FILE = "log.csv"
CURVES_FILE = "curves.png"
EXPERIMENT_FILE = "experiment.toml"
# model.json stands last: a folder without it is no model.
RUN_FILES = (EXPERIMENT_FILE, LOG_FILE, CURVES_FILE, WEIGHTS_FILE, LAST_WEIGHTS_FILE, MODEL_FILE)


class RunDirectory:
    """The folder of a run; an earlier run that lies there stays until the new one has weights to save.

    Parameters
    ----------
    path : Path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        """Write nothing yet."""
        self.path = path
        self._staging = path.with_name(f".{path.name}.partial")
        self.published = False

    @property
    def current(self) -> Path:
        """Name the folder that files are written to now."""
        return self.path if self.published else self._staging

    def begin(self) -> None:
        """Begin in a folder beside the run's own."""
        self.discard()
        self._staging.mkdir(parents=True)

    def publish(self) -> None:
        """Put what was written so far in its place; an earlier run's files are replaced, others stay."""
        if self.published:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        for name in reversed(RUN_FILES):
            (self.path / name).unlink(missing_ok=True)
        for name in RUN_FILES:
            if (self._staging / name).exists():
                (self._staging / name).replace(self.path / name)
        self._staging.rmdir()
        self.published = True

    def discard(self) -> None:
        """Remove what was written and never published."""
        shutil.rmtree(self._staging, ignore_errors=True)


class Log(Callback):
    """Keeps the table of epochs, and draws its curves at the end.

    Parameters
    ----------
    run : RunDirectory
        Where they are written.
    """

    def __init__(self, run: RunDirectory) -> None:
        """Write nothing yet."""
        self._run = run

    def on_start(self, state: LoopState) -> None:
        """Keep the resolved configuration."""
        write_atomically(self._run.current / EXPERIMENT_FILE, state.experiment.to_toml().encode())

    def on_epoch(self, state: LoopState, metrics: EpochMetrics) -> None:
        """Write the table anew."""
        write_atomically(self._run.current / LOG_FILE, log_csv(state.history))

    def on_end(self, state: LoopState, status: str, scores: dict[str, Any]) -> None:
        """Draw the curves."""
        write_atomically(self._run.current / CURVES_FILE, training_curves(state.history, title=self._run.path.name))


class BestCheckpoint(Callback):
    """Keeps the model: the weights of the epoch that did best on the validation part, and at the end the last ones.

    Parameters
    ----------
    run : RunDirectory
        Where they are written; it is published with the first weights.
    model : Model
        The model before training, with all that its document says throughout the run.
    """

    def __init__(self, run: RunDirectory, model: Model) -> None:
        """Write nothing yet."""
        self._run, self._best, self._record = run, model, dict(model.document)

    def on_epoch(self, state: LoopState, metrics: EpochMetrics) -> None:
        """Save the weights of an epoch that improved validation."""
        if metrics.saved:
            self._record["weights"] = {"epoch": metrics.epoch}
            self._best = dataclasses.replace(self._best, weights=state.network.weights())
            self._save(state, "running", {})
            self._run.publish()

    def on_end(self, state: LoopState, status: str, scores: dict[str, Any]) -> None:
        """Save the last weights and the scores."""
        sha256 = save_weights(self._run.current / LAST_WEIGHTS_FILE, state.network.weights())
        self._record["last_weights"] = {"epoch": len(state.history), "sha256": sha256}
        self._save(state, status, scores)

    def _save(self, state: LoopState, status: str, scores: dict[str, Any]) -> None:
        """Write the best model, and how the run stands."""
        standing = {"name": self._run.path.name, "status": status, "epochs_done": len(state.history)}
        document = {**standing, **self._record, "metrics": scores}
        dataclasses.replace(self._best, document=document).save(self._run.current)


@contextmanager
def reserved(folder: Path) -> Iterator[None]:
    """Keep a run's name for this process.

    The system gives the name back when the process ends, however that happens.

    Raises
    ------
    ConfigError
        If another process trains into the folder.
    """
    path = folder.with_name(f".{folder.name}.lock")
    missing = [each for each in (folder.parent, *folder.parent.parents) if not each.exists()]
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise ConfigError(
            f"{escaped(folder)}: another genrebench train writes it now; wait for its end, or choose another --name"
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):  # elsewhere than on Unix a file that is open cannot be removed, and may stay
            path.unlink()
        lock.release()
        for each in missing:  # what a refused run made for nothing
            with suppress(OSError):
                each.rmdir()
