"""What an entry explains, and what it must not pretend to explain."""

import numpy as np
import pytest

from genrebench.parity.ledger.base import Case, Entry, Prediction, Predictions, explain, fitted
from genrebench.parity.ledger.optimizer import AdamCase
from genrebench.parity.ledger.tensors import GradientCase, StatisticCase
from tests.parity.ledger.conftest import RNG, cause_of


def test_single_numbers_are_not_explained_by_fits() -> None:
    """Statistics, gradients and updates of one value: only named hypotheses count."""
    one = np.array([0.5])
    statistic = StatisticCase(one, 0.99 * one + 0.01 * 0.3, "moving_mean", 0.99, 100, one)
    assert cause_of(statistic, one + 0.01) is None
    found = cause_of(statistic, 0.01 * one + 0.99 * 0.3)
    assert found == ("momentum", {"momentum": pytest.approx(0.01)})
    assert cause_of(GradientCase(one, one, one, None, {}), one + 0.123) is None
    zero = np.zeros(1)
    update = AdamCase(zero, zero - 0.001, quantity="update", weight=one, gradient=one, m=zero, v=zero, step=0)
    assert cause_of(update, zero - 0.0123) is None
    many = RNG.normal(size=9)
    doubled = cause_of(GradientCase(many, many, RNG.normal(size=9), None, {}), 2 * many)
    assert doubled == ("gradient", {"factor": pytest.approx(2.0)})


def test_single_precision_is_told_from_small_errors() -> None:
    """Every value is one of float32, and as far off as float32 rounds."""
    right = RNG.normal(size=9)
    case = GradientCase(right, right, RNG.normal(size=9), None, {})
    assert cause_of(case, right.astype(np.float32).astype(np.float64)) == ("float32", {"dtype": "float32"})
    assert cause_of(case, right * (1 + 1e-7 * RNG.normal(size=9))) is None


def test_a_hypothesis_that_cannot_be_computed_explains_nothing() -> None:
    """The next one is tried."""

    def fails(case: Case) -> Predictions:
        """Look for what is not there."""
        yield Prediction("never", {"bias": case.expected}["kernel"])

    def holds(case: Case) -> Predictions:
        """Predict what was received."""
        yield Prediction("as received", case.received, number=1)

    entries = [Entry("fails", "", "", fails), Entry("holds", "", "", holds)]
    case = Case(np.ones(3), np.zeros(3))
    cause = explain(entries, case)
    assert cause is not None
    assert (cause.id, cause.parameters, cause.residual) == ("holds", {"number": 1.0}, 0.0)
    assert explain(entries[:1], case) is None


def test_fits_are_least_squares() -> None:
    """What is perpendicular to the direction does not count, and no direction gives no infinity."""
    assert fitted(np.array([3.0, 5.0]), np.array([2.0, 0.0])) == 1.5
    assert fitted(np.ones(2), np.zeros(2)) == 0.0
