"""``genrebench runs``: a table and JSON of all runs, sorted by any column."""

import json
from pathlib import Path

import pytest

from tests.cli.commands import in_terminal, refused, run
from tests.training.made import document, run_in


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Make a folder of three runs and a broken one."""
    worse = {part: {**scores, "track_accuracy": 0.5} for part, scores in document()["metrics"].items()}
    run_in(tmp_path / "b", created="2026-01-01T00:00:00", metrics=worse)
    run_in(tmp_path / "a", created="2025-01-01T00:00:00")
    run_in(tmp_path / "c", created="2024-01-01T00:00:00", metrics={}, status="failed", epochs_done=7)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model.json").write_text("{")
    return tmp_path


def names(output: str) -> list[str]:
    """Read the first column."""
    return [line.split()[0] for line in output.splitlines()[2:]]


@pytest.mark.parametrize(
    ("options", "order"),
    [
        ((), "bac"),
        (("--reverse",), "cab"),
        (("--sort", "name"), "abc"),
        (("--sort", "test"), "abc"),
        (("--sort", "epochs"), "cab"),
        (("--sort", "status"), "cab"),
    ],
)
def test_runs_are_sorted(results: Path, options: tuple[str, ...], order: str) -> None:
    """The newest first by default, figures from the highest on; what is equal, by name; broken ones are named."""
    done = run("runs", "--results", results, *options)
    assert done.exit_code == 0, done.output
    assert "".join(names(done.stdout)) == order
    assert "broken/model.json: " in done.stderr


def test_figures_have_their_interval(results: Path) -> None:
    """A run without figures has a dash."""
    lines = run("runs", "--results", results).stdout.splitlines()
    assert "75.0 % (30 to 95)" in lines[3]
    assert lines[4].split() == ["c", "2024-01-01", "music", "torch", "7", "-", "-", "failed"]


def test_json_has_all_of_it(results: Path) -> None:
    """Folders, figures, and the settings that are not default."""
    found = json.loads(run("runs", "--results", results, "--json").stdout)
    assert [each["name"] for each in found] == ["b", "a", "c"]
    assert found[1]["parts"]["test"]["track_accuracy"] == 0.75
    assert found[1]["parts"]["test"]["track_interval"] == pytest.approx([0.3006, 0.9544], abs=1e-4)
    assert found[1]["settings"] == {"dataset": "music", "seed": 3, "training.epochs": 2}
    assert found[1]["leaky"] is True
    assert found[2]["parts"] == {}


def test_a_narrow_terminal_keeps_what_matters(results: Path) -> None:
    """In 80 columns, names and both figures."""
    status, output = in_terminal("runs", "--results", results)
    assert status == 0
    assert "75.0 % (30 to 95)  75.0 % (30 to 95)" in output


def test_no_runs_are_no_error(tmp_path: Path) -> None:
    """It says how to make some."""
    done = run("runs", "--results", tmp_path)
    assert (done.exit_code, done.stdout) == (0, f"{tmp_path}: no runs yet; genrebench train makes them\n")
    assert json.loads(run("runs", "--results", tmp_path, "--json").stdout) == []
    (tmp_path / "file").touch()
    refused(run("runs", "--results", tmp_path / "file"), "expected the folder of all runs, received a file")
