"""Two tensors side by side: how far apart they are, where most, and the verdict on that."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from genrebench.network.numerics import relative_error, ulps_between
from genrebench.network.types import Array, Shape
from genrebench.parity.ledger.base import Entry, explain
from genrebench.parity.report import DIVERGES, EQUAL, Quantity, Row, Verdict, View, Worst


def _verdict(error: float | None, tolerance: float | None, *, is_equal: bool, holds: bool) -> Verdict:
    """Decide on a row: the one place that does, but for `mark_known`; see `compare`."""
    if tolerance is not None and not holds:
        return DIVERGES
    if is_equal:
        return EQUAL
    if tolerance is None:
        return "info"
    return "rounding" if error is not None and error <= tolerance else DIVERGES


def compare(
    tensor: str,
    value: Array | None,
    expected: Array | None,
    *,
    quantity: Quantity,
    tolerance: float | None,
    view: View = "cumulative",
    holds: bool = True,
    floor: float = 0.0,
    note: str = "",
    mode: str = "",
    step: int | None = None,
    case: Any = None,
) -> Row:
    """Compare one tensor; what cannot be compared diverges.

    Parameters
    ----------
    value, expected : ndarray or None
        This backend's, and the other side's; None for a tensor that one side lacks.
    tolerance : float or None
        Largest relative L2 error that passes; 0 asks for equal bits, None for nothing.
    holds : bool
        Whether all else holds that is asked of the tensor.
    floor : float
        Norm to which errors are relative if the expected tensor's is smaller, for what is a difference of larger
        numbers.
    """
    shape = () if value is None else value.shape
    relative_l2: float | None = 0.0
    scaled_max: float | None = 0.0
    worst, ulps = None, None
    problem = _problem(value, expected)
    if problem or value is None or expected is None:
        relative_l2 = scaled_max = None
        note = "; ".join(filter(None, (problem, note)))
    elif np.array_equal(value, expected):
        ulps = 0
    else:
        wide = value.astype(np.float64), expected.astype(np.float64)
        difference = np.abs(wide[0] - wide[1])
        index = np.unravel_index(int(difference.argmax()), difference.shape)
        largest, norm = float(np.abs(wide[1]).max()), float(np.linalg.norm(wide[1]))
        error = relative_error(*wide) if norm >= floor else float(np.linalg.norm(difference)) / floor
        pair = float(value[index]), float(expected[index])
        # JSON has no infinity, which is what such a difference may come to.
        relative_l2 = error if np.isfinite(error) else None
        scaled_max = float(difference[index]) / (largest or 1.0)
        scaled_max = scaled_max if np.isfinite(scaled_max) else None
        worst, ulps = Worst(tuple(map(int, index)), *pair), ulps_between(*pair, np.result_type(value, np.float32))
    verdict = _verdict(relative_l2, tolerance, is_equal=ulps == 0 and worst is None, holds=holds)
    numbers = (relative_l2, scaled_max, worst, ulps, tolerance)
    return Row(tensor, quantity, view, shape, *numbers, verdict, note=note, mode=mode, step=step, case=case)


def state(
    tensor: str,
    quantity: Quantity,
    shape: Shape,
    *,
    holds: bool,
    note: str,
    relative_l2: float | None = None,
    case: Any = None,
) -> Row:
    """State what is right or wrong without a measure; a number may be shown all the same."""
    verdict = _verdict(0.0, 0.0, is_equal=True, holds=holds)
    return Row(tensor, quantity, "cumulative", shape, relative_l2, None, None, None, 0.0, verdict, note=note, case=case)


def compare_all(
    values: Mapping[str, Array],
    expected: Mapping[str, Array],
    tolerance: float | Mapping[str, float] | None,
    *,
    quantity: Quantity,
    mode: str = "",
    cases: Mapping[str, Any] | None = None,
) -> list[Row]:
    """Compare tensors by name, those of the other side first, in its order; one that a side lacks diverges.

    Parameters
    ----------
    tolerance : float, mapping of str to float, or None
        As in `compare`, for all or by name. A tensor that a mapping does not name is one too many.
    """
    return [
        compare(
            name,
            values.get(name),
            expected.get(name),
            quantity=quantity,
            tolerance=tolerance.get(name, 0.0) if isinstance(tolerance, Mapping) else tolerance,
            mode=mode,
            case=(cases or {}).get(name),
        )
        for name in dict.fromkeys((*expected, *values))
    ]


def expect_known(rows: list[Row], entries: tuple[Entry[Any], ...]) -> list[Row]:
    """Let pass, as ``known``, the divergences that an accepted entry of the ledger predicts."""
    accepted = [entry for entry in entries if entry.accepted]
    found = []
    for row in rows:
        is_measured = row.diverges and row.relative_l2 is not None and row.case is not None
        cause = explain(accepted, row.case) if is_measured else None
        note = f"{cause.explanation}; residual {cause.residual:.1e}" if cause else row.note
        found.append(mark_known(replace(row, note=note), cause.id) if cause else row)
    return found


def mark_known(row: Row, identifier: str) -> Row:
    """Let a row pass by an entry of the ledger that predicts what the backend gave."""
    return replace(row, verdict="known", known=identifier)


def _problem(value: Array | None, expected: Array | None) -> str:
    """Describe why two tensors cannot be compared; empty if they can."""
    if value is None:
        return "missing"
    if expected is None:
        return "unknown to the other side"
    if value.shape != expected.shape:
        return f"shape {value.shape}, expected {expected.shape}"
    if not value.size:
        return "no values"
    spoiled = [side for side, each in (("received", value), ("expected", expected)) if not np.isfinite(each).all()]
    return f"NaN or infinity {' and '.join(spoiled)}" if spoiled else ""
