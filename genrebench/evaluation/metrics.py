"""Scores of segments and of whole tracks, the same for every backend."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.blocks import rows_of_tracks
from genrebench.evaluation.calibration import calibration, fit_temperature, fit_threshold
from genrebench.evaluation.significance import wilson_interval
from genrebench.model.calibration import Calibration
from genrebench.network.numerics import accuracy, aggregate_segments, cross_entropy, log_softmax


def aggregate_tracks(
    logits: NDArray[Any], tracks: NDArray[np.str_]
) -> tuple[list[str], NDArray[np.int64], NDArray[np.float64]]:
    """Aggregate the segments of each track by their mean log-probability.

    Parameters
    ----------
    logits : ndarray [shape=(n, classes)]
        What the network returns, one row per segment; log-probabilities do as well.
    tracks : ndarray of str [shape=(n,)]
        Track of each segment.

    Returns
    -------
    list of str
        The tracks, each once.
    ndarray of int64 [shape=(tracks,)]
        A segment of each.
    ndarray of float64 [shape=(tracks, classes)]
        Log-probabilities.
    """
    rows = {str(tracks[each[0]]): each for each in rows_of_tracks(tracks)}
    names = sorted(rows)
    log_probabilities = log_softmax(logits)
    aggregated = np.array([aggregate_segments(log_probabilities[rows[name]]) for name in names])
    return names, np.array([rows[name][0] for name in names]), aggregated


def calibrate(logits: NDArray[Any], labels: NDArray[np.int64], tracks: NDArray[np.str_]) -> Calibration:
    """Fit the temperatures of segments and of tracks, and when to be uncertain, on a part that did not train.

    Parameters
    ----------
    logits : ndarray [shape=(n, classes)]
        What the network returns, one row per segment.
    labels : ndarray of int64 [shape=(n,)]
        True genre of each segment.
    tracks : ndarray of str [shape=(n,)]
        Track of each segment.

    Returns
    -------
    Calibration
        What is kept in the model.
    """
    _, first, aggregated = aggregate_tracks(logits, tracks)
    temperature = fit_temperature(aggregated, labels[first])
    return Calibration(
        segment_temperature=fit_temperature(log_softmax(logits), labels),
        track_temperature=temperature,
        uncertain_below=fit_threshold(aggregated / temperature, labels[first]),
    )


def scores(
    logits: NDArray[Any],
    labels: NDArray[np.int64],
    tracks: NDArray[np.str_],
    genres: Sequence[str],
    calibrated: Calibration = Calibration(),  # noqa: B008 - frozen
) -> dict[str, Any]:
    """Score segments, and tracks by their aggregated segments.

    Parameters
    ----------
    logits : ndarray [shape=(n, classes)]
        What the network returns, one row per segment; log-probabilities do as well.
    labels : ndarray of int64 [shape=(n,)]
        True genre of each segment.
    tracks : ndarray of str [shape=(n,)]
        Track of each segment.
    calibrated : Calibration
        As `calibrate` fits it.

    Returns
    -------
    dict
        ``segments`` and ``tracks``, their numbers; ``loss``, cross-entropy per segment in nats; ``segment_accuracy``,
        ``segment_macro_f1``, ``track_accuracy`` and ``track_macro_f1`` (over the genres that occur), from 0 to 1;
        ``track_interval``, 95 % of Wilson; ``genres``, per genre its number of tracks, precision, recall and F1;
        ``track_confusion``, counts of tracks (rows true, columns predicted, in the order of `genres`);
        ``segment_calibration`` and ``track_calibration``, each with its error ``ece``, that of an exact model
        ``ece_by_chance``, that without calibration ``ece_before``, and its bins; ``certain_tracks``, the number and the
        accuracy of the answers that `calibrated` does not call uncertain; ``predictions``, genre and probability by
        track.

    Examples
    --------
    >>> import numpy as np
    >>> logits = np.array([[2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
    >>> tracks = np.array(["blues/a", "blues/a", "jazz/b"])
    >>> result = scores(logits, np.array([0, 0, 1]), tracks, ["blues", "jazz"])
    >>> result["segment_accuracy"] < result["track_accuracy"] == 1.0
    True
    """
    from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support

    names, first, aggregated = aggregate_tracks(logits, tracks)
    true, predicted = labels[first], aggregated.argmax(axis=-1)
    every, there = np.arange(len(genres)), np.unique(true)
    averaged = {"labels": there, "average": "macro", "zero_division": 0}
    by_genre = zip(*precision_recall_fscore_support(true, predicted, labels=every, zero_division=0), strict=True)
    probabilities = np.exp(log_softmax(aggregated / calibrated.track_temperature))
    return {
        "segments": len(labels),
        "tracks": len(names),
        "loss": cross_entropy(logits, labels),
        "segment_accuracy": accuracy(logits, labels),
        "segment_macro_f1": float(f1_score(labels, logits.argmax(axis=-1), **averaged)),
        "track_accuracy": accuracy(aggregated, true),
        "track_macro_f1": float(f1_score(true, predicted, **averaged)),
        "track_interval": list(wilson_interval(int((true == predicted).sum()), len(names))),
        "genres": {
            genre: {"tracks": int(count), "precision": float(precision), "recall": float(recall), "f1": float(f1)}
            for genre, (precision, recall, f1, count) in zip(genres, by_genre, strict=True)
        },
        "track_confusion": confusion_matrix(true, predicted, labels=every).tolist(),
        "segment_calibration": _calibration(log_softmax(logits), labels, calibrated.segment_temperature),
        "track_calibration": _calibration(aggregated, true, calibrated.track_temperature),
        "certain_tracks": _certain(probabilities, true, calibrated.uncertain_below),
        "predictions": {
            name: [genres[best], round(float(row[best]), 4)]
            for name, best, row in zip(names, predicted, probabilities, strict=True)
        },
    }


def _calibration(
    log_probabilities: NDArray[np.float64], labels: NDArray[np.int64], temperature: float
) -> dict[str, Any]:
    """Measure calibration with a temperature and without."""
    return {
        "temperature": temperature,
        "ece_before": calibration(log_probabilities, labels)["ece"],
        **calibration(log_probabilities, labels, temperature),
    }


def _certain(probabilities: NDArray[np.float64], true: NDArray[np.int64], threshold: float) -> dict[str, Any]:
    """Count the answers that are not called uncertain, and how many of them are right."""
    certain = probabilities.max(axis=1) >= threshold
    right = int((probabilities.argmax(axis=1) == true)[certain].sum())
    count = int(certain.sum())
    return {"threshold": threshold, "tracks": count, "accuracy": right / count if count else None}
