"""The ONNX backend; ONNX Runtime is imported with it."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from genrebench.backend import check_dtype, choose_device
from genrebench.network.architecture import Architecture
from genrebench_onnx.graph import TYPES
from genrebench_onnx.info import INFO
from genrebench_onnx.network import OnnxNetwork


class OnnxBackend:
    """Builds networks in ONNX Runtime."""

    @staticmethod
    def build(
        architecture: Architecture,
        weights: Mapping[str, NDArray[Any]],
        *,
        dtype: str = "float32",
        device: str = "auto",
    ) -> OnnxNetwork:
        """Build a network on the CPU. See `Backend.build`."""
        check_dtype(dtype, TYPES)
        choose_device(device, INFO.devices)
        return OnnxNetwork(architecture, weights, dtype=dtype)
