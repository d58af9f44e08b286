"""The folder of a training run, kept whole at any moment: a reader finds the last saved state or nothing."""

import dataclasses
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from genrebench.errors import ConfigError, TrainingError
from genrebench.model.model import Model
from genrebench.model.storage import LAST_WEIGHTS_FILE, MODEL_FILE, WEIGHTS_FILE, save_weights
from genrebench.system.files import escaped, unfinished_files, write_atomically
from genrebench.system.folders import publish_folder, recover_folder
from genrebench.training.config import EXPERIMENT_FILE, Experiment, unpublished
from genrebench.training.history import EpochMetrics, log_csv, training_curves
from genrebench.training.resume import CHECKPOINT_FILE, CHECKPOINT_FILES, Checkpoint, newest_checkpoint, remove_previous
from genrebench.training.state import Callback, LoopState

LOG_FILE = "log.csv"
CURVES_FILE = "curves.png"
RUN_FILES = (EXPERIMENT_FILE, LOG_FILE, CURVES_FILE, WEIGHTS_FILE, LAST_WEIGHTS_FILE, CHECKPOINT_FILE, MODEL_FILE)


class RunDirectory:
    """The folder of a run; an earlier run that lies there stays until the new one has weights to save.

    Parameters
    ----------
    path : Path
        The folder; a link to one is followed.
    """

    def __init__(self, path: Path) -> None:
        """Write nothing yet."""
        self.path = path
        self._place = path.resolve()
        self.staging = unpublished(path)
        self._own: tuple[int, int] | None = None

    @property
    def published(self) -> bool:
        """Return whether the run lies in its place."""
        return self._own is not None and _identity(self._place) == self._own

    @property
    def current(self) -> Path:
        """Name the folder that files are written to now.

        Raises
        ------
        TrainingError
            If the folder that the run was writing to is no longer there.
        """
        if self.published:
            return self.path
        if self._own is None or _identity(self.staging) != self._own:
            raise TrainingError("expected the folder of this run, found it removed or replaced", path=self.path)
        return self.staging

    def recover(self) -> None:
        """Finish what a process left that ended while it put a run in its place."""
        recover_folder(self._place)

    @property
    def begun(self) -> bool:
        """Return whether a run was begun that never came to lie in its place."""
        return (self.staging / EXPERIMENT_FILE).exists()

    @property
    def holds_run(self) -> bool:
        """Return whether a run lies in the place."""
        return any((self.path / name).exists() for name in RUN_FILES)

    def begin(self) -> None:
        """Begin in a folder beside the run's own.

        Raises
        ------
        ConfigError
            If what lies in the run's place cannot be replaced as a whole.
        """
        if self._place.exists() and (not self._place.is_dir() or self._place.is_mount()):
            what = "a file system of its own" if self._place.is_dir() else "something else"
            raise ConfigError(f"{escaped(self.path)}: expected a folder, received {what}; choose another --name")
        self.discard()
        self.staging.mkdir(parents=True)
        self._own = _identity(self.staging)

    def go_on(self) -> None:
        """Go on in the run's own folder."""
        self._own = _identity(self._place)
        for path in unfinished_files(self._place):
            path.unlink(missing_ok=True)

    def publish(self) -> None:
        """Put what was written so far in its place; an earlier run is replaced as a whole, other files stay."""
        if not self.published:
            replaced = {*RUN_FILES, *CHECKPOINT_FILES, *(path.name for path in unfinished_files(self._place))}
            publish_folder(self.current, self._place, replaced=replaced)

    def discard(self) -> None:
        """Remove what was written and never published."""
        shutil.rmtree(self.staging, ignore_errors=True)


def where_to_go_on(run: RunDirectory, experiment: Experiment) -> Checkpoint | None:
    """Read the checkpoint that a run goes on from; None if it was stopped before the first.

    Raises
    ------
    ConfigError
        If there is no run, it has no checkpoint, or other settings.
    """
    where = escaped(experiment.folder)
    if not run.holds_run:
        if not run.begun:
            raise ConfigError(f"{where}: expected a run to go on with, found none; leave out --resume")
        return None
    if run.begun:
        raise ConfigError(
            f"{where}: a run that was to replace this one was stopped before its first epoch was over; repeat it with "
            f"--overwrite, or remove {escaped(run.staging)} to go on with this one"
        )
    saved = newest_checkpoint(experiment.folder)
    if saved is None:
        raise ConfigError(f"{where}: expected a run with a checkpoint, found none; train anew with --overwrite")
    saved.refuse_other_settings(experiment)
    return saved


