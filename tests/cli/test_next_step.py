"""``genrebench`` alone: the next sensible step, by what lies in the working folder."""

import json
from pathlib import Path

import pytest

from tests.cli.commands import run
from tests.training.made import run_in


def commands() -> list[str]:
    """Run it, and list the commands that it offers."""
    done = run()
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith("All commands: genrebench --help\n")
    return [line.strip() for line in done.stdout.splitlines() if line.startswith("  genrebench ")]


def test_the_next_step_follows_from_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From nothing to recordings, spectrograms, a run that was stopped, and one that is finished."""
    monkeypatch.chdir(tmp_path)
    assert commands() == ["genrebench infer song.mp3", "genrebench demo", "genrebench preprocess --dataset dataset"]
    Path("dataset").mkdir()
    assert commands() == ["genrebench preprocess --dataset dataset"]
    Path("dataset/Data/genres_original").mkdir(parents=True)
    assert "dataset/Data/genres_original has recordings" in run().stdout
    Path("dataset/genres_mel_npz").mkdir()
    assert commands() == ["genrebench train --dataset dataset --name first"]
    run_in(Path("results/a run"), status="interrupted")
    assert commands() == ["genrebench train --name 'a run' --resume"]
    run_in(Path("results/good"))
    assert commands()[1:] == ["genrebench infer song.mp3", "genrebench runs"]


def test_an_example_is_no_run_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came with a clone is not what infer takes."""
    monkeypatch.chdir(tmp_path)
    example = run_in(Path("results/example")).folder / "model.json"
    example.write_text(json.dumps(json.loads(example.read_text()) | {"example": True}))
    assert commands() == ["genrebench infer song.mp3", "genrebench demo", "genrebench preprocess --dataset dataset"]


def test_an_option_that_is_wrong_is_still_refused() -> None:
    """And help is help."""
    assert run("--nonsense").exit_code == 2
    assert "Commands:" in run("--help").stdout
