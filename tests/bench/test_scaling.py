"""The suite of scaling: what is compared with what, and what is left out."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from genrebench.bench import scaling
from genrebench.bench.data import BenchData
from genrebench.bench.measure import Measurement, run_own, run_side_by_side
from genrebench.bench.results import SuiteResult
from genrebench.data.manifest import manifest_path
from genrebench.errors import BenchError
from tests.bench.conftest import target

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="workers are pinned to two cores"
)
# By how much a machine is slower in each of two rounds.
SLOWER = (1.0, 3.0)


def answer(function: str, options: Mapping[str, Any]) -> Measurement:
    """Answer as a machine on which two workers have 1.6 times the rate of one, and memory grows with the square."""
    if function == "preprocess_parts":
        return Measurement(1.0, 0, {"seconds": {"decode": 0.01, "mel": 0.02, "write": 0.03}})
    if function == "arithmetic":
        return Measurement(9.0, 0, {"seconds": 20.0 if options["count"] == scaling._SPECTRA else 12.5})
    if function == "send_nothing":
        grown = 2**20 * (options["count"] / 1000) ** 2
        return Measurement(9.0, 0, {"seconds": options["count"] / 1e4, "grown_bytes": grown})
    if function == "preprocess":
        folder = Path(options["output"]) / "genre"
        folder.mkdir(parents=True)
        (folder / "track-0.npz").write_bytes(bytes(scaling._TRACKS * 1000))
        manifest_path(folder.parent).write_bytes(bytes(scaling._TRACKS * 100))
        return Measurement(9.0, 0, {"seconds": 16 / (1.6 if len(options["cores"]) > 1 else 1)})
    return Measurement(9.0, 0, {"seconds": 20.0 * len(options["recordings"])})


@pytest.fixture
def suite(bench_data: BenchData, monkeypatch: pytest.MonkeyPatch) -> tuple[SuiteResult, list[str]]:
    """Run the suite with stand-ins for all processes."""
    order: list[str] = []
    trained = iter([1.0, 0.5])

    def side_by_side(function: str, options: Sequence[Mapping[str, Any]]) -> list[Measurement]:
        """Answer for each worker."""
        order.append(f"{function} x {len(options)}")
        return [answer(function, each) for each in options]

    def python(*words: str | Path, **options: Any) -> Measurement:
        """Answer as the command."""
        order.append("cluster" if "--cluster" in words else "here")
        return Measurement(21.0 if "--cluster" in words else 20.0)

    @contextmanager
    def cluster(data: BenchData, notes: list[str]) -> Iterator[Path]:
        """Have no real cluster."""
        yield Path("scheduler.json")

    monkeypatch.setattr(scaling, "run_side_by_side", side_by_side)
    monkeypatch.setattr(scaling, "run_own", lambda function, **options: answer(function, options))
    monkeypatch.setattr(scaling, "run_python", python)
    monkeypatch.setattr(scaling, "_train", lambda data, cores: Measurement(next(trained)))
    monkeypatch.setattr(scaling, "_cluster", cluster)
    monkeypatch.setattr(scaling, "installed_version", lambda name: "1.0")
    object.__setattr__(bench_data.request, "rounds", 1)
    return scaling.scaling_suite(bench_data), order


def test_two_workers_are_compared_with_one(suite: tuple[SuiteResult, list[str]]) -> None:
    """In percent of twice the rate; files are shared out, and the larger share counts."""
    found, order = suite
    assert target(found, "preprocess, efficiency").measured == pytest.approx(80)
    assert not target(found, "preprocess, efficiency").met
    assert target(found, "infer, efficiency").measured == pytest.approx(100)
    assert target(found, "train, efficiency").measured == pytest.approx(100)
    assert order[:6] == [
        *("arithmetic x 1", "preprocess x 1", "infer x 1"),
        *("arithmetic x 2", "preprocess x 1", "infer x 2"),
    ]


def test_what_the_machine_itself_brings_stands_beside_it(suite: tuple[SuiteResult, list[str]]) -> None:
    """Two cores with which NumPy alone is 1.6 times as fast are not blamed on anybody."""
    found, _ = suite
    assert target(found, "preprocess, efficiency").note.endswith("; NumPy alone: 80 %")
    assert {row.name: row.median for row in found.candidates}["NumPy alone, 2 workers"] == 12.5


def test_a_cluster_is_compared_with_this_machine(suite: tuple[SuiteResult, list[str]]) -> None:
    """In turn, in percent beyond."""
    found, order = suite
    assert order[-2:] == ["here", "cluster"]
    assert target(found, "on a cluster, beyond").measured == pytest.approx(5)


def test_growth_is_fitted(suite: tuple[SuiteResult, list[str]]) -> None:
    """Time that grows in proportion, and memory that grows with the square, which is too much."""
    found, _ = suite
    time, memory = (target(found, f"no-op tracks, 1,000 to 100,000, exponent of {what}") for what in ("time", "memory"))
    assert time.measured == pytest.approx(1)
    assert memory.measured == pytest.approx(2)
    assert (time.met, memory.met) == (True, False)
    assert found.curve is not None
    assert found.curve.points == ((1000, 0.1), (10_000, 1.0), (100_000, 10.0))


def test_constants_of_the_model_are_measured(suite: tuple[SuiteResult, list[str]]) -> None:
    """Seconds of each part, and bytes of a track."""
    found, _ = suite
    medians = {row.name: row.median for row in found.candidates}
    assert [medians[f"{part}, a track"] for part in ("decode", "mel", "write")] == [0.01, 0.02, 0.03]
    assert (medians["spectrograms, a track"], medians["manifest, a track"]) == (1.0, 0.1)
    assert medians["gradients, a step"] == pytest.approx(475_594 * 4 / 1e3, rel=0.01)


def test_rounds_are_compared_one_by_one() -> None:
    """A machine that is three times slower in the second round does not change the efficiency."""
    runs = {f"preprocess, {count}": [Measurement(seconds * each) for each in SLOWER] for count, seconds in
            (("1 worker", 10.0), ("2 workers", 6.25))}  # fmt: skip
    (found,) = scaling._efficiencies(runs)
    assert found.measured == pytest.approx(80)


def test_without_dask_the_cluster_is_left_out(bench_data: BenchData, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a note that says what to install; so it is where workers do not come."""
    notes: list[str] = []
    monkeypatch.setattr(scaling, "installed_version", lambda name: None)
    with scaling._cluster(bench_data, notes) as found:
        assert found is None
    assert notes == [
        "preprocess on a cluster: left out, dask.distributed is not installed; pip install 'genrebench[cluster]'"
    ]


