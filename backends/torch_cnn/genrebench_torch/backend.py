"""The PyTorch backend: what `genrebench_torch.info` leads to."""

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray

from genrebench.errors import BackendError
from genrebench.network.architecture import Architecture
from genrebench_torch.info import INFO
from genrebench_torch.network import TorchNetwork

DTYPES = {"float32": torch.float32, "float64": torch.float64}


class TorchBackend:
    """Builds networks in PyTorch."""

    @staticmethod
    def build(
        architecture: Architecture,
        weights: Mapping[str, NDArray[Any]],
        *,
        dtype: str = "float32",
        device: str = "auto",
    ) -> TorchNetwork:
        """Build a network; ``auto`` takes CUDA where there is one, else the CPU. See `Backend.build`."""
        if dtype not in DTYPES:
            raise BackendError(f"dtype: expected one of {', '.join(DTYPES)}, received {dtype!r}")
        available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        if device == "auto":
            device = "cuda" if available["cuda"] else "cpu"
        if not available.get(device):
            usable = ", ".join(name for name in INFO.devices if available[name])
            raise BackendError(
                f"device: expected one of those that PyTorch can use here ({usable}), received {device!r}"
            )
        return TorchNetwork(architecture, weights, dtype=DTYPES[dtype], device=torch.device(device))
