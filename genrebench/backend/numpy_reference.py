"""The NumPy backend: the reference of `genrebench.network.reference`, offered as a backend."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from genrebench.backend.border import check_dtype, choose_device
from genrebench.backend.protocol import BackendInfo
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
        check_dtype(dtype, ("float32", "float64"))
        choose_device(device, INFO.devices)
        return ReferenceNetwork(architecture, weights, dtype=dtype)
