"""``genrebench parity`` as typed: status, files, and one line for everything that cannot be run."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from genrebench.audio.standardize import Standardizer
from genrebench.cli.main import main
from genrebench.model.model import Model
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.layers import Dense, Flatten, MaxPooling2D
from genrebench.network.sampling import random_weights
from genrebench.parity.report import Report, load_report, save_report
from genrebench.parity.request import ParityRequest
from tests.witness import Witness

FILES = ["parity.html", "parity.json", "parity.md"]
GENRES = ("blues", "jazz", "rock")
NETWORK = genre_cnn((17, 20), len(GENRES))


def run(*arguments: object) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, ["parity", *map(str, arguments)])


def save_tree(folder: Path, shape: tuple[int, int] = (17, 20)) -> Path:
    """Write a spectrogram tree of another program's."""
    rng = np.random.default_rng(0)
    for genre in GENRES:
        (folder / genre).mkdir(parents=True)
        for segment in range(4):
            spectrogram = rng.normal(-40, 15, shape).astype(np.float32)
            np.savez_compressed(folder / genre / f"{genre}.00000-{segment}.npz", spectrogram=spectrogram)
    return folder


def save_model(folder: Path) -> Path:
    """Save a model with weights none of which is trivial."""
    weights = {name: value.astype(np.float32) for name, value in random_weights(NETWORK, 0).items()}
    Model(
        architecture=NETWORK,
        weights=weights,
        mel=None,
        standardizer=Standardizer(-40.0, 15.0),
        genres=GENRES,
        document={"created": "2026-01-01", "weights": {"epoch": 1}},
    ).save(folder)
    return folder


def test_a_model_on_a_tree_and_rendered_again(tmp_path: Path) -> None:
    """The status is 0, there are all stages and three files; ``--from`` writes the same elsewhere and runs nothing."""
    pytest.importorskip("torch")
    model, tree, output = save_model(tmp_path / "model"), save_tree(tmp_path / "tree"), tmp_path / "out"
    done = run("--backend", "torch", "--model", model, "--data", tree, "--steps", 3, "--output", output)
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in output.iterdir()) == FILES
    assert "torch builds the same network as numpy: all 10 gates hold." in done.stdout
    lines = done.stdout.splitlines()
    for stage in ("structure", "weights", "evaluation", "training", "loss", "gradients", "adam", "steps", "fast-path",
                  "trained"):  # fmt: skip
        assert any(re.match(rf"{stage} +passed +torch ", line) for line in lines), stage
    report = load_report(output / "parity.json")
    trained = report.stage("trained")
    assert trained is not None
    assert trained.comparisons[0].rows[0].shape == (12, 3)
    assert "12 of 12 equal" in [row.note for row in trained.comparisons[0].rows]
    assert report.stage("steps").comparisons[0].rows[2].label == "loss of step 3"
    assert report.command.endswith("--steps 3")
    assert "--output" not in report.command
    assert set(report.workers["torch"]["threads"].values()) == {"1"}
    again = run("--from", output / "parity.json", "--output", tmp_path / "again")
    assert again.exit_code == 0, again.output
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (output / name).read_bytes()
    assert report.verdict in again.stdout


def test_an_architecture_from_a_file_and_another_reference(tmp_path: Path) -> None:
    """A file of the architecture alone, or a model's description; any backend can be the reference."""
    pytest.importorskip("torch")
    path = tmp_path / "own.json"
    for document in (NETWORK.to_json(), {"architecture": NETWORK.to_json(), "genres": GENRES}):
        path.write_text(json.dumps(document))
        which = ("--backend", "numpy", "--reference", "torch", "--architecture", path, "--steps", 2)
        done = run(*which, "--output", tmp_path / "out")
        assert done.exit_code == 0, done.output
        assert "numpy builds the same network as torch: all 9 gates hold." in done.stdout
    assert load_report(tmp_path / "out" / "parity.json").architecture == NETWORK.to_json()


