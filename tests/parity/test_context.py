"""A reference that cannot be one is refused; what it gives says how exact others can be."""

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from genrebench.errors import BackendError
from genrebench.parity.answers import run_here
from genrebench.parity.context import Context
from genrebench.parity.inputs import make_inputs
from genrebench.parity.ledger.case import LayerCase
from genrebench.parity.ledger.tensors import StatisticCase
from genrebench.parity.outputs import Outputs, Trace
from tests.parity.conftest import SMALL, raises_in_training
from tests.parity.test_inputs import DEEP

INPUTS = make_inputs(SMALL, steps=2)


@pytest.fixture(scope="module")
def right() -> Outputs:
    """Compute by definition."""
    return run_here(INPUTS, "numpy")


def without_gradient(outputs: Outputs) -> None:
    """Lose a tensor."""
    del outputs.gradients.gradients["dense/kernel"]


def without_loss(outputs: Outputs) -> None:
    """Spoil a loss of the short run."""
    assert outputs.steps.losses is not None
    outputs.steps.losses[1] = np.nan


def stopped(outputs: Outputs) -> Outputs:
    """Be unable to run the network."""
    return replace(outputs, evaluation=Trace(error="NotImplementedError: no trace"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (raises_in_training, "training failed"),
        (without_gradient, "received none for dense/kernel, gradients"),
        (without_loss, "finite losses"),
        (stopped, "evaluation failed: NotImplementedError: no trace"),
        (lambda outputs: outputs.steps.weights.update({"conv2d/kernel": np.array(np.nan)}), "conv2d/kernel, steps"),
        (lambda outputs: outputs.control.weights.pop("dense/bias"), "dense/bias, control"),
        (lambda outputs: outputs.adam.m.pop("dense/kernel"), "dense/kernel, adam m"),
        (lambda outputs: outputs.training.statistics.clear(), "batch_normalization/moving_mean, training"),
    ],
)
def test_a_reference_that_cannot_be_one_is_refused(
    spoil: Callable[[Outputs], object], words: str, right: Outputs
) -> None:
    """It raised, or left something out, or computed NaN: then nothing can be said about the others."""
    wrong = copy.deepcopy(right)
    changed = spoil(wrong)
    outputs = {"mine": right, "other": changed if isinstance(changed, Outputs) else wrong}
    with pytest.raises(BackendError, match=words):
        Context(INPUTS, outputs, ("mine",), "other")


def test_a_dead_network_is_no_proof() -> None:
    """Whatever stands before a layer whose output is all zeros would pass: that is said instead."""
    weights = {name: value.astype(np.float64) for name, value in DEEP.initial_weights(0).items()}
    weights["conv2d_3/bias"] -= 100
    inputs = make_inputs(DEEP, weights=weights, steps=2)
    outputs = run_here(inputs, "numpy")
    with pytest.raises(BackendError, match=r"conv2d_3: its output is nothing but zeros .* proves nothing"):
        Context(inputs, {"mine": outputs, "numpy": outputs}, ("mine",), "numpy")


def test_each_layer_has_its_case(right: Outputs) -> None:
    """With the input that the backend gave it; what is missing has none."""
    context = Context(INPUTS, {"mine": right, "numpy": right}, ("mine",), "numpy")
    cases = context.cases("mine", training=True)
    assert cases.keys() == {node.name for node in SMALL.walk()} | set(SMALL.statistics)
    pooling, variance = cases["max_pooling2d"], cases["batch_normalization/moving_variance"]
    assert isinstance(pooling, LayerCase)
    assert pooling.x is right.training.outputs["conv2d"]
    assert isinstance(variance, StatisticCase)
    assert variance.count == pooling.received[..., 0].size
    short = replace(right, training=Trace({"conv2d": right.training.outputs["conv2d"]}))
    context = Context(INPUTS, {"mine": short, "numpy": right}, ("mine",), "numpy")
    assert context.cases("mine", training=True).keys() == {"conv2d"}


def test_a_gradient_of_cancelled_terms_may_be_further_off(right: Outputs) -> None:
    """By what one ulp in the weights does."""
    perturbed = copy.deepcopy(right)
    perturbed.perturbed.gradients["dense/bias"] *= 1 + 1e-8
    context = Context(INPUTS, {"mine": right, "numpy": perturbed}, ("mine",), "numpy")
    assert context.gradient_tolerances["dense/bias"] == pytest.approx(1e-7, rel=1e-3)
    assert context.gradient_tolerances["dense/kernel"] == 1e-10
