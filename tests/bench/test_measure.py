"""What runs and is measured: turns, and processes that fail."""

import json
import os

import pytest

from genrebench.bench.measure import Measurement, plain_script, run_own, run_python, take_turns
from genrebench.errors import BenchError, ConfigError


def test_candidates_take_turns() -> None:
    """A B A B, each value with its candidate."""
    order: list[str] = []
    values = iter(range(6))
    run = lambda: Measurement(next(values))  # noqa: E731
    found = take_turns({"a": run, "b": run}, 3, on_run=order.append)
    assert order == ["a", "b"] * 3
    assert [run.seconds for run in found["a"]] == [0, 2, 4]
    assert [run.seconds for run in found["b"]] == [1, 3, 5]


def test_a_candidate_that_fails_is_left_out_if_somebody_listens() -> None:
    """From then on; else the run ends."""

    def fail() -> Measurement:
        """Fail."""
        raise BenchError("broken")

    failures: list[str] = []
    runs = {"a": lambda: Measurement(1.0), "b": fail}
    found = take_turns(
        runs, 3, on_run=lambda name: None, on_failure=lambda name, error: failures.append(f"{name} {error}")
    )
    assert found.keys() == {"a"}
    assert len(found["a"]) == 3
    assert failures == ["b broken"]
    with pytest.raises(BenchError, match="broken"):
        take_turns(runs, 1, on_run=lambda name: None)


def test_a_process_is_timed_and_its_last_line_read() -> None:
    """What is printed before is left alone, variables arrive."""
    code = "import os, json; print('hello'); print(json.dumps({'x': os.environ['BENCH_X']}))"
    found = run_python("-c", code, environment={"BENCH_X": "1"})
    assert found.report == {"x": "1"}
    assert 0 < found.seconds < 60
    assert run_python("-c", "print('no report')").report == {}
    with pytest.raises(BenchError, match=r"expected a report in JSON, received '\{oops'"):
        run_python("-c", "print('{oops')")


def test_a_process_that_fails_is_named_with_its_last_words() -> None:
    """One line: what ran, the exit status, the end of what it said."""
    with pytest.raises(BenchError, match=r"^-c .*exit status 3: the disk is full$"):
        run_python("-c", "import sys; print('the disk is full', file=sys.stderr); sys.exit(3)")
    with pytest.raises(BenchError, match=r"^worker of nothing: AttributeError"):
        run_own("nothing")


def test_genrebench_s_own_functions_report_what_they_measured() -> None:
    """With the memory of their process."""
    found = run_own("matrix_product", size=64, seconds=0.05)
    assert found.report["gflops"] > 0
    assert found.seconds >= 0.05
    assert found.peak_memory_bytes > 2**20
    assert json.dumps(found.report)


def test_plain_scripts_are_found_in_a_checkout() -> None:
    """All that are timed; another is missed by name."""
    for name in ("infer", "preprocess", "train_torch", "train_keras"):
        assert os.access(plain_script(name), os.R_OK)
    with pytest.raises(ConfigError, match=r"experiments/plain/nothing\.py: expected the plain script, found none"):
        plain_script("nothing")
