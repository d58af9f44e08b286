"""The command line: the whole way, and one line for everything that can go wrong."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from genrebench.cli.main import main
from tests.conftest import Recorder, write_originals

SETTINGS = "--sample-rate 8000 --n-fft 512 --hop-length 256 --n-mels 32 --segments 4 --track-duration 2".split()

needs_torch = pytest.mark.usefixtures("torch_installed")


@pytest.fixture
def torch_installed() -> None:
    """Skip where PyTorch is not installed."""
    pytest.importorskip("torch")


def run(*arguments: object) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def refused(result: Result, message: str) -> None:
    """Check that a command failed as it should: status 1, one line, no traceback."""
    assert result.exit_code == 1, result.output
    assert re.search(message, result.stderr), result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.output


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Preprocess and train a small dataset by the commands; tests must not change it."""
    pytest.importorskip("torch")
    root = tmp_path_factory.mktemp("cli")
    write_originals(root / "dataset", tracks=4)
    done = run("preprocess", "--dataset", root / "dataset", "--jobs", 1, *SETTINGS)
    assert done.exit_code == 0, done.output
    assert "12 tracks written, 0 already there; 48 segments of 32 x 16 in 3 genres" in done.stdout
    options = ("--results", root / "results", "--name", "small", "--epochs", 40, "--batch-size", 6, "--device", "cpu")
    done = run("train", "--backend", "torch", "--dataset", root / "dataset", *options)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "3 genres, 48 segments of 32 x 16: 36 train, 12 validate, 0 test (split by track)"
    assert [line[:11] for line in lines[1:41]] == [f"epoch {i:>2}/40" for i in range(1, 41)]
    assert re.match(r"validation: \d+\.\d% of 12 segments, \d+\.\d% of 3 tracks", lines[-1])
    return root


def test_from_recordings_to_printed_genres(trained: Path) -> None:
    """A line a recording with its genre and probability; training recordings are mostly known."""
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


def test_json_and_top_k(trained: Path, record: Recorder) -> None:
    """One JSON array; the probabilities are those of the top genres, in order."""
    path = record("a.mp3")
    result = run("infer", path, "--model", trained / "results" / "small", "--json", "--top-k", 2)
    assert result.exit_code == 0, result.output
    (prediction,) = json.loads(result.stdout)
    assert prediction["path"] == str(path)
    assert prediction["segments"] == 60
    assert prediction["genre"] == next(iter(prediction["probabilities"]))
    assert len(prediction["probabilities"]) == 2
    text = run("infer", path, "--model", trained / "results" / "small", "--top-k", 2).stdout
    assert all(genre in text for genre in prediction["probabilities"])


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


def test_a_second_preprocessing_skips_and_other_settings_are_refused(trained: Path) -> None:
    """Nothing is written twice, and nothing is mixed."""
    again = run("preprocess", "--dataset", trained / "dataset", *SETTINGS)
    assert "0 tracks written, 12 already there" in again.stdout
    refused(run("preprocess", "--dataset", trained / "dataset"), "hop_length 256 instead of 512")


def test_failures_are_reported_at_the_end_and_the_rest_is_done(tmp_path: Path) -> None:
    """Status 0, since the job was done; with nothing but failures, status 1."""
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


@needs_torch
def test_a_tree_of_another_program_trains(tmp_path: Path) -> None:
    """Another shape, other genres, no manifest: it trains; inference then says why it cannot prepare recordings."""
    rng = np.random.default_rng(0)
    for genre in ("samba", "polka"):
        (tmp_path / "tree" / genre).mkdir(parents=True)
        for name in ("a-0", "a-1", "b-0", "b-1"):
            np.savez_compressed(tmp_path / "tree" / genre / f"{name}.npz", spectrogram=rng.normal(size=(34, 20)))
    options = ("--results", tmp_path / "r", "--name", "x", "--epochs", 1, "--device", "cpu")
    result = run("train", "--dataset", tmp_path / "tree", *options)
    assert result.exit_code == 0, result.output
    soundfile.write(tmp_path / "a.wav", rng.normal(size=9000), 8000)
    refused(run("infer", tmp_path / "a.wav", "--model", tmp_path / "r" / "x"), "tree without a manifest")


def test_the_layer_table_is_that_of_keras() -> None:
    """Names, shapes, parameters, totals; of another size if asked, or of a model."""
    result = run("summary")
    assert result.exit_code == 0
    for text in ("conv2d_2 (Conv2D)", "(None, 15, 15, 32)", "460,864", "Total params: 475,594"):
        assert text in result.stdout
    assert "Trainable params: 475,402" in result.stdout
    assert "(None, 96, 34, 1)" in run("summary", "--input-shape", "96x34").stdout
    refused(run("summary", "--input-shape", "8x8"), "expected an input of at least")
    wrong = run("summary", "--input-shape", "128")
    assert wrong.exit_code == 2
    assert "expected n_mels x frames such as 128x130, received '128'" in wrong.stderr


def test_backends_are_listed() -> None:
    """With version and state."""
    result = run("backends")
    assert result.exit_code == 0
    assert "torch" in result.stdout


