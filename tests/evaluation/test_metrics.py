"""Scores against their definitions."""

import numpy as np
import pytest

from genrebench.evaluation.metrics import scores
from genrebench.network.numerics import cross_entropy


def test_scores_count_segments_and_tracks() -> None:
    """Five segments of three tracks: the vote of a track corrects one of its segments."""
    logits = np.array([[2.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 3.0], [1.0, 0.0]])
    labels = np.array([0, 0, 0, 1, 1])
    tracks = np.array(["a/1", "a/1", "a/1", "b/1", "b/2"])
    result = scores(logits, labels, tracks, ("a", "b"))
    assert (result["segments"], result["tracks"]) == (5, 3)
    assert result["segment_accuracy"] == pytest.approx(3 / 5)
    assert result["track_accuracy"] == pytest.approx(2 / 3)
    assert result["track_confusion"] == [[1, 0], [1, 1]]
    assert result["track_macro_f1"] == pytest.approx(2 / 3)
    assert result["loss"] == pytest.approx(cross_entropy(logits, labels))
