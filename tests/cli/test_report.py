"""``genrebench report``: a run's page, made again."""

from pathlib import Path

import pytest

import genrebench
from tests.cli.commands import refused, run
from tests.training.made import run_in


def test_a_report_is_made_again_by_name_or_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are named."""
    run_in(tmp_path / "results" / "mine")
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "results/mine"):
        done = run("report", name)
        assert done.exit_code == 0, done.output
        assert done.stdout.splitlines()[:2] == ["results/mine/curves.png", "results/mine/report.html"]
    assert "<h1>Run mine</h1>" in (tmp_path / "results/mine/report.html").read_text()
    refused(run("report", "builtin"), "builtin: comes with genrebench, expected a run of your own")
    assert not (Path(genrebench.__file__).parent / "model" / "builtin" / "report.html").exists()
    refused(run("report", "nothing"), "nothing/model.json: expected a model that genrebench train saved")
