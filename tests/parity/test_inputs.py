"""What backends are given: weights that prove something, and a way through a file."""

import copy
from dataclasses import fields, replace

import numpy as np

from genrebench.network.architecture import Architecture
from genrebench.network.layers import Conv2D, Dense, Flatten
from genrebench.parity.answers import run_here
from genrebench.parity.inputs import ParityInputs, make_inputs
from tests.parity.conftest import SMALL, against

DEEP = Architecture((24, 26, 1), (*(Conv2D(8, (3, 3), activation="relu") for _ in range(6)), Flatten(), Dense(4)))


def test_random_weights_keep_deep_networks_alive() -> None:
    """Without normalization, six rectifiers one behind the other still let through what the first layers do."""
    inputs = make_inputs(DEEP)
    right = run_here(inputs, "numpy")
    for layer in DEEP.layers[:6]:
        assert 0.02 < (right.evaluation.outputs[layer.name] > 0).mean() < 0.6
    assert all(np.abs(gradient).max() > 1e-6 for gradient in right.gradients.gradients.values())
    wrong = copy.deepcopy(inputs.weights)
    wrong["conv2d_4/kernel"] = wrong["conv2d_4/kernel"][::-1, ::-1] * 3
    report = against(inputs, {"mine": run_here(replace(inputs, weights=wrong), "numpy"), "numpy": right})
    assert {finding.row.node for finding in report.findings if finding.row} == {"conv2d_4"}


def test_equal_inputs_leave_random_weights_what_they_are() -> None:
    """Where nothing varies over the batch there is nothing to center, and a layer must not be centered to zero."""
    architecture = Architecture((6, 7, 1), (Flatten(), Dense(5, activation="relu"), Dense(3)))
    data = np.tile(np.random.default_rng(0).normal(size=(1, 6, 7, 1)), (9, 1, 1, 1))
    inputs = make_inputs(architecture, data=data, batch_size=2)
    outputs = run_here(inputs, "numpy").evaluation.outputs["dense"]
    assert np.abs(outputs).max() > 1e-3


def test_inputs_are_the_same_behind_a_file() -> None:
    """From arrays and options of a job they are made again, to the last bit."""
    inputs = make_inputs(SMALL, steps=3, seed=7, spectrograms=np.ones((2, *SMALL.input_shape), np.float32))
    again = ParityInputs.unpack(*inputs.pack())
    assert (again.architecture, again.steps) == (SMALL, 3)
    assert again.adam.step == inputs.adam.step
    assert again.hashes() == inputs.hashes()
    for field in fields(inputs):
        if isinstance(getattr(inputs, field.name), dict):
            np.testing.assert_equal(getattr(again, field.name), getattr(inputs, field.name))


def test_inputs_in_float32_have_float32_everywhere_but_in_the_weights() -> None:
    """Each backend rounds weights itself."""
    single = make_inputs(SMALL).in_float32()
    assert {single.x.dtype, single.batches.dtype, *(mask.dtype for mask in single.masks.values())} == {np.dtype("f4")}
    assert single.weights["dense/bias"].dtype == np.float64
