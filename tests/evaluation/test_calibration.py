"""Calibration by hand."""

import numpy as np
import pytest

from genrebench.evaluation.calibration import calibration, error_by_chance, fit_temperature, fit_threshold


def test_the_error_is_the_mean_distance_of_confidence_and_accuracy() -> None:
    """Four answers in two bins: 0.6 sure and half right, 0.9 sure and all right; 1 falls into the last one."""
    probabilities = np.array([[0.6, 0.4], [0.6, 0.4], [0.1, 0.9], [0.1, 0.9]])
    found = calibration(np.log(probabilities), np.array([0, 1, 1, 1]))
    assert found["ece"] == pytest.approx((2 * 0.1 + 2 * 0.1) / 4)
    assert [each["count"] for each in found["bins"]] == [2, 2]
    assert found["bins"][0] == {"count": 2, "confidence": pytest.approx(0.6), "accuracy": 0.5}
    assert calibration(np.array([[900.0, 0.0]]), np.array([0]))["ece"] == 0


@pytest.mark.parametrize("count", [200, 2000])
def test_the_error_by_chance_is_what_an_exact_model_has(count: int) -> None:
    """Answers that are right as often as they say have the error on average; sharper ones have far more."""
    rng = np.random.default_rng(count)
    confidence = rng.uniform(0.5, 1, count)
    answers = np.log(np.stack([confidence, 1 - confidence], axis=1))
    drawn = [calibration(answers, (rng.random(count) >= confidence).astype(int)) for _ in range(300)]
    assert np.mean([each["ece"] for each in drawn]) == pytest.approx(drawn[0]["ece_by_chance"], rel=0.05)
    sharp = calibration(answers, (rng.random(count) >= confidence).astype(int), temperature=0.25)
    assert sharp["ece"] > 2 * sharp["ece_by_chance"] == 2 * error_by_chance(sharp["bins"])


def test_the_temperature_is_where_the_loss_is_least() -> None:
    """Two to one for the first class: the logits that say so, whatever they were multiplied by."""
    labels = np.array([0, 0, 1])
    for factor in (0.3, 1.0, 7.0):
        logits = np.full((3, 2), [factor * np.log(2), 0.0])
        assert fit_temperature(logits, labels) == pytest.approx(factor, rel=1e-4)


def test_a_part_that_is_all_right_or_all_wrong_gives_a_bounded_temperature() -> None:
    """Neither 0 nor infinity."""
    logits = np.array([[2.0, 0.0]])
    assert 0.05 <= fit_temperature(logits, np.array([0])) < 0.06
    assert 19 < fit_temperature(logits, np.array([1])) <= 20


@pytest.mark.parametrize(
    ("right", "threshold"),
    [((1, 1, 1, 1), 0.0), ((0, 0, 0, 0), 1.0), ((0, 0, 1, 1), 0.7), ((1, 0, 0, 1), 0.85), ((0, 1, 1, 1), 0.575)],
)
def test_the_threshold_makes_the_fewest_mistakes(right: tuple[int, ...], threshold: float) -> None:
    """Answers of 55, 60, 80 and 90 %: what is believed though wrong counts as what is doubted though right."""
    confidence = np.array([0.55, 0.6, 0.8, 0.9])
    answers = np.log(np.stack([confidence, 1 - confidence], axis=1))
    order = np.array([2, 0, 3, 1])
    labels = 1 - np.array(right)
    assert fit_threshold(answers[order], labels[order]) == pytest.approx(threshold)
