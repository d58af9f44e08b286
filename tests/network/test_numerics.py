"""Losses, errors and ulps against their definitions."""

import math

import numpy as np
import pytest

from genrebench.network.numerics import (
    DIFFERENCE_TOLERANCE,
    FLOAT32_TOLERANCE,
    FORWARD_TOLERANCE,
    GRADIENT_TOLERANCE,
    accuracy,
    aggregate_segments,
    cross_entropy,
    cross_entropy_gradient,
    log_softmax,
    perturb_by_ulp,
    relative_error,
    ulps_between,
    uniform_loss,
)
from tests.network.conftest import central_differences, error

LOGITS = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]])
LABELS = np.array([2, 0])


def test_log_softmax_is_finite_for_huge_logits_and_sums_to_one() -> None:
    """No overflow, and the definition elsewhere."""
    logits = np.array([[1000.0, 0.0, -1000.0], [0.5, 1.5, -2.0]])
    computed = log_softmax(logits)
    np.testing.assert_allclose(np.exp(computed).sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(computed[1], np.log(np.exp(logits[1]) / np.exp(logits[1]).sum()), rtol=1e-14)
    assert np.isfinite(computed).all()


def test_the_loss_is_the_mean_negative_log_probability_even_of_huge_logits() -> None:
    """It is that of the definition, and shifting all logits of a sample far up changes nothing."""
    expected = -sum(math.log(math.exp(row[k]) / sum(map(math.exp, row))) for row, k in zip(LOGITS, LABELS, strict=True))
    assert cross_entropy(LOGITS, LABELS) == pytest.approx(expected / 2, rel=1e-14)
    assert cross_entropy(LOGITS + 4096, LABELS) == pytest.approx(expected / 2, rel=1e-11)


def test_the_loss_works_on_logits() -> None:
    """Sure and right is 0, sure and wrong the distance; probabilities in their place would give 1.46."""
    logits = np.full((2, 10), -50.0)
    logits[:, 3] = 50
    assert cross_entropy(logits, np.array([3, 3])) == pytest.approx(0, abs=1e-12)
    assert cross_entropy(logits, np.array([3, 4])) == pytest.approx(50)
    assert cross_entropy(np.zeros((1, 10)), np.array([0])) == pytest.approx(np.log(10))


def test_the_gradient_of_the_loss_equals_central_differences() -> None:
    """In the logits' dtype, and without overflow."""
    logits = LOGITS.copy()
    expected = central_differences(lambda: cross_entropy(logits, LABELS), logits)
    assert error(cross_entropy_gradient(LOGITS, LABELS), expected) < 1e-8
    single = cross_entropy_gradient((LOGITS + 4096).astype(np.float32), LABELS)
    assert single.dtype == np.float32
    assert error(single, expected) < 1e-6


@pytest.mark.parametrize("classes", [2, 10])
def test_the_uniform_loss_is_that_of_equal_logits(classes: int) -> None:
    """Whatever the label; with one class it stays above zero, to be divided by."""
    assert uniform_loss(classes) == pytest.approx(cross_entropy(np.full((3, classes), 7.0), np.array([0, 1, 1])))
    assert uniform_loss(1) == uniform_loss(2)


def test_tolerances_lie_between_rounding_and_the_least_mistake() -> None:
    """What moves a deep network in float64, and what an epsilon that is a thousandth off moves; the same in float32."""
    assert 1e-12 < FORWARD_TOLERANCE <= GRADIENT_TOLERANCE < 5e-7
    assert 2e-6 < FLOAT32_TOLERANCE < 5e-4
    assert 1e-10 < DIFFERENCE_TOLERANCE < 5e-4


def test_accuracy_counts_samples() -> None:
    """One of three; the largest of a row, not of a column."""
    assert accuracy(np.eye(3), np.array([0, 2, 1])) == pytest.approx(1 / 3)
    assert accuracy(np.array([[5.0, 9.0, 0.0], [0.0, 4.0, 0.0]]), np.array([1, 1])) == 1


def test_segments_are_aggregated_by_the_mean_log_probability() -> None:
    """The geometric mean: one segment that rules a genre out weighs more than in the mean of probabilities."""
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [1e-6, 1 - 1e-6]])
    aggregated = np.exp(aggregate_segments(np.log(probabilities)))
    expected = probabilities.prod(axis=0) ** (1 / 3)
    np.testing.assert_allclose(aggregated, expected / expected.sum())
    assert aggregated.argmax() == 1
    assert probabilities.mean(axis=0).argmax() == 0


def test_relative_errors_are_measured_by_the_norm() -> None:
    """Also of numbers whose squares overflow or vanish; of nothing but zeros, it is the difference itself."""
    value, expected = np.array([3.0, 4.5]), np.array([3.0, 4.0])
    for scale in (1.0, 1e200, 1e-200):
        assert relative_error(value * scale, expected * scale) == pytest.approx(0.1)
    assert relative_error(np.array([3.0, 4.0]), np.zeros(2)) == 5
    assert relative_error(np.zeros(0), np.zeros(0)) == 0


@pytest.mark.parametrize("value", [[np.nan, 1.0], [np.inf, 1.0], [1.0], [[1.0, 1.0]]], ids=repr)
def test_nan_infinity_and_other_shapes_are_infinitely_wrong(value: list[object]) -> None:
    """They can pass no tolerance."""
    assert relative_error(np.array(value), np.ones(2)) == math.inf


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("start", [1.0, -1.0, 0.0, 1e-30, 3e9, -0.1])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_ulps_are_counted(dtype: type[np.floating], start: float, count: int) -> None:
    """So many neighbors up, so many ulps, also across zero and across powers of two."""
    value = dtype(start)
    for _ in range(count):
        value = np.nextafter(value, dtype(np.inf))
    assert ulps_between(float(value), float(dtype(start)), np.dtype(dtype)) == count


def test_zeros_of_both_signs_are_neighbors_of_the_same_numbers() -> None:
    """From the float below zero to the one above are two steps; between the zeros there is none."""
    tiny = float(np.nextafter(0.0, 1.0))
    assert ulps_between(tiny, -tiny, np.dtype(np.float64)) == 2
    assert ulps_between(0.0, -0.0, np.dtype(np.float64)) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_weight_is_perturbed_by_one_ulp(dtype: type[np.floating]) -> None:
    """Up and down, in its own type, the same each time; the given ones stay."""
    weights = {"a": np.linspace(-1, 1, 40, dtype=dtype), "b": np.full((2, 3), 0.1, dtype)}
    perturbed, again = perturb_by_ulp(weights), perturb_by_ulp(weights)
    for name, value in weights.items():
        assert perturbed[name].dtype == dtype
        pairs = zip(perturbed[name].flat, value.flat, strict=True)
        assert {ulps_between(one, two, np.dtype(dtype)) for one, two in pairs} == {1}
        np.testing.assert_array_equal(perturbed[name], again[name])
    assert {bool(up) for up in perturbed["a"] > weights["a"]} == {True, False}
