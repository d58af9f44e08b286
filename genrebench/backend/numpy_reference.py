"""The NumPy backend: the reference of `genrebench.network.reference`, offered as a backend."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from genrebench.backend.protocol import BackendInfo
from genrebench.errors import BackendError
from genrebench.network.architecture import Architecture
from genrebench.network.reference import ReferenceNetwork

INFO = BackendInfo(
    name="numpy",
    framework="numpy",
    summary="NumPy reference: builds, predicts, says what is right in float64",
    devices=("cpu",),
    can_train=False,
    implementation="genrebench.backend.numpy_reference:NumpyBackend",
)
_DTYPES = ("float32", "float64")


class NumpyBackend:
    """Builds networks in NumPy."""

    @staticmethod
    def build(
        architecture: Architecture,
        weights: Mapping[str, NDArray[Any]],
        *,
        dtype: str = "float32",
        device: str = "auto",
    ) -> ReferenceNetwork:
        """Build a network.

        Parameters
        ----------
        dtype : str
            ``float32`` or ``float64``; differences between frameworks are judged in the latter.

        Raises
        ------
        BackendError
            If the dtype or the device is unavailable.
        """
        if dtype not in _DTYPES:
            raise BackendError(f"dtype: expected one of {', '.join(_DTYPES)}, received {dtype!r}")
        if device not in ("auto", *INFO.devices):
            raise BackendError(f"device: expected auto or {', '.join(INFO.devices)}, received {device!r}")
        return ReferenceNetwork(architecture, weights, dtype=dtype)
