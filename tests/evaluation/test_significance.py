"""Intervals and tests against published values and the definition."""

from math import comb

import numpy as np
import pytest

from genrebench.evaluation.significance import mcnemar, spread, wilson_interval


@pytest.mark.parametrize(
    ("correct", "count", "expected"),
    [(0, 10, (0.0, 0.2775)), (10, 10, (0.7225, 1.0)), (81, 263, (0.2553, 0.3662)), (177, 290, (0.5532, 0.6647))],
)
def test_wilson_intervals_are_the_published_ones(correct: int, count: int, expected: tuple[float, float]) -> None:
    """Newcombe 1998 has 81 of 263; the others follow from the formula."""
    z = 1.959964
    share = correct / count
    middle, half = share + z * z / 2 / count, z * np.sqrt(share * (1 - share) / count + z * z / 4 / count**2)
    assert wilson_interval(correct, count) == pytest.approx(expected, abs=1e-4)
    bounds = [(middle - half) / (1 + z * z / count), (middle + half) / (1 + z * z / count)]
    assert wilson_interval(correct, count) == pytest.approx(bounds, abs=1e-6)


def test_mcnemar_is_the_binomial_of_the_disagreements() -> None:
    """Three against nine, with any number of agreements; none at all is no difference."""
    first = np.array([True] * 3 + [False] * 9 + [True] * 20 + [False] * 7)
    second = np.array([False] * 3 + [True] * 9 + [True] * 20 + [False] * 7)
    result = mcnemar(first, second)
    assert (result["only_first"], result["only_second"]) == (3, 9)
    assert result["p"] == pytest.approx(2 * sum(comb(12, k) for k in range(4)) / 2**12)
    assert mcnemar(first, first) == {"only_first": 0, "only_second": 0, "p": 1.0}


def test_one_run_has_no_deviation() -> None:
    """Of several it is the sample's."""
    assert spread([0.5]) == {"mean": 0.5, "deviation": None, "values": [0.5]}
    assert spread([0.4, 0.6])["deviation"] == pytest.approx(0.02**0.5)
