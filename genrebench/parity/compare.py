"""Two tensors side by side: how far apart they are, where most, and what that means."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from genrebench.network.numerics import relative_error, ulps_between
from genrebench.network.types import Array
from genrebench.parity.report import DIVERGES, EQUAL, INFORMATION, ROUNDING, Row, Worst

View = Literal["cumulative", "isolated"]


def compare(
    name: str,
    value: Array | None,
    expected: Array | None,
    *,
    tolerance: float | None,
    view: View = "cumulative",
    note: str = "",
    floor: float = 0.0,
) -> Row:
    """Compare one tensor.

    Parameters
    ----------
    value, expected : ndarray or None
        This backend's, and the other side's; None for a tensor that one side lacks.
    tolerance : float or None
        Largest relative L2 error that passes; 0 asks for equal bits, None for nothing.
    note : str
        What else is to be said.
    floor : float
        Norm to which errors are relative if the expected tensor's is smaller, for what is a difference of larger
        numbers.

    Returns
    -------
    Row
        The comparison; what cannot be compared diverges.
    """
    shape = () if value is None else value.shape
    problem = _problem(value, expected)
    if problem or value is None or expected is None:
        verdict = INFORMATION if tolerance is None else DIVERGES
        notes = "; ".join(filter(None, (problem, note)))
        return Row(name, view, shape, None, None, None, None, tolerance, verdict, notes)
    if np.array_equal(value, expected):
        return Row(name, view, shape, 0.0, 0.0, None, 0, tolerance, EQUAL, note)
    wide = value.astype(np.float64), expected.astype(np.float64)
    difference = np.abs(wide[0] - wide[1])
    index = np.unravel_index(int(difference.argmax()), difference.shape)
    largest, norm = float(np.abs(wide[1]).max()), float(np.linalg.norm(wide[1]))
    error = relative_error(*wide) if norm >= floor else float(np.linalg.norm(difference)) / floor
    pair = float(value[index]), float(expected[index])
    scaled_max = float(difference[index]) / (largest or 1.0)
    return Row(
        name=name,
        view=view,
        shape=shape,
        # JSON has no infinity, which is what such a difference comes to.
        relative_l2=error if np.isfinite(error) else None,
        scaled_max=scaled_max if np.isfinite(scaled_max) else None,
        worst=Worst(tuple(map(int, index)), *pair),
        ulps=ulps_between(*pair, np.result_type(value, np.float32)),
        tolerance=tolerance,
        verdict=INFORMATION if tolerance is None else ROUNDING if error <= tolerance else DIVERGES,
        note=note,
    )


def compare_all(
    values: Mapping[str, Array],
    expected: Mapping[str, Array],
    tolerance: float | Mapping[str, float] | None,
    *,
    view: View = "cumulative",
) -> list[Row]:
    """Compare tensors by name.

    Parameters
    ----------
    values, expected : mapping of str to ndarray
        This backend's, and the other side's.
    tolerance : float, mapping of str to float, or None
        Largest relative L2 error that passes, for all or by name; None for nothing.

    Returns
    -------
    list of Row
        One a name, those of the other side first, in its order: a tensor that one side lacks diverges.
    """
    names = [*expected, *(name for name in values if name not in expected)]
    return [
        compare(
            name,
            values.get(name),
            expected.get(name),
            tolerance=tolerance[name] if isinstance(tolerance, Mapping) and name in tolerance else _number(tolerance),
            view=view,
        )
        for name in names
    ]


def _number(tolerance: float | Mapping[str, float] | None) -> float | None:
    """Choose the tolerance of a tensor that has none of its own.

    Returns
    -------
    float or None
        The number, or 0 beside a mapping: a tensor that it does not name is one too many.
    """
    return 0.0 if isinstance(tolerance, Mapping) else tolerance


def _problem(value: Array | None, expected: Array | None) -> str:
    """Say why two tensors cannot be compared."""
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
