"""Activations against their definitions in scalars."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from genrebench.network.layers import Activation

ROWS = np.array([[-1.5, 0.0, 0.25, 3.0], [2.0, -0.5, -20.0, 1.0]])
SCALARS: dict[str, Callable[[float], float]] = {
    "linear": lambda value: value,
    "relu": lambda value: max(value, 0.0),
    "sigmoid": lambda value: 1 / (1 + math.exp(-value)),
    "tanh": lambda value: (math.exp(2 * value) - 1) / (math.exp(2 * value) + 1),
}


@pytest.mark.parametrize("name", SCALARS)
def test_activations_equal_their_definition(name: str) -> None:
    """Element by element."""
    layer = Activation(name)  # type: ignore[arg-type]
    expected = [[SCALARS[name](float(value)) for value in row] for row in ROWS]
    np.testing.assert_allclose(layer.forward(ROWS, {}).y, expected, rtol=1e-14)


def test_softmax_gives_probabilities_over_the_last_axis() -> None:
    """By its definition; shifted logits give the same."""
    powers = [[math.exp(value) for value in row] for row in ROWS]
    expected = [[power / sum(row) for power in row] for row in powers]
    layer = Activation("softmax")
    np.testing.assert_allclose(layer.forward(ROWS, {}).y, expected, rtol=1e-14)
    np.testing.assert_allclose(layer.forward(ROWS + 4096, {}).y, expected, rtol=1e-11)


def test_the_rectifier_has_no_gradient_at_zero() -> None:
    """A unit at exactly 0 passes nothing back."""
    forward = Activation("relu").forward(np.array([-1.0, 0.0, 1.0]), {})
    np.testing.assert_array_equal(forward.vjp(np.ones(3))[0], [0, 0, 1])


@pytest.mark.parametrize("name", [*SCALARS, "softmax"])
def test_huge_values_neither_overflow_nor_become_nan(name: str) -> None:
    """The values and gradients stay finite; warnings are errors here."""
    for dtype in (np.float32, np.float64):
        forward = Activation(name).forward(np.array([[-1e4, 0, 1e4]], dtype), {})  # type: ignore[arg-type]
        assert np.isfinite(forward.y).all()
        assert np.isfinite(forward.vjp(np.ones((1, 3), dtype))[0]).all()
