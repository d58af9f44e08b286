"""``genrebench infer``: lines, JSON, and recordings that cannot be read."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from genrebench.cli.infer import column_width
from tests.cli.commands import in_terminal, refused, run
from tests.conftest import Recorder

RECORDED_RUN = Path(__file__).parents[2] / "results" / "gtzan_mini"


def test_from_recordings_to_printed_genres(trained: Path) -> None:
    """A line per recording with its genre and probability; training recordings are mostly known."""
    result = run("infer", trained / "dataset" / "genres_original", "--model", trained / "results" / "small")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == 12
    right = 0
    for line in lines:
        match = re.fullmatch(r"\S+/(\w+)/\w+\.\d+\.wav +(\w+) (\d+\.\d) %", line)
        assert match, line
        assert 33 <= float(match[3]) <= 100
        right += match[1] == match[2]
    assert right >= 9


def test_json_has_all_genres_unless_fewer_are_asked_for(trained: Path, record: Recorder) -> None:
    """One JSON array; the probabilities are those of the top genres, in order."""
    path, model = record("a.mp3"), trained / "results" / "small"
    (everything,) = json.loads(run("infer", path, "--model", model, "--json").stdout)
    assert everything["path"] == str(path)
    assert everything["segments"] == 60
    assert list(everything) == ["path", "genre", "probability", "probabilities", "segments"]
    assert sum(everything["probabilities"].values()) == pytest.approx(1)
    assert len(everything["probabilities"]) == 3
    (two,) = json.loads(run("infer", path, "--model", model, "--json", "--top-k", 2).stdout)
    assert list(two["probabilities"].items()) == list(everything["probabilities"].items())[:2]
    assert two["genre"] == next(iter(two["probabilities"]))
    text = run("infer", path, "--model", model, "--top-k", 2).stdout
    assert re.findall(r"(\w+) \d+\.\d %", text) == list(two["probabilities"])
    assert len(re.findall("%", run("infer", path, "--model", model).stdout)) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test_json_is_valid_in_any_encoding(encoding: str, trained: Path, record: Recorder) -> None:
    """A letter that the terminal lacks is spelled in ASCII."""
    path = record("Ólafur Žižek.wav")
    words = [
        sys.executable,
        "-m",
        "genrebench",
        "infer",
        str(path),
        "--model",
        str(trained / "results" / "small"),
        "--json",
    ]
    done = subprocess.run(words, capture_output=True, check=True, env=os.environ | {"PYTHONIOENCODING": encoding})
    (document,) = json.loads(done.stdout.decode(encoding))
    assert document["path"] == str(path)


def test_without_a_model_the_newest_is_taken_and_named(
    trained: Path, record: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On standard error, so that a pipe gets results only."""
    monkeypatch.chdir(trained)
    result = run("infer", record("a.wav"))
    assert result.exit_code == 0, result.output
    assert result.stderr == "model: results/small (the newest in results/)\n"


def test_one_bad_file_does_not_spoil_the_others(trained: Path, record: Recorder) -> None:
    """The good one is printed, the bad one is named, the status is 1."""
    bad = record("good.wav").with_name("bad.wav")
    bad.write_bytes(b"nothing")
    result = run("infer", bad, bad.with_name("good.wav"), "--model", trained / "results" / "small")
    refused(result, r"bad\.wav: cannot be decoded")
    assert result.stdout.count("\n") == 1
    assert "good.wav" in result.stdout


def test_an_error_does_not_tear_the_bar(record: Recorder) -> None:
    """In a terminal its line begins where a line begins, though the bar was there."""
    bad = record("good.wav").with_name("bad.wav")
    bad.write_bytes(b"nothing")
    good = bad.with_name("good.wav")
    status, output = in_terminal("infer", good, bad, good, "--model", RECORDED_RUN, "--backend", "numpy")
    assert status == 1, output
    assert "classifying" in output
    assert re.search(r"\x1b\[2KError: ", output), output


def test_wrong_options_name_the_right_ones(tmp_path: Path, record: Recorder) -> None:
    """Models, recordings, backends and devices that are not there."""
    song = record("a.wav")
    refused(run("infer", song, "--model", tmp_path / "nothing"), r"nothing/model\.json: expected a model")
    (tmp_path / "empty").mkdir()
    refused(run("infer", tmp_path / "empty"), "expected recordings .* found none")
    refused(run("infer", song, "--model", RECORDED_RUN, "--backend", "caffe"), "installed backends.*torch.*'caffe'")
    gpu = run("infer", song, "--model", RECORDED_RUN, "--backend", "numpy", "--device", "gpu")
    refused(gpu, "cpu.*received 'gpu'")
    assert run("infer", song, "--model", RECORDED_RUN, "--backend", "numpy", "--device", "CPU").exit_code == 0
    assert run("infer").exit_code == 2


@pytest.mark.parametrize(
    ("lengths", "width"), [([], 0), ([7], 7), ([10, 12, 11], 12), ([10, 12, 200], 12), ([200, 190, 205], 205)]
)
def test_one_long_name_does_not_pad_every_line(lengths: list[int], width: int) -> None:
    """Where names have about one length they are aligned; one far longer than most stands out of the column."""
    assert column_width(lengths) == width
