"""The commands on a cluster: the same output as on one machine, and one line if there is none."""

import json
from pathlib import Path

import pytest

from genrebench.system.cluster import choice
from tests.cli.commands import SETTINGS, refused, run
from tests.conftest import write_originals


def test_preprocess_says_what_it_says_on_one_machine(tmp_path: Path, cluster: Path) -> None:
    """The same status and lines; the cluster is named beside them."""
    write_originals(tmp_path / "dataset", tracks=1)
    command = ("preprocess", "--dataset", tmp_path / "dataset", "--output", tmp_path / "mel", *SETTINGS)
    there = run(*command, "--cluster", cluster)
    assert there.exit_code == 0, there.output
    assert "3 tracks written, 0 already there" in there.stdout.replace("\n", " ")
    assert "Note: cluster tcp://127.0.0.1:" in there.stderr
    here = run(*command)
    assert "0 tracks written, 3 already there" in here.stdout.replace("\n", " ")


def test_doctor_finds_what_it_finds_on_one_machine(tmp_path: Path, cluster: Path) -> None:
    """To the last digit of its JSON."""
    write_originals(tmp_path / "dataset", tracks=1)
    (tmp_path / "dataset" / "genres_original" / "disco" / "damaged.wav").write_bytes(b"RIFF no sound")
    there = run("doctor", tmp_path / "dataset", "--json", "--cluster", cluster)
    here = run("doctor", tmp_path / "dataset", "--json", "--jobs", 1)
    assert there.exit_code == here.exit_code == 1
    assert json.loads(there.stdout) == json.loads(here.stdout)


@pytest.mark.parametrize("output", ["rows.jsonl", "rows.csv"])
def test_infer_writes_what_it_writes_on_one_machine(trained: Path, tmp_path: Path, cluster: Path, output: str) -> None:
    """The same rows in the same order, a failure among them."""
    write_originals(tmp_path / "dataset", tracks=1)
    (tmp_path / "dataset" / "genres_original" / "disco" / "damaged.wav").write_bytes(b"RIFF no sound")
    command = ("infer", tmp_path / "dataset", "--model", trained / "results" / "small", "--device", "cpu", "--output")
    written = []
    for place, options in (("there", ("--cluster", cluster)), ("here", ())):
        (tmp_path / place).mkdir()
        done = run(*command, tmp_path / place / output, *options)
        assert done.exit_code == 1, done.output
        assert "3 recordings classified" in done.stdout
        written.append((tmp_path / place / output).read_text())
    assert written[0] == written[1]


def test_a_cluster_that_is_not_there_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the status of an error; so is a number of jobs beside it."""
    monkeypatch.setattr(choice, "_CONNECT_SECONDS", 0.3)
    write_originals(tmp_path / "dataset", tracks=1)
    command = ("preprocess", "--dataset", tmp_path / "dataset", "--cluster", "tcp://127.0.0.1:9", *SETTINGS)
    refused(run(*command), "tcp://127.0.0.1:9: the scheduler cannot be reached")
    refused(run(*command, "--jobs", 2), "jobs or a cluster, received both")
    assert not (tmp_path / "dataset" / "genres_mel_npz").exists()
