"""The ledger: what a hypothesis explains, and what it must not pretend to explain."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from genrebench.network.adam import Adam
from genrebench.network.architecture import INPUT, Architecture
from genrebench.network.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Layer
from genrebench.network.numerics import cross_entropy
from genrebench.network.reference import run_layer
from genrebench.network.types import Array
from genrebench.parity.inputs import make_inputs
from genrebench.parity.ledger.base import Case, explain
from genrebench.parity.ledger.case import LayerCase
from genrebench.parity.ledger.entries import entries_for
from genrebench.parity.ledger.optimizer import AdamCase
from genrebench.parity.ledger.tensors import GradientCase, LossCase, StatisticCase, WeightCase

RNG = np.random.default_rng(0)


def layer_case(filters: int, kind: type[Layer], change: str = "") -> LayerCase:
    """Make the case of one layer of a small network, which gives what it should.

    Parameters
    ----------
    change : str
        ``negative`` makes the convolution's own output negative in places, as without its rectifier.
    """
    layers = (Conv2D(filters, (3, 3), activation="relu"), BatchNormalization(), Dropout(0.3), Flatten(), Dense(3))
    architecture = Architecture((8, 9, 1), layers)
    inputs = make_inputs(architecture)
    outputs = {INPUT: inputs.x}
    for node in architecture.walk():
        outputs[node.name] = run_layer(node.layer, inputs.weights, outputs[node.inputs[0]])[node.name]
    x = outputs[next(node for node in architecture.walk() if isinstance(node.layer, kind)).inputs[0]]
    if change == "negative":
        outputs["conv2d"] = outputs["conv2d"] - 1
    node = next(node for node in architecture.walk() if isinstance(node.layer, kind))
    right = outputs[node.name]
    return LayerCase(
        right, right, architecture=architecture, node=node, weights=inputs.weights, x=x, outputs=outputs, training=False
    )


def cause_of(case: Case, received: Array) -> tuple[str, dict[str, Any]] | None:
    """Explain what was received: id and parameters of the cause."""
    wrong = replace(case, received=received)
    cause = explain(entries_for(wrong), wrong)
    return (cause.id, cause.parameters) if cause else None


@pytest.mark.parametrize("filters", [1, 2, 6])
def test_a_fitted_epsilon_does_not_explain_everything(filters: int) -> None:
    """With one channel some epsilon gives any slope; a scale that was not applied is named as what it is."""
    case = layer_case(filters, BatchNormalization)
    received = case.run(weights={"gamma": np.ones(filters)})
    assert cause_of(case, received) == ("bias-dropped", {"weight": "gamma"})
    assert cause_of(case, case.expected * 1.7) is None
    other = case.run(layer=BatchNormalization(epsilon=0.0123, name="batch_normalization"))
    found = cause_of(case, other)
    assert found == (("batch-norm-epsilon", {"epsilon": 0.0123}) if filters == 6 else None)


def test_single_numbers_are_not_explained_by_fits() -> None:
    """Statistics, gradients and updates of one value: only named hypotheses count."""
    one = np.array([0.5])
    statistic = StatisticCase(one, 0.99 * one + 0.01 * 0.3, "moving_mean", 0.99, 100, one)
    assert cause_of(statistic, one + 0.01) is None
    found = cause_of(statistic, 0.01 * one + 0.99 * 0.3)
    assert found == ("momentum", {"momentum": pytest.approx(0.01)})
    assert cause_of(GradientCase(one, one, one, None, {}), one + 0.123) is None
    zero = np.zeros(1)
    update = AdamCase(zero, zero - 0.001, quantity="update", weight=one, gradient=one, m=zero, v=zero, step=0)
    assert cause_of(update, zero - 0.0123) is None
    many = RNG.normal(size=9)
    doubled = cause_of(GradientCase(many, many, RNG.normal(size=9), None, {}), 2 * many)
    assert doubled == ("gradient", {"factor": pytest.approx(2.0)})


def test_a_rectifier_too_many_is_not_a_rectifier_that_moved() -> None:
    """It moved only if the convolution before no longer rectifies."""
    case = layer_case(6, BatchNormalization)
    assert cause_of(case, np.maximum(case.expected, 0)) == ("activation", {"activation": "relu"})
    case = layer_case(6, BatchNormalization, "negative")
    found = cause_of(case, np.maximum(case.expected, 0))
    assert found == ("relu-order", {"normalization": "batch_normalization"})


def test_dropout_that_only_scales_is_named() -> None:
    """The two ways to scale in evaluation; and what drops values."""
    case = layer_case(6, Dropout)
    assert cause_of(case, case.expected / 0.7) == ("dropout", {"fault": "scaled in evaluation"})
    assert cause_of(case, case.expected * 0.7) == ("dropout", {"fault": "scaled down in evaluation"})
    kept = case.expected * (RNG.random(case.expected.shape) < 0.7) / 0.7
    found = cause_of(case, kept)
    assert found == ("dropout", {"fault": "active in evaluation", "dropped": pytest.approx(0.3, abs=0.04)})
    assert cause_of(case, case.expected + 1) is None


@pytest.mark.parametrize(
    ("case", "received", "cause"),
    [
        ("gradient", "zero", ("gradient", {"factor": 0.0})),
        ("gradient", "other", ("gradient", {"weight": "b"})),
        ("gradient", "undropped", ("gradient", {"masks": "ignored"})),
        ("gradient", "decay", ("gradient", {"weight_decay": pytest.approx(0.1)})),
        ("weight", "other", ("weights-swapped", {"weight": "b"})),
        ("weight", "zero", ("weights-zero", {})),
        ("weight", "transposed", ("kernel-layout", {"layout": "reshaped"})),
    ],
)
def test_gradients_and_weights_have_their_causes(case: str, received: str, cause: tuple[str, dict[str, Any]]) -> None:
    """Each by what was done to the tensor."""
    right, other, weight, undropped = RNG.normal(size=(4, 3, 3))
    values = {
        "zero": np.zeros((3, 3)),
        "other": other,
        "undropped": undropped,
        "decay": right + 0.1 * weight,
        "transposed": right.T,
    }
    both = {"a": right, "b": other}
    cases: dict[str, Case] = {
        "gradient": GradientCase(right, right, weight, undropped, both),
        "weight": WeightCase(right, right, "a", both),
    }
    assert cause_of(cases[case], values[received]) == cause


def test_losses_have_their_causes() -> None:
    """Softmax, reduction, mode."""
    logits, other, labels = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3)), np.array([0, 1, 2, 0])
    right = np.array(cross_entropy(logits, labels))
    case = LossCase(right, right, logits, labels, {"evaluation": other})
    assert cause_of(case, right * 4) == ("loss-reduction", {"reduction": "sum"})
    assert cause_of(case, -logits[np.arange(4), labels].mean(keepdims=True)[0]) == ("softmax", {"softmax": "none"})
    assert cause_of(case, np.array(cross_entropy(other, labels))) == ("loss-mode", {"mode": "evaluation"})


@pytest.mark.parametrize("quantity", ["update", "m", "v"])
def test_rounded_hyperparameters_are_told_from_others(quantity: str) -> None:
    """In each quantity; a value that float32 does not give is no rounding."""
    gradient, m, weight = RNG.normal(size=(3, 9)) * 1e-6
    v = np.square(RNG.normal(size=9)) * 1e-12
    case = AdamCase(m, m, quantity=quantity, weight=weight, gradient=gradient, m=m, v=v, step=3)
    case = replace(case, expected=case.predict())
    single = Adam(beta_1=float(np.float32(0.9)), beta_2=float(np.float32(0.999)))
    assert cause_of(case, case.predict(single)) == ("adam-float32", {"rounded": "beta_1, beta_2"})
    found = cause_of(case, case.predict(Adam(beta_1=0.8, beta_2=0.99)))
    assert found is None or found[0] != "adam-float32"
    if quantity == "update":
        found = cause_of(case, case.predict(placement="corrected"))
        assert found == ("adam-epsilon", {"epsilon": 1e-7, "placement": "corrected"})
