"""What a training run saves while it goes on: its log, its best model, and checkpoints."""

import dataclasses
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from genrebench.model.calibration import Calibration
from genrebench.model.model import Model
from genrebench.model.storage import LAST_WEIGHTS_FILE, save_weights
from genrebench.system.files import write_atomically
from genrebench.training.config import EXPERIMENT_FILE
from genrebench.training.folder import LOG_FILE, RunDirectory
from genrebench.training.history import EpochMetrics, log_csv
from genrebench.training.resume import Checkpoint, remove_previous
from genrebench.training.state import Callback, LoopState


class Log(Callback):
    """Keeps the table of epochs.

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
        """Have the table on disk."""
        write_atomically(self._run.current / LOG_FILE, log_csv(state.history))


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
        model = dataclasses.replace(self._model, weights=last.best, document=document)
        if measured := scores.get("validation"):
            calibration = Calibration(
                segment_temperature=measured["segment_calibration"]["temperature"],
                track_temperature=measured["track_calibration"]["temperature"],
                uncertain_below=measured["certain_tracks"]["threshold"],
            )
            model = dataclasses.replace(model, calibration=calibration)
        model.save(folder)


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
