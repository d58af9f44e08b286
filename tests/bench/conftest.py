"""Small data to be timed, and stand-ins for what would take long."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genrebench.audio.synthesis.render import write_recordings
from genrebench.bench import data as data_module
from genrebench.bench.data import BenchData
from genrebench.bench.measure import Measurement
from genrebench.bench.request import BenchRequest
from genrebench.bench.results import BenchReport, Candidate, Curve, SuiteResult, Target

Answer = Callable[[str, dict[str, Any]], Measurement]
StandIn = Callable[[Any, Answer], list[str]]


def target(suite: SuiteResult, words: str) -> Target:
    """Find a suite's target by some of its words."""
    (found,) = [each for each in suite.targets if words in each.what]
    return found


@pytest.fixture(scope="session")
def ten_recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a dataset of ten recordings of seven seconds; tests must not change it."""
    dataset = tmp_path_factory.mktemp("ten") / "dataset"
    write_recordings(dataset / "genres_original", tracks_per_genre=1, duration=7.0, seed=0)
    return dataset


@pytest.fixture
def bench_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ten_recordings: Path) -> BenchData:
    """Offer data of ten recordings and twenty spectrograms."""
    monkeypatch.setattr(data_module, "SEGMENTS", 20)
    (tmp_path / "work").mkdir()
    return BenchData(tmp_path / "work", BenchRequest(dataset=ten_recordings), lambda what: None)


@pytest.fixture
def own_recordings(tmp_path: Path, ten_recordings: Path) -> Path:
    """Copy the recordings for a test that changes them."""
    return Path(shutil.copytree(ten_recordings, tmp_path / "own" / "dataset"))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Offer a function that answers in place of a module's processes, and lists which were asked for."""

    def install(module: Any, answer: Answer) -> list[str]:
        """Answer with what a function makes of a name and the arguments."""
        order: list[str] = []

        def run_python(*words: str | Path, environment: dict[str, str] | None = None) -> Measurement:
            """Answer as a script or a command, by its name."""
            first, *others = map(str, words)
            order.append(" ".join(others[:2]) if first == "-m" else Path(first).name)
            return answer(order[-1], {"words": [first, *others]})

        def run_own(function: str, **options: Any) -> Measurement:
            """Answer as a function in a worker."""
            order.append(function)
            return answer(function, options)

        monkeypatch.setattr(module, "run_python", run_python)
        monkeypatch.setattr(module, "run_own", run_own, raising=False)
        return order

    return install


@pytest.fixture
def bench_report() -> BenchReport:
    """Make a report with a target that is missed, some that are met, and a curve."""
    details = {"examples_per_second": 640.0, "gflops": 168.0, "share_of_peak": 0.62, "peak_memory_bytes": 7e8}
    candidates = (
        Candidate("torch", "s/step", (0.1, 0.12, 0.1), details),
        Candidate("many", "s", (2.0,), {"files": 60}),
    )
    targets = (
        Target("step, against a plain loop", 5.5, 3.5, note="550 ms / 100 ms"),
        Target("of the machine's rate", 50.0, 60.0, unit="%"),
        Target("largest difference", 2.13e-5, 1e-3, at_least=False, unit=""),
        Target("peak memory", 732.1, 1000.0, at_least=False, unit="MB"),
    )
    curve = Curve("segments", "reading and an epoch", ((64, 0.1), (512, 0.8)))
    suite = SuiteResult(candidates, targets, curve, ("Keras: left out | not installed",))
    environment = {"processor": "A processor", "cores": 2, "memory_bytes": 2**33, "device": "cpu", "python": "3.12"}
    return BenchReport("2026-01-01T00:00:00", "genrebench bench", 61.4, environment, {"training": suite})
