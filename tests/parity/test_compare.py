"""Two tensors side by side, against definitions written out."""

from functools import partial

import numpy as np
import pytest

from genrebench.parity.compare import compare as compare_tensor
from genrebench.parity.compare import compare_all, state
from genrebench.parity.report import Worst

compare = partial(compare_tensor, quantity="output")
RIGHT = np.arange(1.0, 7.0).reshape(2, 3)


def test_a_row_says_how_far_apart_and_where() -> None:
    """All figures are those of the definition."""
    value = RIGHT.copy()
    value[1, 2] += 0.5
    row = compare("x", value, RIGHT, tolerance=1e-3)
    assert row.relative_l2 == pytest.approx(0.5 / np.linalg.norm(RIGHT))
    assert row.scaled_max == pytest.approx(0.5 / 6)
    assert row.worst == Worst((1, 2), 6.5, 6.0)
    assert row.ulps == round(0.5 / np.spacing(6.0))
    assert (row.shape, row.verdict, row.diverges) == ((2, 3), "DIVERGES", True)


@pytest.mark.parametrize(
    ("tolerance", "verdict"), [(None, "info"), (0.0, "DIVERGES"), (1e-12, "DIVERGES"), (1e-10, "rounding")]
)
def test_the_tolerance_decides(tolerance: float | None, verdict: str) -> None:
    """Without one nothing is asked; 0 asks for equal bits."""
    assert compare("x", RIGHT * (1 + 1e-11), RIGHT, tolerance=tolerance).verdict == verdict
    assert compare("x", RIGHT.copy(), RIGHT, tolerance=tolerance).verdict == "equal"


def test_single_precision_is_counted_in_its_own_ulps() -> None:
    """Two float32 tensors differ by float32 ulps, and are subtracted in float64."""
    single = RIGHT.astype(np.float32)
    row = compare("x", np.nextafter(single, np.float32(np.inf)), single, tolerance=1e-6)
    assert row.ulps == 1
    assert row.verdict == "rounding"


def test_a_small_difference_of_large_numbers_is_measured_by_the_large_ones() -> None:
    """Below the floor errors are relative to it; above it they stay as they are."""
    value, expected = np.array(1e-8 + 1e-17), np.array(1e-8)
    assert compare("x", value, expected, tolerance=1e-12, floor=1.0).relative_l2 == pytest.approx(1e-17, rel=0.1)
    assert compare("x", value, expected, tolerance=1e-12).diverges
    assert compare("x", value, expected, tolerance=1e-12, floor=1e-9).relative_l2 == pytest.approx(1e-9, rel=0.1)


@pytest.mark.parametrize(
    ("value", "expected", "note"),
    [
        (None, RIGHT, "missing"),
        (RIGHT, None, "unknown to the other side"),
        (RIGHT.T, RIGHT, "shape (3, 2), expected (2, 3)"),
        (np.where(RIGHT > 5, np.nan, RIGHT), RIGHT, "NaN or infinity received"),
        (RIGHT, np.where(RIGHT > 5, np.inf, RIGHT), "NaN or infinity expected"),
        (RIGHT * np.nan, RIGHT * np.nan, "NaN or infinity received and expected"),
        (np.zeros((0, 3)), np.zeros((0, 3)), "no values"),
    ],
)
def test_what_cannot_be_compared_diverges(value: np.ndarray, expected: np.ndarray, note: str) -> None:
    """Whatever the tolerance, unless nothing is asked; the note says why."""
    row = compare("x", value, expected, tolerance=1e300)
    assert (row.relative_l2, row.worst, row.verdict, row.note) == (None, None, "DIVERGES", note)
    assert compare("x", value, expected, tolerance=None).verdict == "info"


def test_tensors_are_paired_by_name() -> None:
    """In the other side's order; one too many and one too few diverge."""
    rows = compare_all(
        {"c": RIGHT, "b": RIGHT}, {"a": RIGHT, "b": RIGHT * (1 + 1e-9)}, {"a": 1.0, "b": 1e-8}, quantity="gradient"
    )
    assert [(row.tensor, row.verdict) for row in rows] == [("a", "DIVERGES"), ("b", "rounding"), ("c", "DIVERGES")]


def test_what_else_is_asked_of_a_row_must_hold() -> None:
    """However small the difference; where nothing is asked, it does not matter."""
    assert compare("x", RIGHT, RIGHT, tolerance=1e-3, holds=False).diverges
    assert compare("x", RIGHT, RIGHT, tolerance=None, holds=False).verdict == "equal"
    assert state("x", "structure", (3,), holds=False, note="shape (3,)").diverges
    assert state("x", "structure", (3,), holds=True, note="").verdict == "equal"


def test_a_loss_of_nothing_excuses_no_other() -> None:
    """Relative to the loss of equal logits, not to zero."""
    row = compare("", np.array(5.0), np.array(0.0), quantity="loss", tolerance=1e-12, floor=1.386)
    assert row.diverges
    assert row.relative_l2 == pytest.approx(5 / 1.386)
    tiny = compare("", np.array(1e-14), np.array(0.0), quantity="loss", tolerance=1e-12, floor=1.386)
    assert not tiny.diverges
