"""``genrebench bench``: the command, and its report as text and pictures."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

from genrebench.bench import run
from genrebench.bench.rendering import (
    bar_cells,
    bars_picture,
    contender_cells,
    cost_picture,
    markdown,
    show_suite,
    spell,
)
from genrebench.bench.results import Bar, BenchReport, Contender, Suite
from genrebench.bench.workshop import Workshop
from genrebench.cli.main import main
from genrebench.errors import BenchError
from genrebench.system.environment import gpus


@pytest.fixture
def report() -> BenchReport:
    """Make a report with a bar that holds, one that does not, and a curve."""
    details = {"examples_per_second": 640.0, "gflops": 168.0, "share_of_peak": 0.62, "peak_memory_bytes": 7e8}
    contenders = (Contender("training", "torch", "s/step", (0.1, 0.12, 0.1), 0.1, 0.1, details),)
    bars = (
        Bar("training", "step, against a plain loop", 5.5, 3.5, note="550 ms / 100 ms"),
        Bar("training", "of the machine's rate", 50.0, 60.0, unit="%"),
        Bar("training", "files opened", 0, 0, at_least=False, unit=""),
    )
    suite = Suite(contenders, bars, {"training": [(64.0, 0.1), (512.0, 0.8)]}, ("Keras: left out | not installed",))
    environment = {"processor": "A processor", "cores": 2, "memory_bytes": 2**33, "device": "cpu", "python": "3.12"}
    return BenchReport("2026-01-01T00:00:00", "genrebench bench", 61.4, environment, {"training": suite})


def test_values_are_spelt_with_their_units(report: BenchReport) -> None:
    """Ratios, shares, counts, short times."""
    assert [spell(4.521, "x"), spell(73.4, "%"), spell(0, ""), spell(732.1, "MB")] == ["4.52 x", "73 %", "0", "732 MB"]
    assert spell(2.13e-5, "") == "2.1e-05"
    (suite,) = report.suites.values()
    assert [bar_cells(each)[1:4] for each in suite.bars] == [
        ("5.50 x", ">= 3.50 x", "holds"), ("50 %", ">= 60 %", "MISSED"), ("0", "<= 0", "holds"),
    ]  # fmt: skip
    cells = contender_cells(suite.contenders[0])
    assert cells == (
        "torch",
        "100 ms/step",
        "10 %",
        "640 examples/s, 168 GFLOP/s, 62 % of matrix products, peak 700 MB",
    )
    files = Contender("inference", "many", "s", (2.0,), 2.0, 0.0, {"files": 60})
    assert contender_cells(files)[3] == "30.0 files/s"


def test_the_markdown_has_every_row(report: BenchReport) -> None:
    """Contenders, bars, notes and versions; cells do not break the table."""
    text = markdown(report)
    assert text.startswith("# Benchmark: 2 of 3 bars hold\n")
    assert "| of the machine's rate | 50 % | >= 60 % | MISSED |" in text
    assert "Keras: left out" in text
    assert text.endswith("Versions: python 3.12.\n")
    assert "A processor, 2 cores, 8 GiB; 2026" in text
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert len(tables) == 2
    assert all(len({row.count("|") for row in table.splitlines()}) == 1 for table in tables)


@pytest.mark.parametrize("width", [80, 100, 160])
def test_nothing_is_cut_off_in_a_terminal(report: BenchReport, width: int) -> None:
    """Whatever the width, all words are there and no line is longer."""
    console = Console(width=width, record=True, file=io.StringIO())
    show_suite("training", report.suites["training"], console)
    text = console.export_text()
    assert "…" not in text
    assert {"MISSED", "holds", "plain", "GFLOP/s,", "550"} <= set(text.split())


def test_pictures_show_bars_and_cost(report: BenchReport) -> None:
    """PNGs; without a curve there is none of the cost."""
    for picture in (bars_picture(report), cost_picture(report)):
        assert picture is not None
        assert picture.startswith(b"\x89PNG")
        pixels = matplotlib.image.imread(io.BytesIO(picture))
        assert np.ptp(pixels[..., :3]) > 0.5
    bare = BenchReport("", "", 0.0, report.environment, {"training": Suite(bars=report.bars)})
    assert cost_picture(bare) is None


def test_start_up_is_measured_for_real(tmp_path: Path) -> None:
    """The command, in processes of their own: nothing heavy is imported, the report is written."""
    result = CliRunner().invoke(main, ["bench", "startup", "--output", str(tmp_path / "bench")])
    assert result.exit_code == 0, result.output
    assert re.search(
        r"^genrebench --help, against importing click +\d\.\d\d x +<= 3\.00 x +(holds|MISSED)", result.output, re.M
    )
    assert re.search(r"NumPy, librosa or frameworks imported by --help +0 +<= 0 +holds", result.output)
    document = json.loads((tmp_path / "bench" / "bench.json").read_text())
    assert document["command"] == "genrebench bench startup"
    assert len(document["suites"]["startup"]["contenders"][0]["values"]) == 15
    assert {path.name for path in (tmp_path / "bench").iterdir()} == {"bench.json", "bench.md", "bench.png"}
    assert str(tmp_path) not in (tmp_path / "bench" / "bench.json").read_text()


def test_a_wrong_backend_is_refused_in_one_line(tmp_path: Path) -> None:
    """Before anything is timed; nothing is written."""
    result = CliRunner().invoke(main, ["bench", "training", "--backend", "numpy", "--output", str(tmp_path / "bench")])
    assert result.exit_code == 1
    assert "expected a backend that trains, of torch" in result.stderr
    assert not (tmp_path / "bench").exists()


def test_a_folder_that_cannot_be_written_to_is_refused_at_once(tmp_path: Path) -> None:
    """Before anything is measured."""
    (tmp_path / "file").touch()
    for output in (tmp_path / "file", tmp_path / "file" / "bench"):
        result = CliRunner().invoke(main, ["bench", "startup", "--output", str(output)])
        assert result.exit_code == 1
        assert re.search(r"expected a folder to write to, received file, a file; choose another\n$", result.stderr)


def test_what_fails_later_costs_nothing_of_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: BenchReport
) -> None:
    """The report is written after each suite; a failed one is in it with its reason, and the status is 1."""
    (suite,) = report.suites.values()

    def failing(workshop: Workshop) -> Suite:
        """Fail."""
        assert json.loads((tmp_path / "bench" / "bench.json").read_text())["suites"].keys() == {"training"}
        raise BenchError("preprocess.py: exit status 1: no space")

    suites = {"training": lambda workshop: suite, "preprocess": failing, "inference": lambda workshop: Suite()}
    monkeypatch.setattr(run, "SUITES", suites | {"startup": lambda workshop: Suite()})
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "cost.png").write_bytes(b"an earlier run's")
    result = CliRunner().invoke(main, ["bench", "all", "--output", str(tmp_path / "bench")])
    assert result.exit_code == 1
    assert "preprocess: failed, preprocess.py: exit status 1: no space" in result.stdout
    document = json.loads((tmp_path / "bench" / "bench.json").read_text())
    assert list(document["suites"]) == ["training", "preprocess", "inference", "startup"]
    assert document["suites"]["preprocess"]["failed"] is True
    assert (tmp_path / "bench" / "cost.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(run, "SUITES", {"startup": lambda workshop: Suite()})
    assert CliRunner().invoke(main, ["bench", "startup", "--output", str(tmp_path / "bench")]).exit_code == 0
    assert not (tmp_path / "bench" / "cost.png").exists()


def test_gpus_are_named_where_they_were_used(monkeypatch: pytest.MonkeyPatch, report: BenchReport) -> None:
    """As the driver names them; without a driver there are none."""
    monkeypatch.setattr(
        "genrebench.system.environment.subprocess.run", lambda *_, **__: SimpleNamespace(stdout="A GPU\n")
    )
    assert gpus() == ["A GPU"]

    def absent(*arguments: object, **options: object) -> None:
        """Be no program."""
        raise FileNotFoundError

    monkeypatch.setattr("genrebench.system.environment.subprocess.run", absent)
    assert gpus() == []
    assert "8 GiB, A GPU;" in markdown(replace(report, environment=report.environment | {"gpus": ["A GPU"]}))
