"""What the checks work on: the backend and the referee, example networks, and how tensors are compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.architecture import Architecture, Weights, genre_cnn
from genrebench.backend import Backend, BackendInfo, Network
from genrebench.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D

# Relative L2 error in float64 up to which two backends compute the same; rounding is some 1e-14.
FORWARD_TOLERANCE = 1e-11
GRADIENT_TOLERANCE = 1e-10
FLOAT32_TOLERANCE = 1e-4
DIFFERENCE_TOLERANCE = 1e-5

GENRE = genre_cnn((33, 20), 4)
# What the genre network lacks: padded and strided convolution, unpadded pooling, a linear activation before padded
# pooling (whose padding must not win over negative values), dropout on feature maps, normalised vectors.
MIXED = Architecture(
    (12, 9, 2),
    (
        Conv2D(3, (3, 2), strides=(2, 1), padding="same", activation="relu"),
        Dropout(0.25),
        BatchNormalization(momentum=0.9, epsilon=1e-2),
        Conv2D(4, (2, 2)),
        MaxPooling2D((2, 3), strides=(1, 2), padding="same"),
        MaxPooling2D((2, 2), strides=(2, 1)),
        Flatten(),
        Dense(5, activation="relu"),
        BatchNormalization(),
        Dense(3),
    ),
)
SIZES = ((32, 32), (33, 33), (31, 40), (45, 18))


class CheckFailure(AssertionError):  # noqa: N818 - a finding, as an assertion is
    """A check found that the backend is not as it should be."""


class CheckSkipped(Exception):  # noqa: N818 - no error, but a reason
    """A check does not apply to the backend."""


@dataclass(frozen=True)
class Subject:
    """The backend that is checked, and the referee.

    Attributes
    ----------
    info : BackendInfo
        What the backend says of itself.
    backend : Backend
        The backend.
    referee : Backend
        The NumPy backend.
    """

    info: BackendInfo
    backend: Backend
    referee: Backend

    def build(self, architecture: Architecture, *, dtype: str = "float64", seed: int = 0) -> Network:
        """Build a network with the backend.

        Parameters
        ----------
        architecture : Architecture
            What to build.
        dtype : str
            Type of the computation.
        seed : int
            Seed of its weights.

        Returns
        -------
        Network
            The network.
        """
        return self.backend.build(architecture, example_weights(architecture, seed), dtype=dtype, device="auto")

    def build_both(self, architecture: Architecture) -> tuple[Network, Network]:
        """Build the same network in float64 with the backend and with the referee.

        Parameters
        ----------
        architecture : Architecture
            What to build.

        Returns
        -------
        Network
            The backend's.
        Network
            The referee's.
        """
        weights = example_weights(architecture, 0)
        return self.build(architecture), self.referee.build(architecture, weights, dtype="float64", device="cpu")


def example_weights(architecture: Architecture, seed: int) -> Weights:
    """Draw weights none of which is trivial, so that a forgotten bias or running mean shows.

    Biases are negative: were they positive, hardly a value would be rectified, and batch normalisation takes a constant
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


def example_inputs(architecture: Architecture, count: int, seed: int = 0) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Draw standardised inputs and labels.

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


def example_masks(architecture: Architecture, count: int) -> dict[str, NDArray[Any]]:
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


def relative_error(value: NDArray[Any], expected: NDArray[Any]) -> float:
    """Measure a difference by the norm of the whole tensor.

    Parameters
    ----------
    value, expected : ndarray
        Two tensors.

    Returns
    -------
    float
        ``|value - expected| / |expected|`` (L2), infinite for other shapes and for NaN.
    """
    if value.shape != expected.shape or not np.isfinite(value).all():
        return float("inf")
    # In units of the largest value, since squares of large numbers overflow.
    unit = float(np.abs(expected).max(initial=0.0)) or 1.0
    with np.errstate(over="ignore"):
        difference, norm = np.linalg.norm(value / unit - expected / unit), np.linalg.norm(expected / unit)
    return float(difference / norm) if norm else float(difference)


def compare(values: Mapping[str, NDArray[Any]], expected: Mapping[str, NDArray[Any]], tolerance: float) -> None:
    """Refuse tensors that differ from the expected ones.

    Parameters
    ----------
    values, expected : mapping of str to ndarray
        Tensors by name.
    tolerance : float
        Largest relative error.

    Raises
    ------
    CheckFailure
        If names differ, or a tensor does; the first one in the expected order is named.
    """
    missing, unknown = sorted(expected.keys() - values.keys()), sorted(values.keys() - expected.keys())
    if missing or unknown:
        raise CheckFailure(f"expected tensors {sorted(expected)}, missing {missing}, unknown {unknown}")
    for name, tensor in expected.items():
        if values[name].shape != tensor.shape:
            raise CheckFailure(f"{name}: expected shape {tensor.shape}, received {values[name].shape}")
        error = relative_error(values[name], tensor)
        if not error <= tolerance:
            raise CheckFailure(f"{name}: expected a relative error of at most {tolerance:g}, received {error:.2g}")
