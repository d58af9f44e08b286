"""Files that were written, run in PyTorch: what they compute is what the definitions say, in both modes."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from genrebench.backend.worker import run_job
from genrebench.errors import BackendError
from genrebench.network.adam import Adam
from genrebench.network.numerics import FORWARD_TOLERANCE, GRADIENT_TOLERANCE, relative_error
from genrebench.network.types import Array
from genrebench.porting.reference import GraphReference
from genrebench.porting.sampling import Sample, draw_sample
from genrebench.porting.source import Emitted, write_source
from genrebench.reading.keras_file import KerasModel, read_keras
from tests.porting.source.models import DOCUMENTS, MODELS, read
from tests.porting.source.random_networks import random_network
from tests.reading.files import KERAS_3

ported = pytest.importorskip("genrebench_torch.ported")
torch = pytest.importorskip("torch")


def prepared(model: KerasModel, path: Path) -> tuple[Emitted, Sample, dict[str, Array], dict[str, Any]]:
    """Write a model, and what the job is given."""
    emitted = write_source(model)
    path.write_text(emitted.text, encoding="utf-8")
    sample = draw_sample(model.graph, model.weights, batch=3, seed=3)
    arrays = {f"state/{name}": each for name, each in emitted.state.items()}
    for kind in ("inputs", "draws", "cotangents"):
        arrays |= {f"{kind}/{name}": each for name, each in getattr(sample, kind).items()}
    return emitted, sample, arrays, {"path": str(path), "table": emitted.table()}


def of(found: dict[str, Array], kind: str) -> dict[str, Array]:
    """Take the arrays of a kind."""
    return {name.removeprefix(f"{kind}/"): each for name, each in found.items() if name.startswith(f"{kind}/")}


def close(found: Array, expected: Array, tolerance: float, largest: float = 1.0) -> bool:
    """Compare by the norm; what is 0 by nature may be rounding, of numbers as large as the largest of its kind."""
    assert found.shape == expected.shape
    rounding = 1e-12 * max(largest, 1.0)
    return bool(relative_error(found, expected) <= tolerance or np.abs(found - expected).max() <= rounding)


def hold(model: KerasModel, tmp_path: Path) -> None:
    """Hold every output, mask, gradient and statistic against the definitions, in both modes."""
    emitted, sample, arrays, options = prepared(model, tmp_path / "network.py")
    found, value = ported.answer(arrays, {**options, "tasks": ["evaluation", "training"]})
    assert value["same_bits"] == {"evaluation": True, "training": True}
    reference = GraphReference(model.graph, model.weights)
    for mode in ("evaluation", "training"):
        done = reference.run(sample.inputs, training=mode == "training", draws=sample.draws)
        outputs, masks = of(found, f"{mode}/outputs"), of(found, f"{mode}/masks")
        assert outputs.keys() >= {name for name in done.outputs if "#" not in name}
        for name, each in outputs.items():
            assert close(np.asarray(each, np.float64), np.asarray(done.outputs[name], np.float64), FORWARD_TOLERANCE), (
                name
            )
        for name, each in masks.items():
            assert np.array_equal(each, done.masks[name]), name
        of_inputs, of_weights = done.vjp(sample.cotangents)
        gradients = emitted.canonical(of(found, f"{mode}/gradients"))
        assert gradients.keys() == of_weights.keys()
        largest = max((float(np.abs(each).max(initial=0.0)) for each in of_weights.values()), default=0.0)
        for name, each in of_weights.items():
            assert close(gradients[name], each, GRADIENT_TOLERANCE, largest), name
        for name, each in of_inputs.items():
            assert close(found[f"{mode}/input_gradients/{name}"], each, GRADIENT_TOLERANCE), name
    statistics = emitted.canonical({**emitted.state, **of(found, "training/statistics")})
    for name, each in done.statistics.items():
        assert close(statistics[name], each, FORWARD_TOLERANCE), name


@pytest.mark.parametrize("name", MODELS)
def test_what_is_written_computes_what_is_defined(name: str, tmp_path: Path) -> None:
    """Every kind of layer, and networks of them: outputs of all calls, gradients, running statistics, masks."""
    hold(MODELS[name], tmp_path)


@pytest.mark.parametrize("seed", range(40))
def test_networks_put_together_at_random_compute_what_is_defined(seed: int, tmp_path: Path) -> None:
    """Channels first and last, branches and mergers in any order: 500 seeds were tried, 40 stay."""
    hold(read(random_network(seed), KERAS_3), tmp_path)


FOLDER = os.environ.get("GENREBENCH_KERAS_MODELS")
REAL = sorted(path for path in Path(FOLDER or "/nowhere").rglob("*") if path.suffix in (".keras", ".h5", ".hdf5"))


@pytest.mark.skipif(not FOLDER, reason="GENREBENCH_KERAS_MODELS names no folder")
@pytest.mark.parametrize("path", REAL, ids=lambda path: str(path.name))
def test_real_files_compute_what_is_defined(path: Path, tmp_path: Path) -> None:
    """None of them belongs to this project."""
    hold(read_keras(path), tmp_path)


def test_a_mistake_in_the_file_is_seen(tmp_path: Path) -> None:
    """A stride of 1 instead of 2, at the layer where it is made; what is before is right."""
    model = MODELS["shared"]
    _, sample, arrays, options = prepared(model, tmp_path / "network.py")
    path = tmp_path / "network.py"
    path.write_text(path.read_text().replace("self.drop(norm)", "self.drop(norm * 1.001)"), encoding="utf-8")
    found, _ = ported.answer(arrays, {**options, "tasks": ["evaluation"]})
    done = GraphReference(model.graph, model.weights).run(sample.inputs)
    wrong = [name for name, each in of(found, "evaluation/outputs").items()
             if not close(each, done.outputs[name], FORWARD_TOLERANCE)]  # fmt: skip
    assert wrong == ["drop", "mean:2", "difference"]


def test_a_file_that_draws_is_not_the_same_twice(tmp_path: Path) -> None:
    """What the plain file gives is compared bit by bit."""
    _, _, arrays, options = prepared(MODELS["residual"], tmp_path / "network.py")
    path = tmp_path / "network.py"
    path.write_text(path.read_text().replace("F.relu(x)", "F.relu(x) + 1e-9 * torch.rand(1)"), encoding="utf-8")
    _, value = ported.answer(arrays, {**options, "tasks": ["evaluation"]})
    assert value["same_bits"] == {"evaluation": False}


def test_a_table_of_another_file_is_refused(tmp_path: Path) -> None:
    """A line that is no statement of forward is an error, not nothing."""
    _, _, arrays, options = prepared(MODELS["residual"], tmp_path / "network.py")
    options["table"]["calls"][-1]["line"] = 1
    with pytest.raises(BackendError, match="expected statements of forward in lines"):
        ported.answer(arrays, options)


@pytest.mark.parametrize("name", ["residual", "LSTM to LSTM", "shared"])
def test_adam_is_that_of_keras(name: str, tmp_path: Path) -> None:
    """The step from the gradients of the training pass; what is frozen or is not in Keras stands still."""
    model = MODELS[name]
    emitted, sample, arrays, options = prepared(model, tmp_path / "network.py")
    found, value = ported.answer(arrays, {**options, "tasks": ["adam"], "adam": {"learning_rate": 0.01}})
    done = GraphReference(model.graph, model.weights).run(sample.inputs, training=True, draws=sample.draws)
    _, gradients = done.vjp(sample.cotangents)
    adam = Adam(learning_rate=0.01)
    after, m, v = (emitted.canonical(of(found, f"adam/{kind}")) for kind in ("weights", "m", "v"))
    assert after.keys() == gradients.keys()
    for weight, gradient in gradients.items():
        first, second = (1 - adam.beta_1) * gradient, (1 - adam.beta_2) * gradient**2
        rate = adam.learning_rate * np.sqrt(1 - adam.beta_2) / (1 - adam.beta_1)
        assert close(m[weight], first, GRADIENT_TOLERANCE)
        assert close(v[weight], second, GRADIENT_TOLERANCE)
        if np.abs(gradient).max() > 1e-9:  # of a gradient that is rounding, Adam makes a whole step
            moved = model.weights[weight] - rate * first / (np.sqrt(second) + adam.epsilon)
            assert close(after[weight], moved, GRADIENT_TOLERANCE), weight
    assert not any("bias_hh" in each for each in value["parameters"])


def test_a_short_run_lowers_the_loss(tmp_path: Path) -> None:
    """From the same weights, on one batch, with Keras' loss."""
    model = MODELS["images to sequence"]
    emitted, _, arrays, options = prepared(model, tmp_path / "network.py")
    (name,) = emitted.outputs
    targets = np.eye(5)[np.random.default_rng(0).integers(0, 5, (3, 10))]
    found, _ = ported.answer(
        {**arrays, f"targets/{name}": targets},
        {**options, "tasks": ["steps"], "steps": 4, "loss": {"name": "categorical_crossentropy"}},
    )
    losses = found["steps/losses"]
    assert losses.shape == (4,)
    assert (np.diff(losses) < 0).all()
    assert emitted.canonical(of(found, "steps/weights")).keys() == model.weights.keys()


