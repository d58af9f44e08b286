"""A run of suites: what is measured, and where."""

import pytest

from genrebench.bench import run, startup
from genrebench.bench.measure import Measurement
from genrebench.bench.request import BenchRequest


def test_a_run_measures_with_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A candidate's seconds are those of its process."""
    monkeypatch.setattr(startup, "_ROUNDS", 1)
    monkeypatch.setattr(startup, "run_python", lambda *words: Measurement(0.25 if "-m" in words else 0.125))
    (report,) = run.run_bench(BenchRequest(suites=("startup",)))
    assert [target.measured for target in report.targets] == [2.0]
    assert "gpus" not in report.environment
    monkeypatch.setattr(run, "gpus", lambda: ["A GPU"])
    (report,) = run.run_bench(BenchRequest(suites=("startup",), device="cuda"))
    assert report.environment["gpus"] == ["A GPU"]
