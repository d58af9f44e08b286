"""What a training run measured, epoch by epoch."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrebench.backend.protocol import BatchMetrics
from genrebench.errors import ModelError
from genrebench.evaluation.metrics import aggregate_tracks
from genrebench.network.architecture import Architecture
from genrebench.network.layers import BatchNormalization
from genrebench.network.numerics import accuracy, cross_entropy
from genrebench.system.files import read_file
from genrebench.training.settings import Keep

_MEASURED = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds")
# A row has some hundred bytes, and a run at most a million.
_MAX_LOG_BYTES = 2**28
# Share of their initial values that running statistics may still hold when validation is worth reading.
_REMAINDER = 0.05


@dataclass(frozen=True)
class EpochMetrics:
    """One row of the log.

    Attributes
    ----------
    epoch : int
        Number, from 1.
    train_loss, train_accuracy : float
        Mean over the epoch's segments, each measured in its batch before the update, with dropout.
    validation_loss, validation_accuracy : float
        Of segments, measured after the epoch, in evaluation mode.
    seconds : float
        Time of the epoch.
    saved : bool
        Whether its weights were saved: by default because it improved validation.
    validation_track_accuracy : float, optional
        Of tracks, by the mean log-probability of their segments; None where an earlier version did not measure it.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    saved: bool = False
    validation_track_accuracy: float | None = None

    @classmethod
    def measured(
        cls,
        epoch: int,
        steps: Sequence[BatchMetrics],
        logits: NDArray[np.float32],
        labels: NDArray[np.int64],
        tracks: NDArray[np.str_],
        seconds: float,
    ) -> "EpochMetrics":
        """Summarize an epoch.

        Parameters
        ----------
        steps : sequence of BatchMetrics
            What its training steps measured.
        logits : ndarray of float32 [shape=(n, classes)]
            Validation part, after the epoch.
        labels : ndarray of int64 [shape=(n,)]
            Its genres.
        tracks : ndarray of str [shape=(n,)]
            Its tracks.
        seconds : float
            Time of the epoch.
        """
        size = sum(step.size for step in steps)
        _, first, answers = aggregate_tracks(logits, tracks)
        return cls(
            epoch=epoch,
            train_loss=sum(step.loss * step.size for step in steps) / size,
            train_accuracy=sum(step.correct for step in steps) / size,
            validation_loss=cross_entropy(logits, labels),
            validation_accuracy=accuracy(logits, labels),
            seconds=round(seconds, 3),
            validation_track_accuracy=accuracy(answers, labels[first]),
        )

    def improves_on(self, other: "EpochMetrics | None", keep: Keep = "best") -> bool:
        """Return whether the weights of this epoch are to be the model.

        Parameters
        ----------
        other : EpochMetrics, optional
            The epoch whose weights are the model so far.
        keep : {'best-track', 'best', 'best-loss', 'last'}
            By a higher validation accuracy of tracks, at a tie of segments, at a tie a lower loss; the same without
            tracks; by a lower loss; or in any case.
        """
        return other is None or keep == "last" or self._rank(keep) > other._rank(keep)

    def _rank(self, keep: Keep) -> tuple[float, ...]:
        """List by what epochs are compared, what counts most first."""
        figures = (self.validation_track_accuracy or 0.0, self.validation_accuracy, -self.validation_loss)
        return figures[["best-track", "best", "best-loss"].index(keep) :]


def last_saved(history: Iterable[EpochMetrics]) -> EpochMetrics | None:
    """Find the epoch whose weights are the model; None before the first."""
    return max((row for row in history if row.saved), key=lambda row: row.epoch, default=None)


def log_csv(history: Sequence[EpochMetrics]) -> bytes:
    """Write the epochs as a table, one row per epoch."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(field.name for field in fields(EpochMetrics))
    writer.writerows(astuple(row) for row in history)
    return table.getvalue().encode()


def read_log(path: Path) -> list[EpochMetrics]:
    """Read the table that `log_csv` wrote.

    Raises
    ------
    ModelError
        If it is something else.
    """
    content = read_file(path, expected="the log of a run", error=ModelError, max_bytes=_MAX_LOG_BYTES)
    try:
        # Not pydantic's own reading of text: numbers have to come back to the last bit.
        return [
            EpochMetrics(
                epoch=int(row["epoch"]),
                **{name: float(row[name]) for name in _MEASURED},
                validation_track_accuracy=float(text) if (text := row.get("validation_track_accuracy")) else None,
                saved={"True": True, "False": False}[row["saved"]],
            )
            for row in csv.DictReader(io.StringIO(content.decode()))
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"expected the log of a run, received something else ({error})", path=path) from error


def settling_steps(architecture: Architecture) -> int:
    """Count the steps after which batch normalization's running statistics have forgotten where they started.

    Validation and inference rest on these statistics. With a momentum of 0.99 it takes some 300 steps until 5 % of
    their initial values are left; before that, validation figures stand near chance, however well training goes.

    Returns
    -------
    int
        0 for a network without batch normalization.
    """
    momenta = [node.layer.momentum for node in architecture.walk() if isinstance(node.layer, BatchNormalization)]
    momentum = max(momenta, default=0.0)
    if momentum == 0:
        return 0
    return math.ceil(math.log(_REMAINDER) / math.log(momentum))
