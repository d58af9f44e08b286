"""Hypotheses about padding."""

from dataclasses import replace

import numpy as np
import pytest

from genrebench.network.layers import Conv2D
from tests.parity.ledger.conftest import cause_of, layer_case


@pytest.mark.parametrize(("low", "padding"), [(1, "(1,0)(1,0)"), (2, "(2,0)(2,0)")])
def test_where_the_windows_begin_is_named(low: int, padding: str) -> None:
    """By the padding of the low side, which alone is free."""
    case = layer_case(6, Conv2D)
    padded = np.pad(case.x, ((0, 0), (low, 0), (low, 0), (0, 0)))
    received = case.run(x=padded)[:, : case.expected.shape[1], : case.expected.shape[2]]
    found = cause_of(case, received)
    assert found is not None
    assert found[0] == "conv-padding"
    assert found[1]["fill"] == "zero"
    assert found[1]["expected"] == "(0,0)(0,0)"


def test_an_output_without_axes_of_windows_is_no_matter_of_padding() -> None:
    """It is left to the other hypotheses."""
    case = layer_case(6, Conv2D)
    flat = replace(case, expected=case.expected.reshape(len(case.x), -1))
    assert cause_of(flat, case.received.reshape(len(case.x), -1)) is None