def test_on_a_single_core_nothing_is_measured(bench_data: BenchData, monkeypatch: pytest.MonkeyPatch) -> None:
    """A note says why."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3})
    found = scaling.scaling_suite(bench_data)
    assert (found.candidates, found.failed) == ((), False)
    assert "pinned to two cores" in found.notes[0]


def test_workers_that_run_side_by_side_have_cores_of_their_own(bench_data: BenchData, tmp_path: Path) -> None:
    """Preprocessing with two pinned processes writes all, and each has taken a core."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    options = {"dataset": str(bench_data.linked(4)), "output": str(tmp_path / "mel"), "marks": str(tmp_path / "marks")}
    (run,) = run_side_by_side("preprocess", [{**options, "cores": cores}])
    assert run.report["written"] == 4
    taken = {path.name for path in (tmp_path / "marks").iterdir()}
    assert taken
    assert taken <= set(map(str, cores))
    with pytest.raises(BenchError):
        run_side_by_side("nothing", [{}])


def test_arithmetic_is_done_for_real() -> None:
    """A process on a core says how long it took."""
    (run,) = run_side_by_side("arithmetic", [{"core": min(os.sched_getaffinity(0)), "count": 2}])
    assert run.report["seconds"] > 0


def test_nothing_is_sent_for_real() -> None:
    """All answers come, and the growth of this process is no less than nothing."""
    found = run_own("send_nothing", count=50, jobs=2).report
    assert found["seconds"] > 0
    assert found["grown_bytes"] >= 0


def test_training_is_timed_by_steps(bench_data: BenchData, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes of torchrun, each on its core; a median over the epochs after the first, by steps."""
    pytest.importorskip("torch")
    monkeypatch.setattr(scaling, "_EPOCHS", 2)
    run = scaling._train(bench_data, sorted(os.sched_getaffinity(0))[:2])
    assert 0 < run.seconds < 60
