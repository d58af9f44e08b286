"""``genrebench preprocess``: what it prints, and what it refuses."""

import re
from dataclasses import fields
from pathlib import Path

from genrebench.audio.mel import MelConfig
from tests.cli.commands import SETTINGS, refused, run
from tests.conftest import write_originals


def test_recordings_become_spectrograms_once(tmp_path: Path) -> None:
    """A line with what was written; a second run skips it, and other settings are refused."""
    write_originals(tmp_path, tracks=1)
    done = run("preprocess", "--dataset", tmp_path, "--jobs", 1, *SETTINGS)
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith(": 3 tracks written, 0 already there; 12 segments of 32 x 16 in 3 genres\n")
    again = run("preprocess", "--dataset", tmp_path, "--jobs", 1, *SETTINGS)
    assert "0 tracks written, 3 already there" in again.stdout
    refused(run("preprocess", "--dataset", tmp_path), "hop_length 256 instead of 512")


def test_failures_are_reported_at_the_end_and_the_rest_is_done(tmp_path: Path) -> None:
    """The status is 0, since the job was done; with nothing but failures, status 1."""
    write_originals(tmp_path, tracks=1)
    (tmp_path / "genres_original" / "metal" / "x\n.wav").write_bytes(b"no music")
    result = run("preprocess", "--dataset", tmp_path, "--jobs", 1, *SETTINGS)
    assert result.exit_code == 0
    failed, summary = result.stderr.splitlines()
    assert re.match(r"Failed: .*x\\n\.wav: cannot be decoded", failed)
    assert summary.startswith("1 recordings failed and were left out; ")
    for path in (tmp_path / "genres_original").rglob("*.wav"):
        path.write_bytes(b"no music")
    result = run("preprocess", "--dataset", tmp_path, "--output", tmp_path / "other", "--jobs", 1, *SETTINGS)
    assert result.exit_code == 1
    assert "Error: no recording could be processed" in result.stderr


def test_every_setting_is_an_option_whose_default_is_the_configuration_s() -> None:
    """The help text reads `MelConfig`."""
    text = " ".join(run("preprocess", "--help").stdout.split())
    for field in fields(MelConfig):
        option = "--" + field.name.replace("_", "-")
        assert re.search(rf"{option} \w+ [^-]*\[default: {re.escape(str(getattr(MelConfig, field.name)))}\]", text), (
            option
        )


def test_what_cannot_be_done_is_one_line(tmp_path: Path) -> None:
    """Missing folders and wrong settings are named."""
    (tmp_path / "genres_original").mkdir()
    refused(run("preprocess", "--dataset", tmp_path / "nowhere"), "nowhere/genres_original: expected a folder")
    refused(run("preprocess", "--dataset", tmp_path), "expected genre folders")
    refused(run("preprocess", "--dataset", tmp_path, "--n-mels", 0), "n_mels: expected a positive whole number")
