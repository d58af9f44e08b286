"""Random weights, inputs and dropout masks, the same for whoever compares networks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.network.architecture import Architecture
from genrebench.network.layers import Dropout
from genrebench.network.types import Weights


def random_weights(architecture: Architecture, seed: int) -> Weights:
    """Draw weights none of which is trivial, so that a forgotten bias or running mean shows.

    Biases are negative: were they positive, hardly a value would be rectified, and batch normalization takes a constant
    away again, so that their gradients would be rounding.

    Parameters
    ----------
    architecture : Architecture
        The network.
    seed : int
        Seed of the draw.

    Returns
    -------
    dict of str to ndarray of float32
        Initial weights; biases are lowered, scales, offsets and statistics raised by 0.1 to 0.5.
    """
    rng = np.random.default_rng(seed)
    weights = architecture.initial_weights(seed)
    for name, value in weights.items():
        if not name.endswith("/kernel"):
            shift = rng.uniform(0.1, 0.5, value.shape).astype(np.float32)
            weights[name] = value - shift if name.endswith("/bias") else value + shift
    return weights


def random_inputs(architecture: Architecture, count: int, seed: int = 0) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Draw standardized inputs and labels.

    Parameters
    ----------
    architecture : Architecture
        The network.
    count : int
        How many.
    seed : int
        Seed of the draw.

    Returns
    -------
    ndarray of float64 [shape=(count, height, width, channels)]
        Inputs.
    ndarray of int64 [shape=(count,)]
        Labels.
    """
    rng = np.random.default_rng([seed, 1])
    return rng.normal(size=(count, *architecture.input_shape)), rng.integers(0, architecture.classes, count)


def random_masks(architecture: Architecture, count: int) -> dict[str, NDArray[Any]]:
    """Draw a mask for every dropout layer.

    Parameters
    ----------
    architecture : Architecture
        The network.
    count : int
        Number of inputs.

    Returns
    -------
    dict of str to ndarray of float64
        Ones and zeros in the shape of each layer's input.
    """
    rng = np.random.default_rng(2)
    layers = zip(architecture.layers, architecture.shapes()[:-1], strict=True)
    return {
        layer.name: (rng.random((count, *shape)) >= layer.rate).astype(np.float64)
        for layer, shape in layers
        if isinstance(layer, Dropout)
    }
