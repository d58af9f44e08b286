"""Loss, probabilities and scores, the same for every backend."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.network.numerics import accuracy, aggregate_segments, cross_entropy, log_softmax


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
    joined = np.array([aggregate_segments(log_probabilities[tracks == name]) for name in names])
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
