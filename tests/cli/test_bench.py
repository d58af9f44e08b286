"""``genrebench bench``: what it prints and writes."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from genrebench.bench import run, startup
from genrebench.bench.data import BenchData
from genrebench.bench.request import SUITES, BenchRequest
from genrebench.bench.results import BenchReport, SuiteResult
from genrebench.cli.main import main
from genrebench.errors import BenchError
from tests.bench.conftest import bench_report
from tests.cli.commands import refused
from tests.cli.commands import run as run_command

__all__ = ["bench_report"]


def suites(monkeypatch: pytest.MonkeyPatch, **stand_ins: Callable[[BenchData], SuiteResult]) -> None:
    """Put stand-ins in the place of suites; the others find nothing."""
    nothing: dict[str, Callable[[BenchData], SuiteResult]] = {name: lambda data: SuiteResult() for name in SUITES}
    monkeypatch.setattr(run, "_RUNS", nothing | stand_ins)


def test_start_up_is_measured_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command, in processes of their own; the report is written, and names no path of this machine."""
    monkeypatch.setattr(startup, "_ROUNDS", 2)
    words = ["bench", "startup", "--rounds", "2", "--dataset", str(tmp_path / "music"), "--output", str(tmp_path / "b")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    line = r"^genrebench --help, against importing click +\d+\.\d\d x +<= 3\.00 x +(met|MISSED)"
    assert re.search(line, result.stdout, re.M)
    assert re.search(r"^[01] of 1 targets met; \d+ s$", result.stdout, re.M)
    document = json.loads((tmp_path / "b" / "bench.json").read_text())
    assert document["command"] == "genrebench bench startup --dataset music --rounds 2"
    assert len(document["suites"]["startup"]["candidates"][0]["values"]) == 2
    assert {path.name for path in (tmp_path / "b").iterdir()} == {"bench.json", "bench.md", "bench.png"}
    assert str(tmp_path) not in (tmp_path / "b" / "bench.json").read_text()


def test_options_become_the_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any of them the defaults, for all suites; and nothing that git tracks is written over."""
    monkeypatch.chdir(tmp_path)
    seen: list[BenchRequest] = []
    suites(monkeypatch, training=lambda data: seen.append(data.request) or SuiteResult())  # type: ignore[func-returns-value]
    result = CliRunner().invoke(main, ["bench"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "bench-report" / "bench.json").exists()
    words = "bench training --backend a --backend b --device cuda --rounds 5 --dataset d --architecture m.json"
    assert CliRunner().invoke(main, words.split()).exit_code == 0
    architecture = Path("m.json")
    expected = BenchRequest(("training",), ("a", "b"), Path("d"), architecture, "cuda", 5)
    assert seen == [BenchRequest(), expected]
    command = json.loads((tmp_path / "bench-report" / "bench.json").read_text())["command"]
    assert command == (
        "genrebench bench training --backend a --backend b --dataset d --architecture m.json --device cuda --rounds 5"
    )


def test_a_wrong_backend_is_refused_in_one_line(tmp_path: Path) -> None:
    """Before anything is timed; nothing is written."""
    result = CliRunner().invoke(main, ["bench", "training", "--backend", "numpy", "--output", str(tmp_path / "bench")])
    assert result.exit_code == 1
    assert "expected a backend that trains, of" in result.stderr
    assert not (tmp_path / "bench").exists()


def test_a_folder_that_cannot_be_written_to_is_refused_at_once(tmp_path: Path) -> None:
    """Before anything is measured."""
    (tmp_path / "file").touch()
    for output in (tmp_path / "file", tmp_path / "file" / "bench"):
        result = CliRunner().invoke(main, ["bench", "startup", "--output", str(output)])
        assert result.exit_code == 1
        assert re.search(r"expected a folder to write to, received file, a file; choose another\n$", result.stderr)


def test_what_fails_later_costs_nothing_of_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bench_report: BenchReport
) -> None:
    """The report is written after each suite; a failed one is in it with its reason, and the status is 1."""

    def failing(data: BenchData) -> SuiteResult:
        """Fail."""
        assert json.loads((tmp_path / "bench" / "bench.json").read_text())["suites"].keys() == {"training"}
        raise BenchError("preprocess.py: exit status 1: no space")

    suites(monkeypatch, training=lambda data: bench_report.suites["training"], preprocess=failing)
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "cost.png").write_bytes(b"an earlier run's")
    result = CliRunner().invoke(main, ["bench", "all", "--output", str(tmp_path / "bench")])
    assert result.exit_code == 1
    assert "preprocess: failed, preprocess.py: exit status 1: no space" in result.stdout
    document = json.loads((tmp_path / "bench" / "bench.json").read_text())
    assert list(document["suites"]) == list(SUITES)
    assert document["suites"]["preprocess"]["failed"] is True
    assert (tmp_path / "bench" / "cost.png").read_bytes().startswith(b"\x89PNG")
    suites(monkeypatch)
    assert CliRunner().invoke(main, ["bench", "startup", "--output", str(tmp_path / "bench")]).exit_code == 0
    assert not (tmp_path / "bench" / "cost.png").exists()


def test_a_model_is_one_and_is_asked_for_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is none, and a suite that classifies nothing, are refused before anything is timed."""
    monkeypatch.chdir(tmp_path)
    seen: list[BenchRequest] = []
    suites(monkeypatch, inference=lambda data: seen.append(data.request) or SuiteResult())  # type: ignore[func-returns-value]
    refused(run_command("bench", "inference", "--model", tmp_path), "model.json")
    refused(
        run_command("bench", "training", "--model", "builtin"), "--model: expected the suite inference, scale or all"
    )
    assert seen == []
    assert not any(tmp_path.iterdir())
    assert run_command("bench", "inference", "--model", "builtin").exit_code == 0
    assert seen == [BenchRequest(("inference",), model=Path("builtin"))]
