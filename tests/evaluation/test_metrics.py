"""Loss, probabilities and scores against their definitions."""

import numpy as np
import pytest

from genrebench.evaluation.metrics import scores
from genrebench.network.numerics import accuracy, aggregate_segments, cross_entropy, log_softmax


def test_log_softmax_is_finite_for_huge_logits_and_sums_to_one() -> None:
    """No overflow, and the definition elsewhere."""
    logits = np.array([[1000.0, 0.0, -1000.0], [0.5, 1.5, -2.0]])
    computed = log_softmax(logits)
    np.testing.assert_allclose(np.exp(computed).sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(computed[1], np.log(np.exp(logits[1]) / np.exp(logits[1]).sum()), rtol=1e-14)
    assert np.isfinite(computed).all()


def test_cross_entropy_works_on_logits() -> None:
    """Sure and right is 0, sure and wrong the distance; probabilities in their place would give 1.46."""
    logits = np.full((2, 10), -50.0)
    logits[:, 3] = 50
    assert cross_entropy(logits, np.array([3, 3])) == pytest.approx(0, abs=1e-12)
    assert cross_entropy(logits, np.array([3, 4])) == pytest.approx(50)
    assert cross_entropy(np.zeros((1, 10)), np.array([0])) == pytest.approx(np.log(10))


def test_accuracy_counts_rows() -> None:
    """One of three."""
    assert accuracy(np.eye(3), np.array([0, 2, 1])) == pytest.approx(1 / 3)


def test_segments_are_joined_by_the_mean_log_probability() -> None:
    """The geometric mean: one segment that rules a genre out weighs more than in the mean of probabilities."""
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [1e-6, 1 - 1e-6]])
    joined = np.exp(aggregate_segments(np.log(probabilities)))
    expected = probabilities.prod(axis=0) ** (1 / 3)
    np.testing.assert_allclose(joined, expected / expected.sum())
    assert joined.argmax() == 1
    assert probabilities.mean(axis=0).argmax() == 0


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
