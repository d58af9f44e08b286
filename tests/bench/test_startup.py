"""The start-up suite."""

from typing import Any

import pytest

from genrebench.bench import startup
from genrebench.bench.data import BenchData
from genrebench.bench.measure import Measurement
from tests.bench.conftest import StandIn


def test_the_help_is_compared_with_click(bench_data: BenchData, stand_in: StandIn) -> None:
    """In turns, fifteen times."""

    def answer(name: str, arguments: dict[str, Any]) -> Measurement:
        """Answer as a slow machine."""
        return Measurement(0.1 if name == "-c" else 0.4)

    order = stand_in(startup, answer)
    suite = startup.startup_suite(bench_data)
    assert order == ["-c", "genrebench --help"] * 15
    (target,) = suite.targets
    assert target.measured == pytest.approx(4.0)
    assert not target.met
