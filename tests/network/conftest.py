"""Networks, batches and measures for the tests of definitions."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from genrebench.network.architecture import Architecture
from genrebench.network.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from genrebench.network.reference import ReferenceNetwork
from genrebench.network.types import Array, Weights

# Odd, even and non-square sizes. No linear layer stands directly before a normalization, which would cancel its bias
# and leave nothing but rounding errors to compare.
EVERYTHING = Architecture(
    (7, 6, 2),
    (
        Conv2D(3, (3, 2), strides=(2, 1), padding="same", activation="relu"),
        MaxPooling2D((3, 2), strides=(1, 2), padding="same"),
        BatchNormalization(momentum=0.9, epsilon=1e-2),
        Dropout(0.25),
        Conv2D(4, (2, 3)),
        MaxPooling2D((2, 1), strides=(2, 1)),
        Flatten(),
        Dense(6, activation="relu"),
        BatchNormalization(),
        Dropout(0.4),
        Dense(4),
    ),
)
STRIDED = Architecture(
    (8, 11, 1),
    (
        Conv2D(2, (2, 5), strides=(3, 2), padding="same", activation="relu"),
        BatchNormalization(),
        MaxPooling2D((2, 3), strides=(2, 2), padding="same"),
        Conv2D(3, (1, 2), padding="same"),
        Flatten(),
        Dropout(0.5),
        Dense(3),
    ),
)
ARCHITECTURES = pytest.mark.parametrize("architecture", [EVERYTHING, STRIDED], ids=["everything", "strided"])


def lively_weights(architecture: Architecture, seed: int = 0) -> Weights:
    """Draw weights that leave no term of a formula at its neutral value."""
    rng = np.random.default_rng(seed)
    weights: Weights = {}
    for name, initial in architecture.initial_weights(seed).items():
        weights[name] = initial + rng.normal(0, 0.2, initial.shape)
        if name.endswith("moving_variance"):
            weights[name] = rng.uniform(0.5, 2, initial.shape)
    return weights


def draw(architecture: Architecture, n: int, seed: int = 1) -> tuple[Array, NDArray[np.int64], dict[str, Array]]:
    """Draw inputs, labels and dropout masks."""
    rng = np.random.default_rng(seed)
    masks = {
        node.name: (rng.uniform(size=(n, *node.input_shape)) >= node.layer.rate).astype(np.float64)
        for node in architecture.walk()
        if isinstance(node.layer, Dropout)
    }
    return rng.normal(size=(n, *architecture.input_shape)), rng.integers(0, architecture.classes, n), masks


def build(architecture: Architecture, weights: Weights | None = None) -> ReferenceNetwork:
    """Build a network in float64."""
    return ReferenceNetwork(architecture, lively_weights(architecture) if weights is None else weights, dtype="float64")


def error(received: Array, expected: Array) -> float:
    """Measure a difference against the norm of what is expected."""
    assert received.shape == expected.shape
    return float(np.linalg.norm(received - expected) / np.linalg.norm(expected))


def central_differences(function: Callable[[], float], tensor: Array, step: float = 1e-6) -> Array:
    """Estimate a gradient from the function's values alone."""
    gradient = np.zeros_like(tensor)
    for index in np.ndindex(tensor.shape):
        value = tensor[index]
        tensor[index] = value + step
        above = function()
        tensor[index] = value - step
        gradient[index] = (above - function()) / (2 * step)
        tensor[index] = value
    return gradient
