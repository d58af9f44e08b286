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

Answer = Callable[[str, dict[str, Any]], Measurement]
StandIn = Callable[[Any, Answer], list[str]]


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