def _identity(path: Path) -> tuple[int, int] | None:
    """Tell a folder from another of the same name; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


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
        """Keep the resolved configuration, and of a run that goes on the table as far as it goes on."""
        write_atomically(self._run.current / EXPERIMENT_FILE, state.experiment.to_toml().encode())
        if state.history:
            write_atomically(self._run.current / LOG_FILE, log_csv(state.history))

    def on_epoch(self, state: LoopState, metrics: EpochMetrics) -> None:
        """Write the table anew."""
        write_atomically(self._run.current / LOG_FILE, log_csv(state.history), durable=False)

    def on_end(self, state: LoopState, status: str, scores: dict[str, Any]) -> None:
        """Draw the curves."""
        write_atomically(self._run.current / LOG_FILE, log_csv(state.history))
        write_atomically(self._run.current / CURVES_FILE, training_curves(state.history, title=self._run.path.name))


class Keeper(Callback):
    """Keeps what was learned: the model of the epoch that did best on the validation part, and a checkpoint per epoch.

    Both are written beside the training of the next epoch. While those of an earlier one are still being written, as on
    a slow disk, an epoch goes without.

    Parameters
    ----------
    run : RunDirectory
        Where they are written; it is published with the first weights.
    model : Model
        The model before training, with what its document says throughout the run.
    origin : dict
        What the run depends on; see `Checkpoint`.
    saved : Checkpoint, optional
        Where the run goes on.
    """

    def __init__(self, run: RunDirectory, model: Model, origin: dict[str, Any], saved: Checkpoint | None) -> None:
        """Write nothing yet."""
        self._run, self._model, self._origin, self._last = run, model, origin, saved
        self._written = saved.epoch if saved else 0
        self._saved = 0
        self._beside = _Beside()

    def on_start(self, state: LoopState) -> None:
        """Have the model of a run that goes on stand where it goes on."""
        if self._last:
            self._save(self._run.current, self._last, "running", {})
            self._saved = self._last.best_epoch

    def on_epoch(self, state: LoopState, metrics: EpochMetrics) -> None:
        """Save a checkpoint, and the weights of an epoch that improved validation."""
        last = self._keep(state)
        if not self._beside.busy:
            self._write(last)
        if not self._run.published:
            self._beside.wait()
            self._run.publish()

    def on_end(self, state: LoopState, status: str, scores: dict[str, Any]) -> None:
        """Save the last weights and the scores."""
        if status == "failed":
            with suppress(Exception):
                self._catch_up()
        else:
            self.settle(state)
        if self._last is None:
            return
        folder = self._run.current
        sha256 = save_weights(folder / LAST_WEIGHTS_FILE, self._last.last)
        self._save(folder, self._last, status, scores, last_weights={"epoch": self._last.epoch, "sha256": sha256})
        if status != "failed":
            remove_previous(folder)

    def settle(self, state: LoopState) -> None:
        """Have all that was learned so far in its files."""
        self._keep(state)
        self._catch_up()

    def _catch_up(self) -> None:
        """Write the last checkpoint if that was left out, and wait for it."""
        self._beside.wait()
        if self._last and self._written < self._last.epoch:
            self._write(self._last)
            self._beside.wait()

    def stop(self) -> None:
        """Wait for what is being written, and let its failure be."""
        with suppress(Exception):
            self._beside.wait()

    def _keep(self, state: LoopState) -> Checkpoint:
        """Copy all that the run stands on, unless that was done."""
        if self._last is None or self._last.epoch < state.epoch:
            best = self._last.best if self._last else None
            self._last = Checkpoint.of(state, best, self._origin, self._model.document)
        return self._last

    def _write(self, checkpoint: Checkpoint) -> None:
        """Begin to write a checkpoint."""
        folder = self._run.current

        def write() -> None:
            """Write the checkpoint, then the model if it is another."""
            checkpoint.write(folder)
            if checkpoint.best_epoch != self._saved:
                self._save(folder, checkpoint, "running", {})
            self._written, self._saved = checkpoint.epoch, checkpoint.best_epoch

        self._beside.start(write)

    def _save(self, folder: Path, last: Checkpoint, status: str, scores: dict[str, Any], **more: Any) -> None:
        """Write the best model, and how the run stands."""
        document = {
            "name": self._run.path.name,
            "status": status,
            "epochs_done": last.epoch,
            **self._model.document,
            "weights": {"epoch": last.best_epoch},
            **more,
            "metrics": scores,
        }
        if "validation" in scores:
            parts = {part: scores["validation"][f"{part}_calibration"] for part in ("segment", "track")}
            document["calibration"] = {f"{part}_temperature": each["temperature"] for part, each in parts.items()}
        dataclasses.replace(self._model, weights=last.best, document=document).save(folder)


class _Beside:
    """Work that is done in another thread, one at a time; its failure is raised when the next begins."""

    def __init__(self) -> None:
        """Have nothing to do."""
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    @property
    def busy(self) -> bool:
        """Return whether the last work is not yet done."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, work: Callable[[], None]) -> None:
        """Begin to work."""
        self.wait()

        def run() -> None:
            """Work, and keep what goes wrong."""
            try:
                work()
            except BaseException as error:
                self._failure = error

        self._thread = threading.Thread(target=run, name="genrebench-checkpoint")
        self._thread.start()

    def wait(self) -> None:
        """Wait for the end of the work, and raise what went wrong."""
        if self._thread is not None:
            self._thread.join()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure


@contextmanager
def reserved(folder: Path) -> Iterator[None]:
    """Keep a run's name for this process.

    The system gives the name back when the process ends, however that happens.

    Raises
    ------
    ConfigError
        If another process trains into the folder.
    """
    place = folder.resolve()  # the same folder has the same lock, whatever path leads to it
    path = place.with_name(f".{place.name}.lock")
    missing = [each for each in place.parents if not each.exists()]
    place.parent.mkdir(parents=True, exist_ok=True)
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
        try:
            with suppress(OSError):  # elsewhere than on Unix a file that is open cannot be removed, and may stay
                path.unlink()
        finally:
            lock.release()
        for each in missing:  # what a refused run made for nothing
            with suppress(OSError):
                each.rmdir()
