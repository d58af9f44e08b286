"""Adam in PyTorch: Keras' place of epsilon, alone and in training."""

import numpy as np
import pytest

from genrebench.backend import Adam, AdamState
from genrebench.network import Architecture
from genrebench.network.layers import Dense, Flatten
from tests.backends.torch_cnn.networks import RNG, build

backend = pytest.importorskip("genrebench_torch.backend")


def test_adam_is_keras_adam() -> None:
    """Three updates follow the formula with epsilon beside the uncorrected root; PyTorch's own place differs."""
    network = build(Architecture((2, 2, 1), (Flatten(), Dense(3))))
    config = Adam(learning_rate=0.01, epsilon=1e-3)
    weight = network.weights()["dense/kernel"]
    zeros = {name: np.zeros_like(value) for name, value in network.weights().items()}
    state = AdamState(0, zeros, zeros)
    m = v = np.zeros_like(weight)
    for step in range(1, 4):
        gradient = RNG.normal(size=weight.shape) * 1e-3
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        corrected = 0.01 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        expected = weight - corrected * m / (np.sqrt(v) + 1e-3)
        own_place = weight - 0.01 * m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.999**step)) + 1e-3)
        updated, state = network.adam_update(zeros | {"dense/kernel": gradient}, state, config)
        np.testing.assert_allclose(updated["dense/kernel"], expected, rtol=1e-12)
        assert np.abs(own_place - expected).max() > 1e-4
        np.testing.assert_allclose(state.m["dense/kernel"], m, rtol=1e-12)
        assert state.step == step
    np.testing.assert_array_equal(network.weights()["dense/kernel"], weight)


def test_training_steps_follow_the_same_adam() -> None:
    """Three steps of training equal three updates from the gradients at each state."""
    architecture = Architecture((3, 3, 1), (Flatten(), Dense(4, activation="relu"), Dense(2)))
    network = build(architecture)
    x, labels = RNG.normal(size=(5, 3, 3, 1)), np.array([0, 1, 0, 1, 1])
    zeros = {name: np.zeros_like(value) for name, value in network.weights().items()}
    weights, state = network.weights(), AdamState(0, zeros, zeros)
    network.start_training(Adam(), seed=0)
    for _ in range(3):
        other = backend.TorchBackend.build(architecture, weights, dtype="float64", device="cpu")
        _, gradients = other.loss_and_gradients(x, labels)
        weights, state = other.adam_update(gradients, state, Adam())
        network.train_step(x, labels)
    for name, value in network.weights().items():
        np.testing.assert_allclose(value, weights[name], rtol=1e-9)
