"""What a model makes of recordings as rows: plain dictionaries for files, pages and other programs.

The names of the keys are promised. A row of a recording that was classified has ``path``, ``genre``, ``probability``,
``uncertain``, ``probabilities``, ``segments``, perhaps ``notes`` and ``timeline``; one of a recording that failed has
``path`` and ``error``.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.errors import AudioError
from genrebench.model.model import Model
from genrebench.model.prediction import Prediction
from genrebench.system.files import sha256

Row = dict[str, Any]

# Digits of a fingerprint that tell models apart.
_DIGITS = 16
# Decimals of a second.
_MICROSECONDS = 6


def prediction_row(prediction: Prediction, *, top_k: int | None = None, timeline: bool = False) -> Row:
    """Describe a prediction in plain JSON types.

    Parameters
    ----------
    top_k : int, optional
        Genres whose probability is told; by default all.
    timeline : bool
        Whether the segments are told, too.
    """
    row = {
        "path": str(prediction.path),
        "genre": prediction.genre,
        "probability": prediction.probability,
        "uncertain": prediction.uncertain,
        "probabilities": _largest(prediction.probabilities, top_k),
        "segments": prediction.segments,
    }
    if prediction.notes:
        row["notes"] = list(prediction.notes)
    if timeline:
        row["timeline"] = [
            {
                "start": round(segment.start, _MICROSECONDS),
                "end": round(segment.end, _MICROSECONDS),
                "genre": segment.genre,
                "probability": segment.probability,
                "probabilities": _largest(segment.probabilities, top_k),
            }
            for segment in prediction.timeline
        ]
    return row


def _largest(probabilities: Mapping[str, float], top_k: int | None) -> dict[str, float]:
    """Take the first ones, which are the largest."""
    return dict(list(probabilities.items())[:top_k])


def failure_row(error: AudioError, path: Path | None = None) -> Row:
    """Describe a recording that failed, or another thing that an error names, in plain JSON types."""
    return {"path": str(path or error.path), "error": str(error)}


def model_row(model: Model) -> Row:
    """Name a model and its version, for the end of each row.

    Returns
    -------
    dict
        ``model``, the name of its folder, and ``model_version``, the beginning of its `fingerprint`.
    """
    return {"model": model.folder.name if model.folder else "", "model_version": fingerprint(model)[:_DIGITS]}


def fingerprint(model: Model) -> str:
    """Hash all on which a model's answers depend: weights, architecture, preprocessing, genres and calibration."""
    mel = model.mel.fingerprint() if model.mel else None
    parts: list[Any] = [model.architecture.to_json(), mel, model.standardizer.to_json(), model.genres]
    parts += [model.overlap, model.calibration.to_json()]
    weights = (np.ascontiguousarray(model.weights[name]).tobytes() for name in sorted(model.weights))
    return sha256([json.dumps(parts, sort_keys=True).encode(), *weights])


def clock(seconds: float) -> str:
    """Format a time as minutes and seconds, with hours where there are any.

    Examples
    --------
    >>> clock(3.0), clock(75.25), clock(3675.5)
    ('0:03.0', '1:15.2', '1:01:15.5')
    """
    tenths = round(10 * seconds)
    minutes, rest = divmod(tenths, 600)
    hours, minutes_left = divmod(minutes, 60)
    return (f"{hours}:{minutes_left:02d}" if hours else f"{minutes}") + f":{rest / 10:04.1f}"
