"""The folder of a port: all of it, or nothing."""

import dataclasses
import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import genrebench as gb
from genrebench.errors import ConfigError, ModelError
from genrebench.parity.report import load_report
from genrebench.porting import port as module
from genrebench.porting.port import FILES, PortableModel, Ported, port, prove_file
from genrebench.porting.proof.options import ProofOptions
from genrebench.reading.keras_file import KerasModel
from genrebench.reading.problems import Problem
from tests.porting.models import layer, model_of, sequential
from tests.porting.proof.conftest import proved
from tests.reading.files import dense_h5

__all__ = ["proved"]
_REPORTS = {"parity.json", "parity.md", "parity.html"}


def dense() -> KerasModel:
    """Make a small model."""
    return model_of(sequential(layer("Dense", "dense", units=2, activation="relu"), shape=(3,)))


def names(folder: Path) -> set[str]:
    """List what lies in a folder, and beside it."""
    return {path.name for path in folder.iterdir()}


@pytest.mark.usefixtures("proved")
def test_a_port_has_everything(tmp_path: Path) -> None:
    """Source, weights, architecture, report in three forms, and a README that says what was proved."""
    options = ProofOptions(command="genrebench port model.h5")
    done = port(dense(), tmp_path / "a" / "ported", options, keras=False)
    assert isinstance(done, Ported)
    assert done.passed
    assert names(done.folder) == set(FILES)
    assert names(tmp_path / "a") == {"ported"}
    text = (done.folder / "README.md").read_text()
    assert 'network = load("weights.safetensors")' in text
    assert "network.py agrees with the definitions: all 7 gates hold." in text
    assert "genrebench parity --keras model.h5" in text
    architecture = json.loads((done.folder / "architecture.json").read_text())
    assert [each["name"] for each in architecture["layers"]] == ["dense_input", "dense"]
    assert architecture["file"] == "model.h5"
    report = load_report(done.folder / "parity.json")
    assert report == done.report
    assert report.command == "genrebench port model.h5"


def test_without_a_proof_the_readme_says_so(tmp_path: Path) -> None:
    """And there is no report."""
    done = port(dense(), tmp_path / "ported", proof=False)
    assert done.passed
    assert names(done.folder) == set(FILES) - _REPORTS
    assert "There is none: it was asked for without one (--no-proof)" in (done.folder / "README.md").read_text()


def test_a_network_of_float64_keeps_its_bits(tmp_path: Path) -> None:
    """Its weights are not rounded when they are loaded, and the README says what it takes."""
    pytest.importorskip("torch")
    model = dense()
    weights = {name: np.random.default_rng(0).normal(size=value.shape) for name, value in model.weights.items()}
    done = port(dataclasses.replace(model, weights=weights), tmp_path / "ported", proof=False)
    network = runpy.run_path(str(done.folder / "network.py"))["load"](done.folder / "weights.safetensors")
    assert np.array_equal(network.dense.weight.detach().numpy().T, weights["dense/kernel"])
    text = (done.folder / "README.md").read_text()
    assert "float32" not in text
    assert text.count("float64") == 2
    assert ".double()" not in (port(model, tmp_path / "single", proof=False).folder / "network.py").read_text()


def test_nothing_is_overwritten_unless_asked_for(tmp_path: Path) -> None:
    """What else lies there stays; reports of an earlier port go with it."""
    folder = tmp_path / "ported"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "parity.json").write_text("{}")
    with pytest.raises(ConfigError, match="expected an empty folder, or none; choose another, or add --overwrite"):
        port(dense(), folder, proof=False)
    assert names(folder) == {"notes.txt", "parity.json"}
    port(dense(), folder, proof=False, overwrite=True)
    assert names(folder) == (set(FILES) - _REPORTS) | {"notes.txt"}
    assert names(tmp_path) == {"ported"}
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ConfigError, match="expected a folder to write to"):
        port(dense(), file, proof=False, overwrite=True)


def test_what_cannot_be_ported_leaves_nothing(tmp_path: Path) -> None:
    """One line with layer, reason and way out."""
    problem = Problem("scale", "a Lambda layer is Python code", "replace it")
    model = dataclasses.replace(dense(), problems=(problem, problem))
    with pytest.raises(ModelError, match=r"`scale`: a Lambda layer is Python code; replace it \(and 1 more"):
        port(model, tmp_path / "a" / "ported", proof=False)
    assert names(tmp_path) == set()


@pytest.mark.usefixtures("proved")
@pytest.mark.parametrize("failing", ["prove", "readme", "publish_folder"])
def test_a_port_that_breaks_off_leaves_nothing(failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it does; an earlier one stays."""

    def fail(*_: Any, **__: Any) -> Any:
        """Break off."""
        raise KeyboardInterrupt

    monkeypatch.setattr(module, failing, fail)
    with pytest.raises(KeyboardInterrupt):
        port(dense(), tmp_path / "a" / "ported", keras=False)
    assert names(tmp_path) == set()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "README.md").write_text("earlier")
    with pytest.raises(KeyboardInterrupt):
        port(dense(), tmp_path / "b", keras=False, overwrite=True)
    assert (tmp_path / "b" / "README.md").read_text() == "earlier"
    assert names(tmp_path) == {"b"}


@pytest.mark.usefixtures("proved")
def test_a_port_whose_proof_fails_is_written_and_says_so(tmp_path: Path) -> None:
    """For whoever has to find out why."""
    config = sequential(layer("Dense", "dense", units=4), layer("Rescaling", "nothing", scale=0.0), shape=(3,))
    done = port(model_of(config), tmp_path / "ported", keras=False)
    assert not done.passed
    assert "DOES NOT HOLD" in (done.folder / "README.md").read_text()


@pytest.mark.usefixtures("proved")
def test_a_model_that_was_read_ports_itself(tmp_path: Path) -> None:
    """In Python as on the command line."""
    model = gb.read_keras(dense_h5(tmp_path / "model.h5"))
    assert isinstance(model, PortableModel)
    done = model.port(tmp_path / "ported", keras=False)
    assert done.passed
    assert names(done.folder) == set(FILES)


@pytest.mark.usefixtures("proved")
def test_a_model_is_proved_without_keeping_anything() -> None:
    """Of the backends, two can be asked for."""
    assert prove_file(dense(), ["torch"]).passed
    with pytest.raises(ConfigError, match="--backend mine: expected torch or keras"):
        prove_file(dense(), ["mine"])
