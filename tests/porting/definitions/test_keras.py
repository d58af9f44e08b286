"""The definitions against Keras itself, in float64 and in both modes; `test_definitions` has what it gave once."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genrebench.network.numerics import GRADIENT_TOLERANCE
from genrebench.network.types import Array
from genrebench.porting.reference import GraphReference
from tests.porting.definitions.cases import CASES, TOTALS, Case
from tests.porting.definitions.keras_side import masks_of, total_of

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let one process answer all cases with Keras."""
    if not all(importlib.util.find_spec(name) for name in ("keras", "tensorflow")):
        pytest.skip("Keras on TensorFlow is not installed")
    folder = tmp_path_factory.mktemp("keras")
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "tests.porting.definitions.keras_side", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def defined(case: Case, *, training: bool) -> dict[str, Array]:
    """Run a case by its definition, and name what comes out as `keras_side` does."""
    graph = case.graph()
    weights = case.weights(graph)
    sample = case.sample(graph)
    done = GraphReference(graph, weights).run(sample.inputs, training=training, draws=sample.draws)
    of_inputs, of_weights = done.vjp(sample.cotangents)
    found = {f"gradients/inputs/{name}": value for name, value in of_inputs.items()}
    for number in range(case.outputs):
        name = f"layer#{number}" if number else "layer"
        found[f"outputs/{number}"] = done.outputs[name]
        if name in done.masks:
            found[f"masks/{number}"] = done.masks[name]
    layer = graph.layers["layer"]
    trained = [each.name for each in layer.weights if each.trainable and layer.trainable]
    found |= {f"gradients/weights/{number}": of_weights[f"layer/{name}"] for number, name in enumerate(trained)}
    for each in layer.weights:
        name = f"layer/{each.name}"
        found[f"weights/{each.name}"] = done.statistics.get(name, weights[name])
    return found


@pytest.mark.parametrize("mode", ["evaluation", "training"])
@pytest.mark.parametrize(("number", "case"), [each for each in enumerate(CASES) if each[1].keras], ids=str)
def test_keras_computes_what_is_defined(answers: Path, number: int, case: Case, mode: str) -> None:
    """Outputs, masks, running statistics, and gradients with respect to inputs and weights."""
    with np.load(answers / f"{number}.npz") as file:
        theirs = {name.removeprefix(f"{mode}/"): file[name] for name in file if name.startswith(f"{mode}/")}
    ours = defined(case, training=mode == "training")
    if case.settings.get("interpolation") == "area":  # which TensorFlow cannot differentiate
        del ours["gradients/inputs/x0"]
    assert ours.keys() == theirs.keys()
    largest = max(np.linalg.norm(value) for name, value in ours.items() if not name.startswith("masks"))
    for name, value in ours.items():
        if name.startswith("masks"):
            assert np.array_equal(value, theirs[name]), name
            continue
        tolerance = max(case.tolerance, GRADIENT_TOLERANCE if name.startswith("gradients") else 0.0)
        # The gradient of the bias of keys is 0, since it moves all scores of a query alike; what is left is rounding.
        scale = max(np.linalg.norm(value), 1e-3 * largest)
        assert np.linalg.norm(theirs[name] - value) <= tolerance * scale, name


def test_the_totals_are_those_of_the_installed_keras(answers: Path) -> None:
    """Which quick tests compare with; `keras_side` writes them anew."""
    totals = json.loads(TOTALS.read_text(encoding="utf-8"))
    assert totals.keys() == {case.key for case in CASES if case.keras}
    for number, case in enumerate(CASES):
        if case.keras:
            with np.load(answers / f"{number}.npz") as file:
                found = [total_of(case, file, mode) for mode in ("evaluation", "training")]
                assert masks_of(case, file) == totals[case.key][2]
            np.testing.assert_allclose(found, totals[case.key][:2], rtol=1e-6, atol=1e-9, err_msg=str(case))
