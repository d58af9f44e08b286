"""What the checks work on: the backend and the reference, example networks, and how tensors are compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from genrebench.backend.protocol import Backend, BackendInfo, Network, Trainable
from genrebench.network import Architecture, genre_cnn
from genrebench.network.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from genrebench.network.numerics import relative_error
from genrebench.network.sampling import random_weights

GENRE = genre_cnn((33, 20), 4)
# Another network: nothing may depend on the order, the number and the sizes of the genre network's layers.
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


class CheckFailure(AssertionError):  # noqa: N818 - a finding, as an assertion is
    """A check found that the backend is not as it should be."""


class CheckSkipped(Exception):  # noqa: N818 - no error, but a reason
    """A check does not apply to the backend."""


@dataclass(frozen=True)
class BackendUnderTest:
    """The backend that is checked, and the reference.

    Attributes
    ----------
    info : BackendInfo
        What the backend says of itself.
    backend : Backend
        The backend.
    reference : Backend
        The NumPy backend.
    """

    info: BackendInfo
    backend: Backend
    reference: Backend

    def build(
        self, architecture: Architecture, weights: Mapping[str, NDArray[Any]] | None = None, *, dtype: str = "float64"
    ) -> Network:
        """Build a network with the backend, by default with random weights."""
        weights = random_weights(architecture, 0) if weights is None else weights
        return self.backend.build(architecture, weights, dtype=dtype, device="auto")

    def build_both(self, architecture: Architecture) -> tuple[Network, Network]:
        """Build the same network in float64 with the backend and with the reference."""
        weights = random_weights(architecture, 0)
        return self.build(architecture), self.reference.build(architecture, weights, dtype="float64", device="cpu")

    @property
    def modes(self) -> tuple[bool, ...]:
        """List the modes that networks run in: evaluation, and training unless they only predict."""
        return (False,) if self.info.predicts_only else (False, True)

    def require_training(self) -> None:
        """Skip what a network that only predicts cannot do.

        Raises
        ------
        CheckSkipped
            If the backend only predicts.
        """
        if self.info.predicts_only:
            raise CheckSkipped("the backend only predicts")

    def build_trainable(
        self, architecture: Architecture, weights: Mapping[str, NDArray[Any]] | None = None, *, dtype: str
    ) -> Trainable:
        """Build a network that is to be trained.

        Raises
        ------
        CheckSkipped
            If the backend does not train.
        CheckFailure
            If it says that it does, and its networks lack a method for that.
        """
        if not self.info.can_train:
            raise CheckSkipped("the backend does not train")
        network = self.build(architecture, weights, dtype=dtype)
        if not isinstance(network, Trainable):
            raise CheckFailure("info.can_train is True, but the network lacks a method of Trainable")
        return network


def compare(values: Mapping[str, NDArray[Any]], expected: Mapping[str, NDArray[Any]], tolerance: float) -> None:
    """Refuse tensors that differ from the expected ones.

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
