"""Hypotheses about kernels, biases and rectifiers."""

import numpy as np

from genrebench.network.layers import BatchNormalization, Conv2D, Dense
from genrebench.network.numerics import log_softmax
from tests.parity.ledger.conftest import cause_of, layer_case


def test_a_rectifier_too_many_is_not_a_rectifier_that_moved() -> None:
    """It moved only if the convolution before no longer rectifies."""
    case = layer_case(6, BatchNormalization)
    assert cause_of(case, np.maximum(case.expected, 0)) == ("activation", {"activation": "relu"})
    case = layer_case(6, BatchNormalization, "negative")
    found = cause_of(case, np.maximum(case.expected, 0))
    assert found == ("relu-order", {"normalization": "batch_normalization"})


def test_biases_and_kernels_of_a_convolution_have_their_causes() -> None:
    """A bias that is not added, a kernel that is flipped, a softmax at the end."""
    case = layer_case(6, Conv2D)
    bias, kernel = (case.weight(name) for name in ("bias", "kernel"))
    assert cause_of(case, case.run(weights={"bias": 0 * bias})) == ("bias-dropped", {"weight": "bias"})
    flipped = case.run(weights={"kernel": kernel[::-1, ::-1]})
    assert cause_of(case, flipped) == ("kernel-layout", {"layout": "flipped"})
    dense = layer_case(6, Dense)
    probabilities = np.exp(log_softmax(dense.expected))
    assert cause_of(dense, probabilities) == ("softmax-in-network", {"output": "probabilities"})