def test_a_backend_is_checked() -> None:
    """A line a check and a tally; status 1 where the kit finds a fault or cannot run."""
    result = run("check", "numpy")
    assert result.exit_code == 0, result.output
    assert re.search(r"^  logits +passed$", result.stdout, re.MULTILINE)
    assert re.search(r"^16 ran: 16 passed, 0 failed, 1 skipped; ", result.stdout.splitlines()[-1])
    refused(run("check", "numpy", "--expect", "adam=no idea"), "backend numpy does not conform: adam$")
    refused(run("check", "numpy", "--expect", "adam"), "with a reason")
    refused(run("check", "caffe"), "expected one of the installed backends")
    refused(run("check", "numpy", "--python", "/nowhere/python"), "expected a Python interpreter")


def test_a_backend_that_cannot_train_says_why() -> None:
    """One line, before any data is read."""
    refused(run("train", "--backend", "numpy"), "only takes weights that another has trained .*use --backend torch")


@pytest.mark.parametrize(
    "command", ["preprocess", "train", "infer", "summary", "backends", "check", "parity", "bench", "demo"]
)
def test_every_command_has_help_with_an_example(command: str) -> None:
    """Help is there, and its example is a command of that name."""
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"genrebench {command}" in result.stdout.split("Examples:")[1]


def test_what_cannot_be_done_is_one_line(tmp_path: Path, record: Recorder) -> None:
    """Missing datasets, wrong options, models that are none: each names the thing and what to do."""
    (tmp_path / "genres_original").mkdir()
    refused(run("preprocess", "--dataset", tmp_path / "nowhere"), "nowhere/genres_original: expected a folder")
    refused(run("preprocess", "--dataset", tmp_path), "expected genre folders")
    refused(run("preprocess", "--dataset", tmp_path, "--n-mels", 0), "n_mels: expected a positive whole number")
    refused(run("train", "--dataset", tmp_path / "nowhere"), "run genrebench preprocess")
    refused(run("train", "--backend", "caffe"), "expected one of the installed backends.*'caffe'")
    refused(run("train", "--epochs", 0), "the options: training.epochs: .*received 0")
    refused(run("train", "--split", "artist"), "split.protocol: .*'artist'")
    refused(run("train", "--name", "../x"), "name: expected a plain folder name")
    refused(run("train", "--experiment", tmp_path / "no.toml"), r"no\.toml: expected an experiment file")
    (tmp_path / "a.toml").write_text("[training]\nepoch = 3\n")
    refused(run("train", "--experiment", tmp_path / "a.toml"), r"a\.toml: training\.epoch: unknown key; did you mean")
    song = record("a.wav")
    refused(run("infer", song, "--model", tmp_path / "nothing"), r"nothing/model\.json: expected a model")
    refused(run("infer", tmp_path / "genres_original"), "expected recordings .* found none")
    assert run("infer").exit_code == 2
    assert run("dance").exit_code == 2


def test_a_name_that_the_terminal_cannot_show_does_not_end_the_run(tmp_path: Path) -> None:
    """Where output is ASCII, the letters are escaped."""
    (tmp_path / "genres_original" / "曲").mkdir(parents=True)
    (tmp_path / "genres_original" / "曲" / "曲.wav").touch()
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "genrebench", "preprocess", "--dataset", str(tmp_path), "--jobs", "1"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert r"\u66f2.wav: expected a recording, received an empty file" in done.stderr
    assert "Traceback" not in done.stderr


@needs_torch
def test_a_genre_with_one_track_is_named(tmp_path: Path) -> None:
    """Nothing is written, and the message says what to do."""
    write_originals(tmp_path, tracks=2)
    (tmp_path / "genres_original" / "metal" / "metal.00001.wav").unlink()
    assert run("preprocess", "--dataset", tmp_path, "--jobs", 1, *SETTINGS).exit_code == 0
    refused(
        run("train", "--dataset", tmp_path, "--results", tmp_path / "r"), "genre metal: expected more than 1 tracks"
    )
    assert not (tmp_path / "r").exists()


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    """The error itself comes through."""
    result = run("--debug", "preprocess", "--dataset", tmp_path)
    assert type(result.exception).__name__ == "DatasetError"


def test_an_unforeseen_error_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what it was and how to learn more."""
    monkeypatch.setattr("genrebench.backend.registry.list_backends", lambda: 1 / 0)
    refused(run("backends"), r"ZeroDivisionError: division by zero \(unforeseen; genrebench --debug")


@needs_torch
def test_ctrl_c_in_a_real_process_ends_the_run_cleanly(trained: Path, tmp_path: Path) -> None:
    """SIGINT after some epochs: status 130, no traceback, and the model is there."""
    command = [sys.executable, "-m", "genrebench", "train", "--dataset", trained / "dataset", "--results", tmp_path]
    process = subprocess.Popen(
        [*map(str, command), "--name", "x", "--epochs", "100000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch      3/"):
            break
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Interrupted; what was learned so far is kept." in output
    assert "Traceback" not in errors
    assert json.loads((tmp_path / "x" / "model.json").read_text())["status"] == "interrupted"
    assert run("infer", trained / "dataset" / "genres_original" / "disco", "--model", tmp_path / "x").exit_code == 0
