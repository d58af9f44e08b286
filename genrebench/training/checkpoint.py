"""The folder of one training run, kept whole at any moment: a reader finds the last saved state or nothing."""

import csv
import io
import shutil
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from genrebench.model.saved import LAST_WEIGHTS_FILE, MODEL_FILE, WEIGHTS_FILE, ModelSpec, save_document, save_weights
from genrebench.network.types import Weights
from genrebench.system.files import write_atomically
from genrebench.training.plots import training_curves

LOG_FILE = "log.csv"
CURVES_FILE = "curves.png"
EXPERIMENT_FILE = "experiment.toml"
RUN_FILES = (MODEL_FILE, WEIGHTS_FILE, LAST_WEIGHTS_FILE, LOG_FILE, CURVES_FILE, EXPERIMENT_FILE)


@dataclass(frozen=True)
class Epoch:
    """One row of the log.

    Attributes
    ----------
    epoch : int
        Number, from 1.
    train_loss, train_accuracy : float
        Mean over the epoch's segments, each measured in its batch before the update, with dropout.
    validation_loss, validation_accuracy : float
        Measured after the epoch, in evaluation mode.
    seconds : float
        Time of the epoch.
    saved : bool
        Whether it improved validation, and its weights were saved.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    saved: bool

    def improves_on(self, other: "Epoch | None") -> bool:
        """Return whether validation got better.

        Parameters
        ----------
        other : Epoch, optional
            The best epoch so far.

        Returns
        -------
        bool
            True for a higher validation accuracy, or an equal one with a lower loss.
        """
        if other is None:
            return True
        return (-self.validation_accuracy, self.validation_loss) < (-other.validation_accuracy, other.validation_loss)


class RunFolder:
    """Writes the files of a training run.

    Parameters
    ----------
    path : Path
        The folder.
    spec : ModelSpec
        What stays the same throughout the run.
    record : dict
        What else ``model.json`` says of the run, in plain JSON types.
    """

    def __init__(self, path: Path, spec: ModelSpec, record: dict[str, Any]) -> None:
        """Write nothing yet."""
        self.path = path
        self._unpublished = path.with_name(f".{path.name}.partial")
        self._spec = spec
        self._record = record
        self._epochs: list[Epoch] = []
        self.best: Epoch | None = None

    def begin(self, experiment: str) -> None:
        """Begin in a folder beside the run's own, which stays as it is until there are weights to save.

        Parameters
        ----------
        experiment : str
            The resolved configuration, in TOML.
        """
        self.discard()
        self._unpublished.mkdir(parents=True)
        write_atomically(self._unpublished / EXPERIMENT_FILE, experiment.encode())

    def add(self, epoch: Epoch, weights: Weights | None) -> None:
        """Log an epoch, and save its weights if it improved validation.

        Parameters
        ----------
        epoch : Epoch
            What the epoch measured.
        weights : dict of str to ndarray, optional
            Its canonical weights, always given for the first epoch; None if they are not to be saved.
        """
        self._epochs.append(epoch)
        if weights is not None:
            self._publish()
            self.best = epoch
            self._record["weights"] = {"epoch": epoch.epoch, "sha256": save_weights(self.path / WEIGHTS_FILE, weights)}
            self._save_document("running", {})
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(field.name for field in fields(Epoch))
        writer.writerows(astuple(row) for row in self._epochs)
        write_atomically(self.path / LOG_FILE, table.getvalue().encode())

    def finish(self, status: str, weights: Weights, metrics: dict[str, Any]) -> None:
        """Save the last weights, the metrics and the curves.

        Parameters
        ----------
        status : str
            How the run ended.
        weights : dict of str to ndarray
            Canonical weights at the end.
        metrics : dict
            Scores of the best weights, by part.
        """
        last = {"epoch": len(self._epochs), "sha256": save_weights(self.path / LAST_WEIGHTS_FILE, weights)}
        self._record["last_weights"] = last
        write_atomically(self.path / CURVES_FILE, training_curves(self._epochs, title=self.path.name))
        self._save_document(status, metrics)

    def discard(self) -> None:
        """Remove what was begun and never had weights; an earlier run of the same name stays."""
        shutil.rmtree(self._unpublished, ignore_errors=True)

    def _publish(self) -> None:
        """Put the run in its place when its first weights are saved; an earlier run's files are replaced."""
        if not self._unpublished.exists():
            return
        self.path.mkdir(parents=True, exist_ok=True)
        for name in RUN_FILES:
            (self.path / name).unlink(missing_ok=True)
        for file in self._unpublished.iterdir():
            file.replace(self.path / file.name)
        self._unpublished.rmdir()

    def _save_document(self, status: str, metrics: dict[str, Any]) -> None:
        """Write ``model.json``."""
        record = {"name": self.path.name, "status": status, "epochs_done": len(self._epochs), **self._record}
        save_document(self.path, self._spec, {**record, "metrics": metrics})
