"""Adam against a scalar loop and against PyTorch's."""

import dataclasses
import math

import numpy as np
import pytest

from genrebench.errors import BackendError
from genrebench.network.adam import Adam, AdamState, adam_step
from genrebench.network.architecture import Architecture
from genrebench.network.types import Weights
from tests.network.conftest import EVERYTHING, STRIDED, build, error, lively_weights


def updates(architecture: Architecture, optimizer: Adam, steps: int) -> tuple[list[Weights], list[Weights], AdamState]:
    """Do some updates from random gradients."""
    rng = np.random.default_rng(3)
    specs = architecture.weight_specs()
    # Small gradients, beside which epsilon counts.
    gradients: list[Weights] = [
        {name: rng.normal(0, 1e-4, specs[name].shape) for name in architecture.trainable} for _ in range(steps)
    ]
    weights = [lively_weights(architecture)]
    state = AdamState.zeros(gradients[0])
    for each in gradients:
        after, state = build(architecture, weights[-1]).adam_update(each, state, optimizer)
        assert tuple(after) == architecture.trainable
        weights.append(weights[-1] | after)
    return gradients, weights, state


OPTIMIZER = Adam(learning_rate=3e-3, beta_1=0.8, beta_2=0.99, epsilon=1e-5)


def scalar_adam(weight: float, gradients: list[float], *, corrected_root: bool = False) -> tuple[float, float, float]:
    """Follow one weight through Adam, in Python floats.

    Parameters
    ----------
    corrected_root : bool
        Whether epsilon is added after the bias correction, as other frameworks have it.
    """
    m = v = 0.0
    for t, gradient in enumerate(gradients, start=1):
        m += 0.2 * (gradient - m)
        v += 0.01 * (gradient * gradient - v)
        correction = math.sqrt(1 - 0.99**t)
        root = math.sqrt(v) / correction + 1e-5 if corrected_root else (math.sqrt(v) + 1e-5) / correction
        weight -= 3e-3 * m / (1 - 0.8**t) / root
    return weight, m, v


def test_adam_equals_a_scalar_loop() -> None:
    """Three steps of every weight agree with the formula; epsilon elsewhere does not."""
    gradients, weights, state = updates(STRIDED, OPTIMIZER, 3)
    assert state.step == 3
    misplaced = 0.0
    for name in gradients[0]:
        for index in np.ndindex(gradients[0][name].shape):
            history = float(weights[0][name][index]), [float(each[name][index]) for each in gradients]
            received = float(weights[-1][name][index]), state.m[name][index], state.v[name][index]
            assert received == pytest.approx(scalar_adam(*history), rel=1e-12, abs=1e-20)
            misplaced = max(misplaced, abs(received[0] - scalar_adam(*history, corrected_root=True)[0]))
    assert misplaced > 1e-5


def test_the_defaults_are_those_of_keras() -> None:
    """And neither hyperparameters nor a state can be changed under whoever holds them."""
    assert dataclasses.astuple(Adam()) == (1e-3, 0.9, 0.999, 1e-7)
    for each in (Adam(), AdamState(0, {}, {})):
        with pytest.raises(dataclasses.FrozenInstanceError):
            each.step = 1  # type: ignore[union-attr, misc]


def test_adam_equals_pytorchs_with_epsilon_mapped() -> None:
    """PyTorch adds epsilon after the bias correction, so it is given as much more of it."""
    torch = pytest.importorskip("torch")
    gradients, weights, _ = updates(EVERYTHING, OPTIMIZER, 3)
    tensors = {name: torch.tensor(weights[0][name], requires_grad=True) for name in gradients[0]}
    adam = torch.optim.Adam(tensors.values(), lr=3e-3, betas=(0.8, 0.99))
    for t, each in enumerate(gradients, start=1):
        for name, tensor in tensors.items():
            tensor.grad = torch.tensor(each[name])
        adam.param_groups[0]["eps"] = 1e-5 / math.sqrt(1 - 0.99**t)
        adam.step()
    for name, tensor in tensors.items():
        assert error(weights[-1][name], tensor.detach().numpy()) < 1e-14


def test_adam_refuses_gradients_of_other_weights() -> None:
    """A missing gradient is an error, not a weight that stands still."""
    gradients, weights, state = updates(STRIDED, OPTIMIZER, 1)
    del gradients[0]["dense/bias"]
    with pytest.raises(BackendError, match="expected gradients and moments of"):
        build(STRIDED, weights[0]).adam_update(gradients[0], state, OPTIMIZER)


def test_epsilon_can_stand_in_three_places() -> None:
    """Each as its formula says, with and without the correction of the moments; no two alike."""
    gradient, m, v, step = 2e-5, 1e-5, 3e-10, 4
    m1, v1 = 0.8 * m + 0.2 * gradient, 0.99 * v + 0.01 * gradient**2
    results = []
    for corrected in (True, False):
        first, second = (1 - 0.8**step, 1 - 0.99**step) if corrected else (1.0, 1.0)
        expected = {
            "uncorrected": -3e-3 * (m1 / first) / ((math.sqrt(v1) + 1e-5) / math.sqrt(second)),
            "corrected": -3e-3 * (m1 / first) / (math.sqrt(v1 / second) + 1e-5),
            "under": -3e-3 * (m1 / first) / math.sqrt(v1 / second + 1e-5),
        }
        for placement, update in expected.items():
            arrays = np.array([gradient]), np.array([m]), np.array([v])
            done = adam_step(*arrays, step, OPTIMIZER, placement=placement, corrected=corrected)
            assert [each.item() for each in done.values()] == pytest.approx([update, m1, v1], rel=1e-14)
            results.append(update)
    assert len({round(update, 9) for update in results}) == 5  # without a correction, two places are one


def test_adam_begins_with_moments_of_zero() -> None:
    """In the shapes and types of the weights, and not shared."""
    weights: Weights = {"a/kernel": np.ones((2, 3), np.float32), "a/bias": np.ones(3)}
    state = AdamState.zeros(weights)
    assert state.step == 0
    for moments in (state.m, state.v):
        assert {name: (value.shape, str(value.dtype), bool(value.any())) for name, value in moments.items()} == {
            "a/kernel": ((2, 3), "float32", False),
            "a/bias": ((3,), "float64", False),
        }
    assert state.m["a/bias"] is not state.v["a/bias"]
