"""Keras itself as a witness, in a process of its own: files that it opens, and one that it refuses."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from genrebench.network.numerics import FORWARD_TOLERANCE, GRADIENT_TOLERANCE, relative_error
from genrebench.porting.proof.answers import MODES, asked_keras
from genrebench.porting.proof.reference import run_of
from genrebench.porting.proof.subject import trials_of
from genrebench.reading.keras_file import KerasModel, read_keras
from tests.reading.files import Weights, functional, input_layer, layer, node, sequential, values, write_h5

KERAS = {"module": "keras.layers"}


def written(path: Path, **depthwise: int) -> KerasModel:
    """Write a file with layers of all sorts, and read it."""
    size = {"kernel_size": [3, 3], "strides": [2, 2], "padding": "same"}
    config = functional(
        input_layer("x", 7, 6, 1),
        node("RandomRotation", "turn", ["x"], factor=0.3),
        node("Conv2D", "conv", ["turn"], filters=2, activation="relu", **size),
        node("DepthwiseConv2D", "depth", ["conv"], kernel_size=[2, 2], **depthwise),
        node("BatchNormalization", "norm", ["depth"], momentum=0.9, epsilon=1e-3, axis=[3]),
        node("Dropout", "drop", ["norm"], rate=0.25),
        node("Flatten", "flatten", ["drop"]),
        node("Dense", "dense", ["flatten"], units=3, activation="softmax"),
        inputs=["x"],
        outputs=["dense"],
    )
    weights: Weights = {
        "conv": {"conv/kernel:0": values(3, 3, 1, 2) / 9, "conv/bias:0": values(2)},
        "depth": {"depth/depthwise_kernel:0": values(2, 2, 2, 1) / 5, "depth/bias:0": values(2)},
        "norm": {f"norm/{name}:0": values(2) for name in ("gamma", "beta", "moving_mean", "moving_variance")},
        "dense": {"dense/kernel:0": values(12, 3) / 30, "dense/bias:0": values(3)},
    }
    model = read_keras(write_h5(path, config, weights))
    assert not model.problems, model.problems
    return model


def recurrent(path: Path) -> KerasModel:
    """Write a file with recurrent layers that drop values of inputs, of states, or of both, and read it."""
    inner = {**layer("LSTM", "way", units=2, dropout=0.4), "module": "keras.layers"}
    config = functional(
        input_layer("x", 5, 3),
        node("SimpleRNN", "plain", ["x"], units=3, return_sequences=True, recurrent_dropout=0.4),
        node("LSTM", "gated", ["plain"], units=2, return_sequences=True, dropout=0.4),
        node("GRU", "both", ["gated"], units=2, return_sequences=True, dropout=0.3, recurrent_dropout=0.4,
             reset_after=True),
        node("Bidirectional", "ways", ["both"], layer=inner),
        inputs=["x"],
        outputs=["ways"],
    )  # fmt: skip
    shapes: dict[str, dict[str, tuple[int, ...]]] = {
        "plain": {"kernel": (3, 3), "recurrent_kernel": (3, 3), "bias": (3,)},
        "gated": {"kernel": (3, 8), "recurrent_kernel": (2, 8), "bias": (8,)},
        "both": {"kernel": (2, 6), "recurrent_kernel": (2, 6), "bias": (2, 6)},
        "ways": {f"{way}_way/{name}": shape for way in ("forward", "backward") for name, shape in
                 (("kernel", (2, 8)), ("recurrent_kernel", (2, 8)), ("bias", (8,)))},
    }  # fmt: skip
    weights: Weights = {
        name: {f"{name}/{each}:0": np.sin(values(*shape)) for each, shape in own.items()}
        for name, own in shapes.items()
    }
    model = read_keras(write_h5(path, config, weights))
    assert not model.problems, model.problems
    return model


def stepwise(path: Path) -> KerasModel:
    """Write a file whose layers for each step of time drop values, alone, in cells and in networks, and read it."""
    drop = layer("Dropout", "drop", rate=0.4)
    both = layer("LSTM", "both", units=2, return_sequences=True, dropout=0.4, recurrent_dropout=0.4)
    again = {**layer("TimeDistributed", "again", layer={**drop, **KERAS}), **KERAS}
    inner = layer("InputLayer", "inner", batch_shape=[None, 4, 2], dtype="float32")
    network = sequential(*({**each, **KERAS} for each in (inner, layer("Dense", "dense", units=3), drop)), again)
    network["config"]["name"] = "network"
    config = functional(
        input_layer("x", 3, 4, 2),
        node("TimeDistributed", "one", ["x"], layer={**drop, **KERAS}),
        node("TimeDistributed", "cells", ["one"], layer={**both, **KERAS}),
        node("TimeDistributed", "networks", ["cells"], layer={**network, "module": "keras"}),
        node(
            "ConvLSTM1D",
            "images",
            ["networks"],
            filters=2,
            kernel_size=[2],
            dropout=0.4,
            recurrent_dropout=0.4,
            recurrent_activation="sigmoid",
        ),
        inputs=["x"],
        outputs=["images"],
    )
    shapes: dict[str, dict[str, tuple[int, ...]]] = {
        "cells": {"kernel": (2, 8), "recurrent_kernel": (2, 8), "bias": (8,)},
        "networks": {"dense/kernel": (2, 3), "dense/bias": (3,)},
        "images": {"kernel": (2, 3, 8), "recurrent_kernel": (2, 2, 8), "bias": (8,)},
    }
    weights: Weights = {
        name: {f"{name}/{each}:0": np.sin(values(*shape)) for each, shape in own.items()}
        for name, own in shapes.items()
    }
    model = read_keras(write_h5(path, config, weights))
    assert not model.problems, model.problems
    return model


@pytest.mark.parametrize("write", [written, recurrent, stepwise])
def test_keras_computes_what_the_definitions_say(tmp_path: Path, write: Callable[[Path], KerasModel]) -> None:
    """Outputs of all layers, gradients and statistics, in both modes, with the draws of others, to rounding."""
    pytest.importorskip("keras")
    model = write(tmp_path / "model.h5")
    trials = trials_of(model)
    with asked_keras(model, trials, threads=1) as wait:
        answer = wait()
    assert not answer.error
    assert not answer.refused
    assert not answer.notes
    for trial in trials:
        for mode in MODES:
            run, right = answer.run(trial.name, mode), run_of(model.graph, trial.weights, trial, mode)
            assert run.outputs.keys() == right.outputs.keys()
            for name, value in right.outputs.items():
                assert relative_error(run.outputs[name], value) < FORWARD_TOLERANCE, (trial.name, mode, name)
            for name, value in right.gradients.items():
                error, norm = (float(np.linalg.norm(each)) for each in (run.gradients[name] - value, value))
                assert error < GRADIENT_TOLERANCE * max(norm, 1e-3), (trial.name, mode, name)
            assert relative_error(run.slopes["x"], right.slopes["x"]) < GRADIENT_TOLERANCE
    for name, moved in answer.run("stored", "training").statistics.items():
        assert not np.array_equal(moved, model.weights[name])


def test_a_file_that_keras_refuses_is_told_in_a_line(tmp_path: Path) -> None:
    """With Keras' own reason."""
    pytest.importorskip("keras")
    model = written(tmp_path / "model.h5", groups=1)
    with asked_keras(model, trials_of(model)[:1], threads=1) as wait:
        answer = wait()
    assert "groups" in answer.refused
    assert "\n" not in answer.refused
    assert answer.report["versions"]["keras"]
    assert not answer.runs
