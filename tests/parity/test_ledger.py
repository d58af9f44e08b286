"""The ledger: what a hypothesis explains, and what it must not pretend to explain."""

import numpy as np
import pytest
from genrebench.parity.probe import make_probe

from genrebench.network.adam import Adam
from genrebench.network.architecture import Architecture
from genrebench.network.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Layer
from genrebench.network.reference import run_layer
from genrebench.network.types import Array
from genrebench.parity.ledger.base import explain
from genrebench.parity.ledger.case import LayerCase
from genrebench.parity.ledger.layers import LAYER_ENTRIES
from genrebench.parity.ledger.optimizer import ADAM_ENTRIES, AdamCase
from genrebench.parity.ledger.tensors import GRADIENT_ENTRIES, STATISTIC_ENTRIES, GradientCase, StatisticCase

RNG = np.random.default_rng(0)


def layer_case(filters: int, kind: type[Layer], change: str = "") -> tuple[LayerCase, Array]:
    """Make the case of one layer of a small network, and what the layer should give.

    Parameters
    ----------
    change : str
        ``negative`` makes the convolution's own output negative in places, as without its rectifier.
    """
    layers = (Conv2D(filters, (3, 3), activation="relu"), BatchNormalization(), Dropout(0.3), Flatten(), Dense(3))
    architecture = Architecture((8, 9, 1), layers)
    probe = make_probe(architecture)
    outputs: dict[str, Array] = {}
    x = probe.x
    inputs = {}
    for layer in architecture.layers:
        inputs[layer.name] = x
        x = outputs[layer.name] = run_layer(layer, probe.weights, x)[layer.name]
    if change == "negative":
        outputs["conv2d"] = outputs["conv2d"] - 1
    index = [type(layer) for layer in architecture.layers].index(kind)
    name = architecture.layers[index].name
    right = outputs[name]
    return LayerCase(architecture, index, probe.weights, inputs[name], right, right, outputs, False), right


def cause_of(case: LayerCase, received: Array) -> tuple[str, str] | None:
    """Explain an output."""
    wrong = LayerCase(
        case.architecture, case.index, case.weights, case.x, received, case.expected, case.outputs, case.training
    )
    cause = explain(LAYER_ENTRIES, wrong)
    return (cause.id, cause.explanation) if cause else None


@pytest.mark.parametrize("filters", [1, 2, 6])
def test_a_fitted_epsilon_does_not_explain_everything(filters: int) -> None:
    """With one channel some epsilon gives any slope; a scale that was not applied is named as what it is."""
    case, right = layer_case(filters, BatchNormalization)
    received = case.run(weights={"gamma": np.ones(filters)})
    assert cause_of(case, received) == ("bias-dropped", "no scale (gamma) is applied")
    assert cause_of(case, right * 1.7) is None
    epsilon = case.run(layer=BatchNormalization(epsilon=0.0123, name="batch_normalization"))
    found = cause_of(case, epsilon)
    assert (found and found[0]) == ("batch-norm-epsilon" if filters == 6 else None)


def test_single_numbers_are_not_explained_by_fits() -> None:
    """Statistics, gradients and updates of one value: only named hypotheses count."""
    one = np.array([0.5])
    statistic = StatisticCase("moving_mean", 0.99, 100, one, one + 0.01, 0.99 * one + 0.01 * 0.3)
    assert explain(STATISTIC_ENTRIES, statistic) is None
    swapped = StatisticCase("moving_mean", 0.99, 100, one, 0.01 * one + 0.99 * 0.3, 0.99 * one + 0.01 * 0.3)
    cause = explain(STATISTIC_ENTRIES, swapped)
    assert cause is not None
    assert "the momentum weights the new value" in cause.explanation
    assert explain(GRADIENT_ENTRIES, GradientCase(one + 0.123, one, one, None, {})) is None
    zero = np.zeros(1)
    update = AdamCase("update", zero - 0.0123, zero - 0.001, one, one, zero, zero, 0, Adam())
    assert explain(ADAM_ENTRIES, update) is None
    many = RNG.normal(size=9)
    doubled = explain(GRADIENT_ENTRIES, GradientCase(2 * many, many, RNG.normal(size=9), None, {}))
    assert doubled is not None
    assert doubled.explanation == "is 2 times what it should be"


def test_a_rectifier_too_many_is_not_a_rectifier_that_moved() -> None:
    """It moved only if the convolution before no longer rectifies."""
    case, right = layer_case(6, BatchNormalization)
    assert cause_of(case, np.maximum(right, 0)) == ("activation", "rectified output, expected a linear one")
    case, right = layer_case(6, BatchNormalization, "negative")
    found = cause_of(case, np.maximum(right, 0))
    assert found == ("relu-order", "rectifies after normalizing, expected before, in conv2d")


def test_dropout_that_only_scales_is_named() -> None:
    """The two ways to scale in evaluation; and what drops values."""
    case, right = layer_case(6, Dropout)
    assert cause_of(case, right / 0.7) == ("dropout", "scales by 1 / (1 - rate) in evaluation, expected nothing")
    assert cause_of(case, right * 0.7) == (
        "dropout",
        "scales by 1 - rate in evaluation, expected 1 / (1 - rate) in training",
    )
    drawn = right * (RNG.random(right.shape) < 0.7) / 0.7
    found = cause_of(case, drawn)
    assert found is not None
    assert "is active in evaluation: 3" in found[1]
    assert cause_of(case, right + 1) is None
