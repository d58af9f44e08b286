"""Scores of segments and of whole tracks, the same for every backend."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.network.numerics import accuracy, aggregate_segments, cross_entropy, log_softmax


def scores(
    logits: NDArray[Any], labels: NDArray[np.int64], tracks: NDArray[np.str_], genres: Sequence[str]
) -> dict[str, Any]:
    """Score segments, and tracks by their aggregated segments.

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
    dict
        ``segments`` and ``tracks``, their numbers; ``loss``, cross-entropy per segment in nats; ``segment_accuracy``,
        ``track_accuracy`` and ``track_macro_f1`` (over the genres that occur), from 0 to 1; ``track_confusion``, counts
        of tracks (rows true, columns predicted, in the order of `genres`).

    Examples
    --------
    >>> import numpy as np
    >>> logits = np.array([[2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
    >>> tracks = np.array(["blues/a", "blues/a", "jazz/b"])
    >>> result = scores(logits, np.array([0, 0, 1]), tracks, ["blues", "jazz"])
    >>> result["segment_accuracy"] < result["track_accuracy"] == 1.0
    True
    """
    from sklearn.metrics import confusion_matrix, f1_score

    names, first = np.unique(tracks, return_index=True)
    log_probabilities = log_softmax(logits)
    aggregated = np.array([aggregate_segments(log_probabilities[tracks == name]) for name in names])
    true, predicted = labels[first], aggregated.argmax(axis=-1)
    every = np.arange(len(genres))
    return {
        "segments": len(labels),
        "tracks": len(names),
        "loss": cross_entropy(logits, labels),
        "segment_accuracy": accuracy(logits, labels),
        "track_accuracy": accuracy(aggregated, true),
        "track_macro_f1": float(f1_score(true, predicted, labels=np.unique(true), average="macro", zero_division=0)),
        "track_confusion": confusion_matrix(true, predicted, labels=every).tolist(),
    }
