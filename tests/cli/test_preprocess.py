"""``genrebench preprocess``: what it prints, and what it refuses."""

import json
import re
from dataclasses import fields
from pathlib import Path

from genrebench.audio.mel import MelConfig
from genrebench.data.manifest import manifest_path
from tests.cli.commands import SETTINGS, refused, run
from tests.conftest import write_originals


def test_recordings_become_spectrograms_once(tmp_path: Path) -> None:
    """A line with what was written; a second run skips it, and other settings are refused."""
    write_originals(tmp_path, tracks=1)
    done = run("preprocess", "--dataset", tmp_path, "--jobs", 1, *SETTINGS)
    assert done.exit_code == 0, done.output
    first, last = done.stdout.splitlines()
    assert first == f"{tmp_path / 'genres_original'}: 3 recordings (3 wav) in 3 genres"
    assert last.endswith(": 3 tracks written, 0 already there; 12 segments of 32 x 16 in 3 genres")
    again = run("preprocess", "--dataset", tmp_path, "--jobs", 1, *SETTINGS)
    assert "0 tracks written, 3 already there" in again.stdout
    refused(run("preprocess", "--dataset", tmp_path), "hop_length 256 instead of 512")


def test_failures_are_reported_at_the_end_and_the_rest_is_done(tmp_path: Path) -> None:
    """The status is 1, as that of ``infer``, also with nothing but failures."""
    write_originals(tmp_path, tracks=1)
    (tmp_path / "genres_original" / "metal" / "x\n.wav").write_bytes(b"no music")
    result = run("preprocess", "--dataset", tmp_path, "--jobs", 1, *SETTINGS)
    assert result.exit_code == 1
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
    refused(
        run("preprocess", "--dataset", tmp_path / "nowhere"),
        "nowhere: expected a folder of genre folders, found no such folder",
    )
    refused(run("preprocess", "--dataset", tmp_path), "expected genre folders")
    refused(run("preprocess", "--dataset", tmp_path, "--n-mels", 0), "n_mels: expected a positive whole number")


def test_spectrograms_that_the_network_cannot_take_are_warned_of_at_once(tmp_path: Path) -> None:
    """Not only by ``train``."""
    write_originals(tmp_path, tracks=1)
    few = [str(8) if before == "--n-mels" else word for before, word in zip(["", *SETTINGS], SETTINGS, strict=False)]
    result = run("preprocess", "--dataset", tmp_path, "--jobs", 1, *few)
    assert result.exit_code == 0
    assert result.stderr.startswith("Note: genrebench train's own network cannot take these spectrograms (")


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    """Other files, loose recordings, tracks without a recording; and that --prune has removed them."""
    write_originals(tmp_path, tracks=2)
    originals = tmp_path / "genres_original"
    (originals / "loose.mp3").touch()
    (originals / "metal" / "cover.jpg").touch()
    run("preprocess", "--dataset", tmp_path, "--jobs", 1, *SETTINGS)
    (originals / "metal" / "metal.00001.wav").unlink()
    result = run("preprocess", "--dataset", tmp_path, "--jobs", 1, *SETTINGS)
    assert result.exit_code == 0
    files, loose, gone = result.stderr.splitlines()
    assert files == "Note: 1 files in the genre folders are no recordings: 1 .jpg"
    assert loose.startswith("Note: 1 recordings beside the genre folders were left out, such as loose.mp3")
    assert gone.startswith("Note: 1 tracks in the tree have no recording any more, such as metal/metal.00001; ")
    result = run("preprocess", "--dataset", tmp_path, "--jobs", 1, "--prune", *SETTINGS)
    assert result.stderr.splitlines()[-1] == "Note: 1 tracks without a recording were removed"


def test_verify_reads_what_looks_unchanged(tmp_path: Path) -> None:
    """Of tracks whose content is not known, so that they are made again."""
    write_originals(tmp_path, tracks=1)
    command = ("preprocess", "--dataset", tmp_path, "--jobs", 1, *SETTINGS)
    run(*command)
    manifest = manifest_path(tmp_path / "genres_mel_npz")
    document = json.loads(manifest.read_text())
    for track in document["tracks"].values():
        track["content"] = ""
    manifest.write_text(json.dumps(document))
    assert "0 tracks written, 3 already there" in run(*command).stdout
    assert "3 tracks written, 0 already there" in run(*command, "--verify").stdout


def test_quiet_leaves_results_and_errors(tmp_path: Path) -> None:
    """No notes; what was written, and what failed, is said."""
    write_originals(tmp_path, tracks=1)
    (tmp_path / "genres_original" / "disco" / "text.txt").write_text("no music")
    (tmp_path / "genres_original" / "disco" / "bad.wav").write_bytes(b"no music")
    command = ("preprocess", "--dataset", tmp_path, "--jobs", 1, *SETTINGS)
    loud = run(*command, "--output", tmp_path / "a")
    assert "Note: " in loud.stderr
    quiet = run("--quiet", *command, "--output", tmp_path / "b")
    assert quiet.exit_code == loud.exit_code == 1
    assert "Note: " not in quiet.stderr
    assert "Failed: " in quiet.stderr
    assert "tracks written" in quiet.stdout
