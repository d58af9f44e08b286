"""What was measured, as numbers and as JSON."""

import json
import math
from pathlib import Path

import pytest

from genrebench.bench.results import BenchReport, Candidate, Curve, SuiteResult, Target, save_bench


def test_a_target_is_met_on_the_right_side_only() -> None:
    """At least, at most, exactly, and never by what is no number."""
    assert Target("w", 2.2, 2.2).met
    assert not Target("w", 2.19, 2.2).met
    assert Target("w", 1.25, 1.25, at_least=False).met
    assert not Target("w", 1.26, 1.25, at_least=False).met
    assert not any(Target("w", math.nan, 1.0, at_least=each).met for each in (True, False))


def test_growth_is_relative_to_the_smallest_size() -> None:
    """Twice the cost for twice the size is 1, four times is 2."""
    assert Curve("n", "work", ((10, 1.0), (20, 2.1), (40, 4.0))).growth == 1
    assert Curve("n", "work", ((10, 1.0), (20, 4.0))).growth == 2


def test_median_and_spread() -> None:
    """Of an odd number of rounds, one of them an outlier."""
    found = Candidate("n", "s", (2.0, 9.0, 3.0), {"tracks": 5})
    assert found.median == 3.0
    assert found.spread == pytest.approx(3.5 / 3.0)


def test_a_report_is_json_with_its_verdicts(tmp_path: Path) -> None:
    """Every target says whether it is met, every candidate has its median and spread."""
    suite = SuiteResult((Candidate("a", "s", (1.0, 3.0)),), (Target("good", 2.0, 1.0), Target("bad", 2.0, 3.0)))
    report = BenchReport("2026-01-01", "genrebench bench", 1.0, {"cores": 2}, {"s": suite})
    save_bench(tmp_path / "bench.json", report)
    document = json.loads((tmp_path / "bench.json").read_text())
    assert document["schema"] == 2
    found = document["suites"]["s"]
    assert [(target["what"], target["met"]) for target in found["targets"]] == [("good", True), ("bad", False)]
    assert [(each["median"], each["spread"]) for each in found["candidates"]] == [(2.0, 0.5)]
