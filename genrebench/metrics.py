"""Loss, probabilities and scores, the same for every backend."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def log_softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Compute log-probabilities over the last axis.

    Parameters
    ----------
    logits : ndarray [shape=(..., classes)]
        What the network returns.

    Returns
    -------
    ndarray of float64 [shape=(..., classes)]
        Natural logarithms; finite for finite logits.
    """
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def cross_entropy(logits: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """Compute the mean cross-entropy.

    Parameters
    ----------
    logits : ndarray [shape=(n, classes)]
        What the network returns, not probabilities.
    labels : ndarray of int64 [shape=(n,)]
        True classes.

    Returns
    -------
    float
        Mean of ``-log p(label)`` in nats.
    """
    return float(-log_softmax(logits)[np.arange(len(labels)), labels].mean())


def accuracy(logits: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """Compute the share of rows whose largest logit is the true class.

    Parameters
    ----------
    logits : ndarray [shape=(n, classes)]
        Logits or log-probabilities.
    labels : ndarray of int64 [shape=(n,)]
        True classes.

    Returns
    -------
    float
        Between 0 and 1.
    """
    return float((logits.argmax(axis=-1) == labels).mean())


def join_segments(log_probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Join the segments of one recording by their mean log-probability.

    Parameters
    ----------
    log_probabilities : ndarray of float64 [shape=(segments, classes)]
        One row a segment.

    Returns
    -------
    ndarray of float64 [shape=(classes,)]
        Log-probabilities of the recording: the normalised geometric mean of the segments' probabilities.
    """
    return log_softmax(log_probabilities.mean(axis=0))


def scores(
    logits: NDArray[Any], labels: NDArray[np.int64], tracks: NDArray[np.str_], genres: Sequence[str]
) -> dict[str, Any]:
    """Score segments, and tracks by their joined segments.

    Parameters
    ----------
    logits : ndarray [shape=(n, classes)]
        One row a segment.
    labels : ndarray of int64 [shape=(n,)]
        True genre of each segment.
    tracks : ndarray of str [shape=(n,)]
        Track of each segment.
    genres : sequence of str
        Names of the genres.

    Returns
    -------
    dict
        Numbers of segments and tracks, loss, accuracy of both, macro F1 of tracks, and the tracks' confusion matrix
        (rows true, columns predicted, in the order of `genres`).
    """
    from sklearn.metrics import confusion_matrix, f1_score

    names, first = np.unique(tracks, return_index=True)
    log_probabilities = log_softmax(logits)
    joined = np.array([join_segments(log_probabilities[tracks == name]) for name in names])
    true, predicted = labels[first], joined.argmax(axis=-1)
    every = np.arange(len(genres))
    return {
        "segments": len(labels),
        "tracks": len(names),
        "loss": cross_entropy(logits, labels),
        "segment_accuracy": accuracy(logits, labels),
        "track_accuracy": accuracy(joined, true),
        "track_macro_f1": float(f1_score(true, predicted, labels=np.unique(true), average="macro", zero_division=0)),
        "track_confusion": confusion_matrix(true, predicted, labels=every).tolist(),
    }
