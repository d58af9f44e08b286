"""Odd values of options: some in every run, all of them in `make soak`."""

import pytest

from experiments.reliability import odd_values
from genrebench.cli.main import COMMANDS


def test_odd_values_are_refused_in_one_line() -> None:
    """Every eleventh of the command lines that compute nothing."""
    count, wrong = odd_values.run(["summary", "backends", "check", "parity", "bench", "demo"], step=11, train=False)
    assert count > 100
    assert wrong == []


@pytest.mark.soak
def test_every_option_takes_or_refuses_every_odd_value() -> None:
    """Of every command."""
    pytest.importorskip("torch")
    count, wrong = odd_values.run(list(COMMANDS))
    assert count > 3000
    assert wrong == []
