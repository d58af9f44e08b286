"""``genrebench train``: its lines, its options, and how a run ends."""

import hashlib
import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from genrebench.network.genre_cnn import genre_cnn
from genrebench.system.files import write_json
from tests.cli.commands import SETTINGS, in_terminal, refused, run
from tests.conftest import write_originals

# Where the shell that started the tests has Ctrl-C ignored, a child would ignore it, too.
INTERRUPTIBLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from genrebench.cli.main import main
main(sys.argv[1:])
"""


@pytest.fixture
def torch_installed() -> None:
    """Skip where PyTorch is not installed."""
    pytest.importorskip("torch")


needs_torch = pytest.mark.usefixtures("torch_installed")


def test_a_run_prints_what_it_trains_on_each_epoch_and_its_scores(trained: Path) -> None:
    """A line per epoch, of at most 80 columns."""
    lines = (trained / "train.out").read_text().splitlines()
    assert lines[0] == "3 genres, 48 segments of 32 x 16: 24 train, 12 validate, 12 test (split by track)"
    assert [line[:11] for line in lines[1:41]] == [f"epoch {i:>2}/40" for i in range(1, 41)]
    assert all(len(line) <= 80 for line in lines[1:41])
    scores = lines[42:]
    assert re.match(r"validation: \d+\.\d % of 12 segments, \d+\.\d % of 3 tracks", scores[0])
    assert re.match(r"test: \d+\.\d % of 12 segments, \d+\.\d % of 3 tracks", scores[1])
    parts = json.loads((trained / "results" / "small" / "model.json").read_text())["metrics"]
    wrong = sum(
        answer[0] != track.split("/")[0] for each in parts.values() for track, answer in each["predictions"].items()
    )
    named = [line for line in scores[2:-1] if line.startswith("  ")]
    assert len(named) == min(3, wrong)
    assert all(re.fullmatch(r"  \w+/\S+ \((validation|test)\) taken for \w+, \d+\.\d %", line) for line in named)
    assert scores[-1] == f"Curves, confusions and spectrograms: {trained / 'results' / 'small' / 'report.html'}"


def test_a_run_on_few_data_says_what_its_validation_is_worth(trained: Path) -> None:
    """Once: 40 epochs of five steps (three crops of six tracks) are fewer than batch normalization takes."""
    assert (trained / "train.err").read_text() == (
        "Note: validation may stand near chance for the first 299 steps, which batch normalization's running "
        "statistics take to settle, and this run has 200 in all; use more --epochs or a smaller --batch-size\n"
    )


def test_defaults_in_the_help_are_the_experiment_s() -> None:
    """The words before them, too: a split by segment is leaky."""
    text = " ".join(run("train", "--help").stdout.split())
    for words in ("[default: 300]", "[default: 0.001]", "[default: 64]", "[default: torch]", "[default: results]"):
        assert words in text
    assert "track, artist, lists, or segment (leaky: inflates accuracy). [default: track]" in text
    assert "Defaults are 300 epochs, Adam with a learning rate of 0.001, batches of 64, split by track." in text
    assert "options override the file" in text


def test_wrong_options_name_the_right_ones(tmp_path: Path) -> None:
    """One line, before any data are read."""
    refused(run("train", "--dataset", tmp_path / "nowhere", "--results", tmp_path), "run genrebench preprocess")
    refused(run("train", "--backend", "caffe"), "expected one of the installed backends.*torch.*'caffe'")
    refused(run("train", "--backend", "numpy"), "only takes weights that another has trained .*use --backend torch")
    refused(run("train", "--epochs", 0), "the options: training.epochs: .*received 0")
    refused(run("train", "--split", "song"), "split.protocol: .*'lists' or 'segment', received 'song'")
    refused(run("train", "--split", "artist"), "split: expected artists, a table")
    refused(run("train", "--precision", "half"), "training.precision: .*'float32' or 'bfloat16', received 'half'")
    refused(run("train", "--name", "../x"), "name: expected a plain folder name")
    refused(run("train", "--experiment", tmp_path / "no.toml"), r"no\.toml: expected an experiment file")
    (tmp_path / "a.toml").write_text("[training]\nepoch = 3\n")
    refused(run("train", "--experiment", tmp_path / "a.toml"), r"a\.toml: training\.epoch: unknown key; did you mean")


@needs_torch
def test_a_wrong_device_names_the_right_ones(tmp_path: Path) -> None:
    """Before any data are read."""
    refused(run("train", "--device", "gpu", "--results", tmp_path), "expected a device of auto, cpu, .*received gpu")


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


@needs_torch
def test_an_architecture_of_one_s_own_is_trained_if_it_fits(trained: Path, tmp_path: Path) -> None:
    """The file is named on the command line; one of another size is refused."""
    write_json(tmp_path / "fits.json", genre_cnn((32, 16), 3).without_dropout().to_json())
    write_json(tmp_path / "large.json", genre_cnn().to_json())
    options = ("--dataset", trained / "dataset", "--results", tmp_path, "--name", "x", "--epochs", 1)
    refused(
        run("train", *options, "--architecture", tmp_path / "large.json"),
        r"large\.json: expected a network for inputs of 32 x 16 x 1 and 3 genres, .* one for 128 x 130 x 1 and 10",
    )
    done = run("train", *options, "--architecture", tmp_path / "fits.json")
    assert done.exit_code == 0, done.output
    layers = json.loads((tmp_path / "x" / "model.json").read_text())["architecture"]["layers"]
    assert [layer["rate"] for layer in layers if layer["kind"] == "Dropout"] == [0.0]


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


@needs_torch
def test_a_run_in_a_real_process_keeps_its_name_and_ends_cleanly(trained: Path, tmp_path: Path) -> None:
    """While it runs, another is refused its name at once; SIGINT ends it: status 130, no traceback, a whole model."""
    command = [sys.executable, "-c", INTERRUPTIBLE, "train", "--dataset", trained / "dataset", "--results", tmp_path]
    process = subprocess.Popen(
        [*map(str, command), "--name", "x", "--epochs", "100000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch      3/"):
            break
    options = ("--dataset", trained / "dataset", "--results", tmp_path, "--name", "x", "--overwrite")
    refused(run("train", *options), "x: another genrebench train writes it now; wait for its end, or choose another")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert f"kept.\nGo on with: genrebench train --name x --results {tmp_path} --resume\n" in output
    assert "Traceback" not in errors
    assert json.loads((tmp_path / "x" / "model.json").read_text())["status"] == "interrupted"
    assert run("infer", trained / "dataset" / "genres_original" / "disco", "--model", tmp_path / "x").exit_code == 0


@needs_torch
def test_a_run_goes_on_by_its_name_alone(trained: Path, tmp_path: Path) -> None:
    """Its lines go on where it stopped; a name of which there is no run is refused in a line."""
    options = ("--results", tmp_path, "--name", "small", "--resume")
    refused(run("train", *options), r"small: expected a run to go on with, found none; leave out --resume$")
    refused(run("train", "--resume"), "--resume: expected the --name of the run to go on with, received none")
    shutil.copytree(trained / "results" / "small", tmp_path / "small")
    refused(
        run("train", *options, "--seed", 1, "--epochs", 41),
        r"settings that it began with; seed: expected 0, received 1",
    )
    done = run("train", *options, "--epochs", 41)
    assert done.exit_code == 0, done.output
    assert "Note: goes on after epoch 40\n" in done.stderr
    lines = done.stdout.splitlines()
    assert [line[:11] for line in lines if line.startswith("epoch")] == ["epoch 41/41"]
    assert json.loads((tmp_path / "small" / "model.json").read_text())["epochs_done"] == 41
    again = run("train", *options)
    assert again.exit_code == 0, again.output
    assert again.stdout.splitlines()[1:] == lines[2:]


@needs_torch
def test_in_a_terminal_no_line_is_torn_by_the_bar(trained: Path, tmp_path: Path) -> None:
    """Each line begins where one begins, the note on standard error, too."""
    options = ("--results", tmp_path, "--name", "x", "--epochs", 3, "--split", "segment", "--device", "cpu")
    status, output = in_terminal("train", "--dataset", trained / "dataset", *options)
    assert status == 0, output
    for words in (
        "3 genres, ",
        "Note: [0-9]+ tracks",
        "epoch 1/3  train",
        "Note: validation",
        "epoch 3/3  train",
        "validation: ",
    ):
        assert re.search(rf"(^|\x1b\[2K|\n){words}", output), (words, output)


@needs_torch
def test_quiet_training_prints_what_came_of_it(trained: Path, tmp_path: Path) -> None:
    """No line per epoch, no note; weights, scores and the report."""
    options = ("--dataset", trained / "dataset", "--results", tmp_path, "--name", "x", "--epochs", 1, "--device", "cpu")
    done = run("--quiet", "train", *options)
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    assert done.stdout.startswith(f"{tmp_path / 'x'}: weights of epoch 1")
    sha256 = hashlib.sha256((tmp_path / "x" / "weights.safetensors").read_bytes()).hexdigest()
    assert f"(SHA-256 {sha256[:12]})" in done.stdout
    assert sha256 in (tmp_path / "x" / "report.html").read_text(encoding="utf-8")
    (listed,) = json.loads(run("runs", "--results", tmp_path, "--json").stdout)
    assert listed["weights_sha256"] == sha256
