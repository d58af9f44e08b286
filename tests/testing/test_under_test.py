"""How the kit compares tensors."""

import numpy as np
import pytest

from genrebench.testing.under_test import CheckFailure, compare


def test_tensors_are_compared_by_their_norm_and_nan_is_never_equal() -> None:
    """NaN, another shape, a missing and an unknown name are told apart; within the tolerance nothing is said."""
    ones = np.ones(10_000)
    compare({"a": ones + 1e-4}, {"a": ones}, 1e-3)
    for values, message in (
        ({"a": ones + 1e-2}, "a: expected a relative error of at most 0.001, received 0.01"),
        ({"a": ones * np.nan}, "a: expected a relative error"),
        ({"a": ones[:3]}, r"a: expected shape \(10000,\), received \(3,\)"),
        ({"b": ones}, r"missing \['a'\], unknown \['b'\]"),
    ):
        with pytest.raises(CheckFailure, match=message):
            compare(values, {"a": ones}, 1e-3)
