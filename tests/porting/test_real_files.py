"""Real files by the definitions, in the folder that GENREBENCH_KERAS_MODELS names: none belongs to this project."""

import os
from pathlib import Path

import numpy as np
import pytest

from genrebench.porting.reference import GraphReference
from genrebench.porting.sampling import draw_sample
from genrebench.reading.keras_file import read_keras

FOLDER = os.environ.get("GENREBENCH_KERAS_MODELS")
NAMES = """autoencoder.keras ad01.h5 pretrainedResnet.h5 str_ww_ref_model.h5 vww_96.h5 tiny_XCEPTION_KDEF.hdf5
fer2013_big_XCEPTION.54-0.66.hdf5 fer2013_mini_XCEPTION.102-0.66.hdf5""".split()


@pytest.mark.skipif(not FOLDER, reason="GENREBENCH_KERAS_MODELS names no folder")
@pytest.mark.parametrize("name", NAMES)
def test_every_real_file_is_alive(name: str) -> None:
    """Nothing in it is dead, and its gradient along a random direction is a central difference."""
    (path,) = Path(str(FOLDER)).rglob(name)
    model = read_keras(path)
    sample = draw_sample(model.graph, model.weights, batch=2, seed=0)
    done = GraphReference(model.graph, model.weights).run(sample.inputs)
    assert not [name for name, each in done.activity().items() if not each.varies or each.misses]
    _, gradients = done.vjp(sample.cotangents)
    assert all((np.abs(value) > 1e-3).any() for value in gradients.values())
    rng = np.random.default_rng(0)
    # In proportion to the weights. Some rectifiers are within 1e-9 of their kink, which no step may cross.
    directions = {name: rng.standard_normal(value.shape) * model.weights[name] for name, value in gradients.items()}

    def total(step: float) -> float:
        """Run it a step away."""
        moved = {name: value + step * directions[name] if name in directions else value
                 for name, value in model.weights.items()}  # fmt: skip
        outputs = GraphReference(model.graph, moved).run(sample.inputs).outputs
        return float(sum((outputs[name] * each).sum() for name, each in sample.cotangents.items()))

    by_tape = sum((gradients[name] * each).sum() for name, each in directions.items())
    np.testing.assert_allclose(by_tape, (total(1e-10) - total(-1e-10)) / 2e-10, rtol=1e-4)
