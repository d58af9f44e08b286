"""What the checks work on: the backend and the referee, example networks, and how tensors are compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from genrebench.backend.protocol import Backend, BackendInfo, Network
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from genrebench.network.numerics import relative_error
from genrebench.network.sampling import random_weights

GENRE = genre_cnn((33, 20), 4)
# What the genre network lacks: padded and strided convolution, unpadded pooling, a linear activation before padded
# pooling (whose padding must not win over negative values), dropout on feature maps, normalized vectors.
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
        return self.backend.build(architecture, random_weights(architecture, seed), dtype=dtype, device="auto")

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
        weights = random_weights(architecture, 0)
        return self.build(architecture), self.referee.build(architecture, weights, dtype="float64", device="cpu")


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
