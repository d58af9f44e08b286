"""``genrebench port``, and ``genrebench parity --keras``."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.parity.report import load_report
from tests import jobs
from tests.cli.commands import refused, run
from tests.porting.proof.conftest import proved
from tests.reading.files import dense_h5, layer, sequential, write_h5

__all__ = ["proved"]
_MINE = """
import torch


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = torch.nn.Linear(4, 2)

    def forward(self, x):
        return self.dense(x).softmax(1){}
"""


def test_a_file_becomes_a_folder(tmp_path: Path) -> None:
    """In a process of its own, with every file; a second time only with --overwrite; status 0."""
    pytest.importorskip("torch")
    model, folder = dense_h5(tmp_path / "model.h5"), tmp_path / "ported"
    done = run("port", model, "--output", folder, "--no-keras")
    assert done.exit_code == 0, done.output
    assert "gradients" in done.stdout
    assert "network.py agrees with the definitions" in done.stdout
    report = load_report(folder / "parity.json")
    assert report.passed
    assert report.command == "genrebench port model.h5 --no-keras"
    refused(run("port", model, "--output", folder), "expected an empty folder, or none; .* add --overwrite")
    assert run("port", model, "--output", folder, "--overwrite", "--no-proof").exit_code == 0
    assert not (folder / "parity.json").exists()
    source = (folder / "network.py").read_text()
    assert "import genrebench" not in source


def test_what_cannot_be_ported_is_refused_in_a_line(tmp_path: Path) -> None:
    """The status is 1, and nothing is left."""
    config = sequential(layer("Lambda", "scale", function=["4wE=", None, None]), shape=(4,))
    model = write_h5(tmp_path / "model.h5", config, {})
    refused(run("port", model, "--output", tmp_path / "a" / "ported"), "`scale`: a Lambda layer is Python code")
    assert not (tmp_path / "a").exists()
    refused(run("port", tmp_path / "absent.h5", "--output", tmp_path / "b"), "absent.h5: expected a Keras model")
    config = {"model": model, "folder": tmp_path / "model.h5"}
    refused(run("port", config["model"], "--output", config["folder"]), "expected a folder to write to")


@pytest.mark.usefixtures("proved")
def test_a_gate_that_fails_gives_status_1(tmp_path: Path) -> None:
    """The folder is there all the same, with what was found."""
    config = sequential(layer("Rescaling", "nothing", scale=0.0, offset=0.0), shape=(4,))
    done = run("port", write_h5(tmp_path / "model.h5", config, {}), "--output", tmp_path / "ported", "--no-keras")
    assert done.exit_code == 1
    assert "FAILED" in done.stdout
    assert (tmp_path / "ported" / "parity.html").exists()


@pytest.mark.usefixtures("proved")
def test_a_keras_file_is_compared(tmp_path: Path) -> None:
    """The report is that of parity, and can be rendered again."""
    folder = tmp_path / "report"
    model = dense_h5(tmp_path / "model.h5")
    done = run("parity", "--keras", model, "--backend", "torch", "--output", folder)
    assert done.exit_code == 0, done.output
    assert load_report(folder / "parity.json").backends == ("network.py",)
    assert run("parity", "--from", folder / "parity.json").exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--keras", "model.h5", "--model", "x"], "--model: expected no --keras beside it"),
        (["--keras", "model.h5", "--weights", "x"], "--weights: expected only with --against"),
        (["--against", "mine.py:A"], "--against: expected only with --keras"),
        (["--keras", "model.h5", "--against", "mine.py"], "--against: expected FILE.py:CLASS"),
        (["--keras", "model.h5", "--backend", "numpy"], "--backend numpy: expected torch or keras"),
        (["--keras", "model.h5", "--against", "mine.py:A", "--backend", "torch"], "expected no --against beside it"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    options: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a line, before anything runs; the status is 2, since 1 says what was found."""
    dense_h5(tmp_path / "model.h5")
    monkeypatch.chdir(tmp_path)
    refused(run("parity", *options), message, status=2)


@pytest.mark.parametrize("mistake", ["", ".softmax(1)"])
def test_somebodys_port_is_held_against_a_file(mistake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a worker, as one of them is: status 0 if it is right, else 1 with the first layer that differs and why."""
    torch = pytest.importorskip("torch")
    if mistake:
        monkeypatch.setattr("genrebench.porting.against.run.run_job", jobs.run_here)
    model = dense_h5(tmp_path / "model.h5")
    state: dict[str, Any] = {}
    from genrebench.reading.keras_file import read_keras

    for name, value in read_keras(model).weights.items():
        end = "weight" if name == "dense/kernel" else "bias"
        state[f"dense.{end}"] = torch.from_numpy(np.ascontiguousarray(value.T))
    torch.save(state, tmp_path / "mine.pt")
    (tmp_path / "mine.py").write_text(_MINE.format(mistake))
    (tmp_path / "mapping.json").write_text(json.dumps({"dense": "dense"}))
    port = ("--against", f"{tmp_path / 'mine.py'}:Network", "--weights", tmp_path / "mine.pt")
    more = ("--mapping", tmp_path / "mapping.json", "--output", tmp_path / "report")
    done = run("parity", "--keras", model, *port, *more)
    assert done.exit_code == int(bool(mistake)), done.output
    if mistake:
        assert "mine.py:Network is off, first at dense" in done.stdout.replace("\n", " ")
        assert "softmax twice" in done.stdout.replace("\n", " ")
    else:
        assert "computes what the Keras model does" in done.stdout.replace("\n", " ")
