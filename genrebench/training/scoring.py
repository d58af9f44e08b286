"""What a finished run is worth: its model read back from disk, measured, and calibrated."""

import math
from typing import Any

from genrebench.data.splits import PARTS
from genrebench.errors import TrainingError
from genrebench.evaluation.metrics import calibrate, scores
from genrebench.model.model import Model
from genrebench.training.batches import predict
from genrebench.training.config import Experiment
from genrebench.training.history import EpochMetrics
from genrebench.training.state import TrainingData

# Relative difference of losses that another order of summation on a GPU may give.
_SAME_LOSS = 1e-4


def score_saved_model(experiment: Experiment, data: TrainingData, best: EpochMetrics | None = None) -> dict[str, Any]:
    """Score the model as it lies on disk, so that what is reported is what will be served.

    Parameters
    ----------
    best : EpochMetrics, optional
        What was measured when it was saved; by default what the model's own document says.

    Returns
    -------
    dict
        Scores of ``validation``, on which it is calibrated, and of ``test`` unless it is empty.

    Raises
    ------
    TrainingError
        If the model on disk is not the one that was measured.
    """
    model = Model.load(experiment.folder, backend=experiment.backend, device=experiment.device)
    held_out = {part: found for part in PARTS[1:] if len((found := data.held_out(part))[1])}
    logits = {
        part: predict(model.network, inputs, rows, batch_size=experiment.training.batch_size)
        for part, (inputs, rows, _, _) in held_out.items()
    }
    calibrated = calibrate(logits["validation"], *held_out["validation"][2:])
    metrics = {
        part: scores(logits[part], labels, tracks, data.dataset.genres, calibrated)
        for part, (_, _, labels, tracks) in held_out.items()
    }
    if best is not None:
        _refuse_another(metrics["validation"], best.validation_accuracy, best.validation_loss, experiment)
    elif kept := (model.document.get("metrics") or {}).get("validation"):
        _refuse_another(metrics["validation"], kept["segment_accuracy"], kept["loss"], experiment)
    return metrics


def _refuse_another(measured: dict[str, Any], accuracy: float, loss: float, experiment: Experiment) -> None:
    """End the run with an error if the model on disk gives other figures than the log has."""
    apart = abs(measured["segment_accuracy"] - accuracy) * measured["segments"]
    if apart > 1.5 or not math.isclose(measured["loss"], loss, rel_tol=_SAME_LOSS, abs_tol=1e-6):
        raise TrainingError(
            f"expected a validation loss of {loss:.6g} and an accuracy of {accuracy:.2%}, as was measured when the "
            f"model was saved; read back it gives {measured['loss']:.6g} and {measured['segment_accuracy']:.2%}; model "
            "or data are others than then",
            path=experiment.folder,
        )