@pytest.mark.parametrize("name", ["residual", "masks through layers", "hostile names"])
def test_the_folder_needs_torch_alone(name: str, tmp_path: Path) -> None:
    """`load` in a process where safetensors and NumPy are absent gives what the job gives, in float32 and float64."""
    drawn = MODELS[name]
    model = dataclasses.replace(drawn, weights={key: each.astype(np.float32) for key, each in drawn.weights.items()})
    emitted, sample, arrays, options = prepared(model, tmp_path / "network.py")
    save_file(
        {key: np.asarray(each, np.float32) for key, each in emitted.state.items()}, tmp_path / "weights.safetensors"
    )
    (call,) = emitted.inputs
    given = sample.inputs[call]
    given = given if given.dtype.kind == "i" else given.astype(np.float32)
    script = f"""
import sys
sys.modules["numpy"] = sys.modules["safetensors"] = None
import warnings; warnings.simplefilter("ignore")
import torch
from network import load
network = load("weights.safetensors")
assert not network.training
x = torch.tensor({given.tolist()!r}, dtype=torch.{given.dtype.name})
y = network(x)
y = y if isinstance(y, tuple) else (y,)
print([each.flatten().tolist() for each in y])
network.double()(x.double() if x.is_floating_point() else x)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found, _ = ported.answer(arrays, {**options, "tasks": ["evaluation"]})
    for output, values in zip(emitted.outputs, eval(done.stdout), strict=True):  # printed by the script above
        expected = found[f"evaluation/outputs/{output}"]
        assert np.abs(np.reshape(values, expected.shape) - expected).max() < 1e-4


def test_it_is_a_job_for_a_worker(tmp_path: Path) -> None:
    """Another process gives the same."""
    _, _, arrays, options = prepared(MODELS["residual"], tmp_path / "network.py")
    result = run_job("genrebench_torch.ported:answer", arrays=arrays, options={**options, "tasks": ["evaluation"]})
    found, value = ported.answer(arrays, {**options, "tasks": ["evaluation"]})
    assert result.value == value
    assert found.keys() == result.arrays.keys()
    assert all(np.array_equal(result.arrays[name], each) for name, each in found.items())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_float32_is_as_close_as_float32_is(name: str, tmp_path: Path) -> None:
    """Nothing in the file is bound to a precision."""
    _, _, arrays, options = prepared(MODELS[name], tmp_path / "network.py")
    exact, _ = ported.answer(arrays, {**options, "tasks": ["evaluation"]})
    single, _ = ported.answer(arrays, {**options, "tasks": ["evaluation"], "dtype": "float32"})
    for key, each in of(single, "evaluation/outputs").items():
        assert each.dtype != np.float64, key
        assert close(np.asarray(each, np.float64), np.asarray(exact[f"evaluation/outputs/{key}"], np.float64), 1e-4), (
            key
        )
