"""Folders for PyTorch: they load without genrebench, compute the same, and appear as a whole or not at all."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genrebench.errors import ConfigError, ModelError
from genrebench.network.architecture import Architecture
from genrebench.network.layers import LAYER_KINDS, Layer
from genrebench.network.reference import ReferenceNetwork
from genrebench.network.sampling import random_inputs, random_weights
from genrebench.network.types import Shape
from genrebench.porting.export import torch_folder
from genrebench.porting.export.run import export_model
from genrebench.porting.export.torch_folder import FILES, as_keras_model
from genrebench.porting.port import emit, write_network
from genrebench.testing.layers import describe, network_around
from tests import jobs
from tests.conftest import GENRES
from tests.porting.export.models import make_model

pytest.importorskip("torch")
EXAMPLES = [pytest.param(*each, id=describe(*each)) for kind in LAYER_KINDS.values() for each in kind.examples()]


@pytest.fixture
def job_runs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare a test an interpreter; that of the README has one."""
    monkeypatch.setattr(torch_folder, "run_job", jobs.run_here)


def test_the_readme_can_be_followed_without_genrebench(tmp_path: Path) -> None:
    """Its snippet runs in an interpreter that finds no genrebench, and names every genre."""
    exported = export_model(make_model(), tmp_path / "model", format="torch")
    assert sorted(path.name for path in exported.path.iterdir()) == sorted(FILES)
    assert [check.passed for check in exported.checks] == [True]
    text = (exported.path / "README.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    blocked = "import sys; sys.modules['genrebench'] = None\n"
    environment = {**os.environ, "PYTHONPATH": str(exported.path)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{blocked}{snippet}print(json.dumps(probabilities))"],
        cwd=exported.path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    probabilities = json.loads(done.stdout)
    assert list(probabilities) == list(GENRES)
    assert sum(probabilities.values()) == pytest.approx(1)


@pytest.mark.usefixtures("job_runs_here")
def test_what_a_program_needs_lies_beside(tmp_path: Path) -> None:
    """As it stands in the other formats."""
    exported = export_model(make_model("track-band"), tmp_path / "model", format="torch")
    said = json.loads((exported.path / "about.json").read_text(encoding="utf-8"))
    assert (said["genres"], said["standardizer"]) == (
        list(GENRES),
        {"kind": "track-band", "level": 0.5, "shrinkage": 0.5},
    )


@pytest.mark.parametrize(("layer", "shape"), EXAMPLES)
def test_every_layer_can_be_written(layer: Layer, shape: Shape, tmp_path: Path) -> None:
    """A kind that is new here is known to the writer of PyTorch's source, and computed by it."""
    from genrebench_torch.trials import predicted

    architecture: Architecture = network_around(layer, shape)
    weights = random_weights(architecture, 0)
    names = tuple(f"genre {number}" for number in range(architecture.classes))
    model = dataclasses.replace(make_model(mel=None), architecture=architecture, weights=weights, genres=names)
    write_network(tmp_path, emit(as_keras_model(model, "model")))
    x = random_inputs(architecture, 3)[0].astype(np.float32)
    options = {"path": str(tmp_path / "network.py"), "weights": str(tmp_path / "weights.safetensors")}
    logits = predicted({"inputs/0": x}, options)[0]["logits/0"]
    np.testing.assert_allclose(
        logits, ReferenceNetwork(architecture, weights, dtype="float64").logits(x), rtol=1e-4, atol=1e-5
    )


@pytest.mark.usefixtures("job_runs_here")
def test_a_folder_that_would_compute_something_else_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An epsilon of PyTorch's own, the mistake that is easily made."""
    right = torch_folder._layer

    def wrong(layer: Layer) -> dict[str, object]:
        """Take another epsilon."""
        document = right(layer)
        if layer.kind == "BatchNormalization":
            document["config"]["epsilon"] = 1e-5
        return document

    monkeypatch.setattr(torch_folder, "_layer", wrong)
    with pytest.raises(ModelError, match=r"logits of 6 segments of synthetic music .* nothing was written"):
        export_model(make_model(), tmp_path / "model", format="torch")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("job_runs_here")
def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    """Unless it may be replaced; other files stay."""
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="expected an empty folder"):
        export_model(make_model(), tmp_path, format="torch")
    export_model(make_model(), tmp_path, format="torch", overwrite=True)
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert (tmp_path / "network.py").exists()


@pytest.mark.parametrize("option", ["with_frontend", "one_recording"])
def test_only_onnx_takes_more_than_the_network(option: str, tmp_path: Path) -> None:
    """Others say so rather than leave it out."""
    name = f"--{option.replace('_', '-')}"
    with pytest.raises(ConfigError, match=f"{name}: expected --format onnx, received torch"):
        export_model(make_model("track"), tmp_path / "model", format="torch", **{option: True})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="format: expected one of onnx, keras, torch, web, received 'tflite'"):
        export_model(make_model(), tmp_path / "model", format="tflite")  # type: ignore[arg-type]