def test_a_report_that_fails_has_status_1_again(failing: Report, tmp_path: Path) -> None:
    """``--from`` gives the status of the run, and renders beside the source by default."""
    save_report(tmp_path / "parity.json", failing)
    before = (tmp_path / "parity.json").read_bytes()
    done = run("--from", tmp_path / "parity.json")
    assert done.exit_code == 1
    assert failing.verdict in " ".join(done.stdout.split())
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    assert (tmp_path / "parity.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--backend numpy", "expected a backend to compare with numpy, received only itself"),
        ("--backend caffe", "expected a backend of .*torch.*, received 'caffe'; see genrebench backends"),
        ("--reference caffe", "received 'caffe'"),
        ("--model nothing", r"nothing/model\.json: expected a model"),
        ("--model {model} --input-shape 17x20", "expected one of --model, --input-shape, received several"),
        ("--architecture nothing.json", r"nothing\.json: expected an architecture, cannot be read"),
        ("--architecture {folder}/text.json", r"text\.json: expected the JSON of an architecture"),
        ("--architecture {folder}/list.json", r"list\.json: "),
        ("--data nowhere", "nowhere: expected"),
        ("--model {model} --data {other}", r"expected spectrograms of \(17, 20, 1\), the network's input, received"),
        ("--input-shape 3x3", "expected"),
        ("--python torch=/no/python --backend torch --input-shape 17x20", "/no/python: expected a Python interpreter"),
        ("--python caffe=python3", "--python caffe: expected one of the backends compared, torch, keras, numpy"),
        ("--output {folder}/list.json", r"list\.json: expected a folder to write to, received list.json, a file"),
        ("--output {folder}/list.json/x", r"/x: expected a folder to write to, received list.json, a file"),
        ("--architecture {folder}/pool.json", r"expected a network with weights .*received 0 weights and 12 logit"),
        ("--architecture {folder}/one.json", r"at least two logits, .*received 2 weights and 1 logit"),
        ("--from nothing.json", r"nothing\.json: expected a parity report, cannot be read"),
        ("--from nothing.json --steps 3", r"--from renders a report and runs nothing; expected no --steps beside it"),
        ("--from {folder}/list.json", "received None; run parity again"),
    ],
)
def test_what_cannot_be_run_has_status_2(
    arguments: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line that names the thing, and nothing is written."""
    model, other = save_model(tmp_path / "model"), save_tree(tmp_path / "other", (8, 9))
    (tmp_path / "text.json").write_text("network")
    (tmp_path / "list.json").write_text("[]")
    for name, layers in (("pool", (MaxPooling2D((2, 2), (2, 2)), Flatten())), ("one", (Flatten(), Dense(1)))):
        network = Architecture((6, 8, 1), layers)
        (tmp_path / f"{name}.json").write_text(json.dumps(network.to_json()))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    done = run(*arguments.format(model=model, folder=tmp_path, other=other).split())
    assert done.exit_code == 2, done.output
    assert re.search(message, done.stderr), done.stderr
    assert done.stderr.count("\n") == 1
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize("arguments", [("--python", "torch"), ("--steps", 0), ("--batch-size", 1), ("--seed", -1)])
def test_an_option_that_makes_no_sense_is_refused(arguments: tuple[object, ...]) -> None:
    """With what was expected, and status 2."""
    done = run(*arguments)
    assert done.exit_code == 2
    assert "Error: Invalid value for" in done.stderr


def test_ctrl_c_ends_the_workers_and_writes_nothing(tmp_path: Path) -> None:
    """SIGINT while the backends compute: status 130, one line, no process left, no file."""
    witness, temporary = Witness(tmp_path / "pipe"), tmp_path / "tmp"
    temporary.mkdir()
    # An interpreter that keeps the pipe open, never answers, and ends with its parent as workers do.
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexec 3> {witness.path}\necho here >&3\nexec cat\n")
    python.chmod(0o755)
    options = ["--backend", "torch", "--python", f"torch={python}", "--output", str(tmp_path / "out")]
    with subprocess.Popen(
        [sys.executable, "-m", "genrebench", "parity", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    ) as process:
        assert witness.line() == "here"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    witness.wait_until_gone()
    witness.close()
    assert process.returncode == 130, errors
    assert errors == "Interrupted.\n"
    assert not (tmp_path / "out").exists()
    assert list(temporary.iterdir()) == []


def test_a_reader_that_leaves_changes_nothing(failing: Report, tmp_path: Path) -> None:
    """Behind ``| head -1`` the files are written all the same, the status is the report's, nobody complains."""
    save_report(tmp_path / "parity.json", failing)
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "genrebench", "parity", "--from", str(tmp_path / "parity.json")]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    os.close(writing)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES


def test_what_git_tracks_is_not_overwritten(passing: Report, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without ``--output`` the report goes to a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("genrebench.parity.run.run_parity", lambda request, progress: passing)
    assert run("--input-shape", "31x40", "--backend", "torch").exit_code == 0
    assert sorted(str(path) for path in Path().rglob("*.*")) == [f"parity-report/{name}" for name in FILES]


def test_the_command_is_recorded_as_it_was_typed(
    passing: Report, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without what says where: interpreters and the folder of the report."""
    asked: list[ParityRequest] = []

    def note(request: ParityRequest, progress: object) -> Report:
        """Keep what is asked for."""
        asked.append(request)
        return passing

    monkeypatch.setattr("genrebench.parity.run.run_parity", note)
    run("--backend", "b a", "--backend", "c", "--input-shape", "31x40", "--python", "c=/x", "--output", tmp_path / "o")
    run("--output", tmp_path / "o")
    assert [each.command for each in asked] == [
        "genrebench parity --backend 'b a' --backend c --input-shape 31x40",
        "genrebench parity",
    ]
    assert asked[1] == ParityRequest(command="genrebench parity")
