"""What is measured: turns, medians, growth, arithmetic, and processes that fail."""

import json
import math
import os
from pathlib import Path

import pytest

from genrebench.bench.processes import Finished, contender, in_turns, run_process
from genrebench.bench.results import Bar, BenchReport, Suite, save_bench
from genrebench.bench.training import flops, growth
from genrebench.bench.workshop import Workshop
from genrebench.errors import BenchError
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.layers import Conv2D, Dense, Flatten


def test_a_bar_holds_on_the_right_side_only() -> None:
    """At least, at most, exactly, and never for what is no number."""
    assert Bar("s", "w", 2.2, 2.2).holds
    assert not Bar("s", "w", 2.19, 2.2).holds
    assert Bar("s", "w", 1.25, 1.25, at_least=False).holds
    assert not Bar("s", "w", 1.26, 1.25, at_least=False).holds
    assert not any(Bar("s", "w", math.nan, 1.0, at_least=each).holds for each in (True, False))


def test_growth_is_relative_to_the_smallest_size() -> None:
    """Twice the cost for twice the size is 1, four times is 2."""
    assert growth([(10, 1.0), (20, 2.1), (40, 4.0)]) == 1
    assert growth([(10, 1.0), (20, 4.0)]) == 2


def test_operations_are_those_of_the_products() -> None:
    """A small network counted by hand, and the brief's: 16.8 GFLOP for 64 examples."""
    small = Architecture((6, 5, 2), (Conv2D(3, (3, 2), strides=(1, 2)), Flatten(), Dense(7)))
    maps = 4 * 2  # places where the kernel is laid: 6 - 3 + 1 times (5 - 2) // 2 + 1
    assert flops(small) == 3 * 2 * (maps * 3 * (3 * 2 * 2) + maps * 3 * 7)
    assert 64 * flops(genre_cnn()) == pytest.approx(16.8e9, rel=0.005)


def test_contenders_take_turns() -> None:
    """A B A B, each value with its contender."""
    order: list[str] = []
    values = iter(range(6))

    def run() -> Finished:
        """Pretend to run."""
        return Finished(next(values), 0, {})

    found = in_turns({"a": run, "b": run}, 3, on_run=order.append)
    assert order == ["a", "b"] * 3
    assert [run.seconds for run in found["a"]] == [0, 2, 4]
    assert [run.seconds for run in found["b"]] == [1, 3, 5]


def test_median_and_spread() -> None:
    """Of an odd number of rounds, one of them an outlier."""
    found = contender("s", "n", "s", [2.0, 9.0, 3.0], tracks=5)
    assert (found.median, found.spread, found.details) == (3.0, 3.5 / 3.0, {"tracks": 5})


def test_a_process_is_timed_and_its_last_line_read() -> None:
    """Seconds, peak memory and report; what is printed before is left alone, variables arrive."""
    code = "import os, json, time; x = bytearray(b'a' * 150_000_000); print('hello'); time.sleep(0.2)"
    code += "; print(json.dumps({'x': os.environ['BENCH_X']}))"
    found = run_process(["python", "-c", code], environment={"BENCH_X": "1"})
    assert found.report == {"x": "1"}
    assert 0.2 <= found.seconds < 60
    assert found.peak_memory_bytes > 150e6 or not hasattr(os, "wait4")
    assert run_process(["python", "-c", "print('no report')"]).report == {}
    with pytest.raises(BenchError, match=r"expected a report in JSON, received '\{oops'"):
        run_process(["python", "-c", "print('{oops')"])


def test_a_process_that_fails_is_named_with_its_last_words() -> None:
    """One line: what ran, the exit status, the end of what it said."""
    with pytest.raises(BenchError, match=r"^-c .*exit status 3: the disk is full$"):
        run_process(["python", "-c", "import sys; print('the disk is full', file=sys.stderr); sys.exit(3)"])
    with pytest.raises(BenchError, match="exit status 1: ValueError: 7"):
        run_process(["python", "-c", "raise ValueError(7)"])


def test_a_contender_that_fails_is_left_out_if_somebody_listens() -> None:
    """From then on; else the run ends."""

    def fail() -> Finished:
        """Fail."""
        raise BenchError("broken")

    failures: list[str] = []
    runs = {"a": lambda: Finished(1.0, 0, {}), "b": fail}
    found = in_turns(
        runs, 3, on_run=lambda name: None, on_failure=lambda name, error: failures.append(f"{name} {error}")
    )
    assert found.keys() == {"a"}
    assert len(found["a"]) == 3
    assert failures == ["b broken"]
    with pytest.raises(BenchError, match="broken"):
        in_turns(runs, 1, on_run=lambda name: None)


def test_a_process_that_hangs_is_ended_with_its_own(tmp_path: Path) -> None:
    """As by Ctrl-C, so that it can put things in order."""
    code = "import sys, time\ntry:\n time.sleep(60)\nexcept KeyboardInterrupt:\n open(sys.argv[1], 'w').close()"
    with pytest.raises(BenchError, match=r"expected an end within 1 s; it was ended"):
        run_process(["python", "-c", code, tmp_path / "ended"], timeout=1)
    assert (tmp_path / "ended").exists() or os.name == "nt"


def test_a_report_is_json_with_its_verdicts(tmp_path: Path) -> None:
    """Every bar says whether it holds."""
    bars = (Bar("s", "good", 2.0, 1.0), Bar("s", "bad", 2.0, 3.0))
    report = BenchReport("2026-01-01", "genrebench bench", 1.0, {"cores": 2}, {"s": Suite(bars=bars)})
    save_bench(tmp_path / "bench.json", report)
    document = json.loads((tmp_path / "bench.json").read_text())
    assert document["schema"] == 1
    assert [(bar["what"], bar["holds"]) for bar in document["suites"]["s"]["bars"]] == [("good", True), ("bad", False)]


def test_a_workshop_removes_nothing_to_make_room(tmp_path: Path) -> None:
    """Each folder is new, and what was written before stays."""
    workshop = Workshop(tmp_path, None, (), 1, lambda what: None)
    first = workshop.new_folder("mel")
    first.mkdir()
    assert workshop.new_folder("mel") != first
    assert first.exists()
