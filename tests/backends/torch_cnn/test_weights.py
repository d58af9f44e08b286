"""Canonical weights in PyTorch: they come back as they went in."""

import numpy as np
import pytest

from tests.backends.torch_cnn.networks import SMALL

pytest.importorskip("torch")
from genrebench_torch.backend import TorchBackend


def test_weights_round_trip_bit_for_bit() -> None:
    """Every canonical tensor comes back as it went in, name, shape and bits."""
    weights = SMALL.initial_weights(1)
    network = TorchBackend.build(SMALL, weights, device="cpu")
    again = network.weights()
    assert list(again) == list(weights)
    assert all(np.array_equal(again[name], weights[name]) for name in weights)
    again["dense/bias"] += 1
    assert not np.array_equal(network.weights()["dense/bias"], again["dense/bias"])
