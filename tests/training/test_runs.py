"""Runs as they lie in a folder: read, found by name, listed, and refused where they are damaged."""

from pathlib import Path

import pytest

from genrebench.errors import ModelError
from genrebench.training.folder import reserved
from genrebench.training.runs import find_run, list_runs, read_run
from tests.training.made import altered, run_in


def test_a_run_says_in_a_line_what_it_is(tmp_path: Path) -> None:
    """Backend, data, and the accuracy of each part by track; or its status."""
    run = run_in(tmp_path / "mine")
    assert run.facts == (
        "torch on music, 16 tracks in 2 genres; test 75.0 % of 4 tracks, validation 75.0 % of 4 tracks"
    )
    assert list(run.parts) == ["test", "validation"]
    assert altered(run.folder, metrics={}, status="failed").facts == "torch on music, 16 tracks in 2 genres; failed"
    (run.folder / "experiment.toml").write_text("?")
    assert read_run(run.folder).facts.startswith("torch, 16 tracks")


def test_runs_are_listed_the_newest_first_and_broken_ones_named(tmp_path: Path) -> None:
    """Hidden folders and such without a model are no runs."""
    run_in(tmp_path / "old", created="2025-01-01")
    run_in(tmp_path / "new", created="2026-01-01")
    run_in(tmp_path / "hidden").folder.rename(tmp_path / ".hidden")
    (tmp_path / "other").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model.json").write_text("{")
    runs, problems = list_runs(tmp_path)
    assert [run.name for run in runs] == ["new", "old"]
    assert list(problems) == [str(tmp_path / "broken")]


def test_a_run_is_running_while_its_name_is_held(tmp_path: Path) -> None:
    """Its document cannot say so when the process was killed."""
    run_in(tmp_path / "mine")
    with reserved(tmp_path / "mine"):
        assert altered(tmp_path / "mine", status="running").status == "running"
    assert read_run(tmp_path / "mine").status == "interrupted"


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    """Each in one line: nothing there, a file, other types."""
    with pytest.raises(ModelError, match="cannot be read"):
        read_run(tmp_path / "nothing")
    run = run_in(tmp_path / "mine")
    with pytest.raises(ModelError, match="received a file; give the folder"):
        read_run(run.folder / "model.json")
    with pytest.raises(ModelError, match=r"model\.json: expected a run that genrebench trained \(epochs_done: "):
        altered(run.folder, epochs_done="many")


def test_a_run_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder of all runs, whatever else has that name, unless it is a run or an evaluation itself."""
    run_in(tmp_path / "results" / "mine")
    (tmp_path / "results" / "begun").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_run(Path("mine"), Path("results")) == Path("results/mine")
    assert find_run(Path("begun"), Path("results")) == Path("results/begun")
    assert find_run(Path("nowhere"), Path("results")) == Path("nowhere")
    for name in ("mine", "begun", "builtin"):
        (tmp_path / name).mkdir()
    assert find_run(Path("mine"), Path("results")) == Path("results/mine")
    assert find_run(Path("begun"), Path("results")) == Path("begun")
    run_in(tmp_path / "results" / "builtin")
    assert find_run(Path("builtin"), Path("results")) == Path("builtin")
    for name in ("model.json", "evaluation.json"):
        (tmp_path / "mine" / name).touch()
        assert find_run(Path("mine"), Path("results")) == Path("mine")
        (tmp_path / "mine" / name).unlink()
    (tmp_path / "mine").rmdir()
    (tmp_path / "mine").touch()
    assert find_run(Path("mine"), Path("results")) == Path("results/mine")
