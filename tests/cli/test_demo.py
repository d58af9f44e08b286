"""The demonstration, on a smaller scale."""

from pathlib import Path

import pytest

from genrebench.cli import demo
from genrebench.cli.demo import run_demo
from genrebench.errors import ConfigError
from tests.conftest import SMALL


def test_the_demonstration_goes_the_whole_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says first that the audio is synthetic, names held-out recordings, ends with GTZAN, and can be repeated."""
    pytest.importorskip("torch")
    monkeypatch.setattr(demo, "MEL", SMALL)
    monkeypatch.setattr(demo, "TRACKS_PER_GENRE", 2)
    monkeypatch.setattr(demo, "EPOCHS", 1)
    for _ in range(2):
        run_demo(tmp_path / "demo")
    lines = capsys.readouterr().out.splitlines()
    assert "audio that the program makes itself" in " ".join(lines[:2])
    assert sum("held_out" in line and " %" in line for line in lines) == 2 * 20
    assert any(line.endswith("of 20 right") for line in lines)
    assert lines[-3:] == [
        "  genrebench preprocess --dataset dataset",
        "  genrebench train --backend torch --dataset dataset --name gtzan",
        "  genrebench infer song.mp3 --model results/gtzan",
    ]


def test_the_demonstration_keeps_out_of_other_folders(tmp_path: Path) -> None:
    """A folder with other things in it is refused untouched."""
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ConfigError, match=r"one that holds thesis\.tex; choose another --folder"):
        run_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(ConfigError, match="received a file"):
        run_demo(tmp_path / "thesis.tex")
