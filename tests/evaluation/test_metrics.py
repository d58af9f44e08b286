"""Scores against their definitions and against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sklearn

from genrebench.evaluation.metrics import aggregate_tracks, calibrate, scores
from genrebench.model.calibration import Calibration
from genrebench.network.numerics import cross_entropy, log_softmax


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
    assert result["predictions"].keys() == {"a/1", "b/1", "b/2"}
    assert [genre for genre, _ in result["predictions"].values()] == ["a", "b", "a"]
    assert result["track_interval"] == pytest.approx([0.2077, 0.9385], abs=1e-4)


def test_the_vote_is_the_mean_log_probability() -> None:
    """Not the majority, and not the mean probability: by those the first track would be of genre 0."""
    probabilities = np.array([[0.6, 0.4], [0.6, 0.4], [0.1, 0.9], [0.98, 0.02], [0.3, 0.7], [0.2, 0.8]])
    tracks = np.array(["x"] * 3 + ["y"] * 3)
    names, first, aggregated = aggregate_tracks(np.log(probabilities), tracks)
    assert (names, list(first)) == (["x", "y"], [0, 3])
    expected = np.array([[0.6 * 0.6 * 0.1, 0.4 * 0.4 * 0.9], [0.98 * 0.3 * 0.2, 0.02 * 0.7 * 0.8]]) ** (1 / 3)
    np.testing.assert_allclose(np.exp(aggregated), expected / expected.sum(axis=1, keepdims=True), rtol=1e-12)
    assert list(aggregated.argmax(axis=1)) == [1, 0]


def test_scores_agree_with_scikit_learn() -> None:
    """Accuracy, macro-F1, precision, recall and confusion of 400 segments of 80 tracks; one genre does not occur."""
    rng = np.random.default_rng(0)
    genres = ("a", "b", "c", "d", "e")
    true = rng.integers(0, 4, 80)
    labels, tracks = true.repeat(5), np.array([f"t{number:02}" for number in range(80)]).repeat(5)
    logits = rng.normal(size=(400, 5)) + 0.7 * np.eye(5)[labels]
    result = scores(logits, labels, tracks, genres)
    voted = np.array([log_softmax(logits[tracks == name]).mean(axis=0).argmax() for name in np.unique(tracks)])
    found = logits.argmax(axis=1)
    assert result["segment_accuracy"] == sklearn.accuracy_score(labels, found)
    assert result["track_accuracy"] == sklearn.accuracy_score(true, voted)
    occurring = [0, 1, 2, 3]
    assert result["segment_macro_f1"] == sklearn.f1_score(labels, found, average="macro", labels=occurring)
    assert result["track_macro_f1"] == sklearn.f1_score(true, voted, average="macro", labels=occurring)
    assert result["track_confusion"] == sklearn.confusion_matrix(true, voted, labels=range(5)).tolist()
    report = sklearn.classification_report(
        true, voted, labels=range(5), target_names=genres, output_dict=True, zero_division=0
    )
    for genre in genres:
        row = result["genres"][genre]
        assert (row["precision"], row["recall"], row["f1"]) == tuple(
            report[genre][key] for key in ("precision", "recall", "f1-score")
        )
        assert row["tracks"] == report[genre]["support"]


def test_calibration_changes_probabilities_and_no_answer() -> None:
    """Logits that are thrice too large are found to be so; the error falls, and all counts stay."""
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(3000, 4))
    labels = np.array([rng.choice(4, p=row) for row in np.exp(log_softmax(logits))])
    tracks = np.array([f"t{number:04}" for number in range(3000)])
    calibrated = calibrate(3 * logits, labels, tracks)
    assert calibrated.segment_temperature == pytest.approx(3, rel=0.1)
    assert calibrated.track_temperature == calibrated.segment_temperature
    before, after = (scores(3 * logits, labels, tracks, "abcd", each) for each in (NONE, calibrated))
    for part in ("segment", "track"):
        assert after[f"{part}_calibration"]["ece"] < 0.03 < before[f"{part}_calibration"]["ece"]
        assert after[f"{part}_calibration"]["ece_before"] == before[f"{part}_calibration"]["ece"]
        assert after[f"{part}_accuracy"] == before[f"{part}_accuracy"]
    assert after["track_confusion"] == before["track_confusion"]


def test_answers_are_certain_from_the_threshold_on() -> None:
    """Of three tracks one is too improbable to be believed; below it is another's answer, which is wrong."""
    logits = np.log([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6]])
    found = scores(logits, np.zeros(3, np.int64), np.array(["a", "b", "c"]), "xy", Calibration(uncertain_below=0.65))
    assert found["certain_tracks"] == {"threshold": 0.65, "tracks": 2, "accuracy": 1.0}
    found = scores(logits, np.zeros(3, np.int64), np.array(["a", "b", "c"]), "xy", Calibration(uncertain_below=1.0))
    assert found["certain_tracks"] == {"threshold": 1.0, "tracks": 0, "accuracy": None}


NONE = Calibration()
