"""Random weights, inputs and dropout masks, the same for whoever compares networks."""

import numpy as np
from numpy.typing import NDArray

from genrebench.network.architecture import Architecture
from genrebench.network.layers import Dropout
from genrebench.network.node import INPUT
from genrebench.network.reference import run_layer
from genrebench.network.types import Array, Weights

# Share of a layer's values that a rectifier has to let through.
_ALIVE = 0.03


def random_weights(architecture: Architecture, seed: int) -> Weights:
    """Draw weights none of which is trivial, so that a forgotten bias or running mean shows.

    Biases are negative: were they positive, hardly a value would be rectified, and batch normalization takes a constant
    away again, so that their gradients would be rounding. Scales, offsets and statistics are raised.
    """
    rng = np.random.default_rng(seed)
    weights = architecture.initial_weights(seed)
    for name, value in weights.items():
        if not name.endswith("/kernel"):
            shift = rng.uniform(0.1, 0.5, value.shape).astype(np.float32)
            weights[name] = value - shift if name.endswith("/bias") else value + shift
    return weights


def live_random_weights(architecture: Architecture, x: Array, seed: int) -> Weights:
    """Draw weights none of which is trivial, and which would change if they were stored in float32.

    A layer whose rectifier would let through next to nothing gets biases with which it cuts off somewhat more than half
    of the inputs `x`: one whose output is nothing but zeros would hide all that comes before it.
    """
    rng = np.random.default_rng([seed, 3])
    weights = random_weights(architecture, seed)
    weights = {name: value * (1 + 1e-8 * rng.random(value.shape)) for name, value in weights.items()}
    outputs = {INPUT: x}
    for node in architecture.walk():
        (source,) = node.inputs
        bias = f"{node.name}/bias"
        if bias in weights and getattr(node.layer, "activation", "") == "relu":
            linear = run_layer(node.layer.without_activation(), weights, outputs[source])[node.name]
            if (linear > 0).mean() < _ALIVE:
                axes = tuple(range(linear.ndim - 1))
                spread = linear.std(axes)
                centered = weights[bias] - linear.mean(axes) - rng.uniform(0.1, 0.5, len(spread)) * spread
                # Where all inputs are alike there is nothing to center, and zero would be rounding.
                varies = spread > 1e-6 * np.abs(linear).max(axes)
                weights[bias] = np.where(varies, centered, weights[bias])
        outputs[node.name] = run_layer(node.layer, weights, outputs[source])[node.name]
    return weights


def random_inputs(architecture: Architecture, count: int, seed: int = 0) -> tuple[Array, NDArray[np.int64]]:
    """Draw standardized inputs in float64, and labels."""
    rng = np.random.default_rng([seed, 1])
    return rng.normal(size=(count, *architecture.input_shape)), rng.integers(0, architecture.classes, count)


def random_masks(architecture: Architecture, count: int) -> dict[str, Array]:
    """Draw a mask for every dropout layer: ones and zeros in the shape of its input."""
    rng = np.random.default_rng(2)
    return {
        node.name: (rng.random((count, *node.input_shape)) >= node.layer.rate).astype(np.float64)
        for node in architecture.walk()
        if isinstance(node.layer, Dropout)
    }
