"""The PyTorch backend: what `genrebench_torch.info` leads to."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray

from genrebench.backend import check_dtype, choose_device
from genrebench.network.architecture import Architecture
from genrebench_torch.info import INFO
from genrebench_torch.network import TorchNetwork

if TYPE_CHECKING:
    from genrebench_torch.group import TorchGroup

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
        check_dtype(dtype, DTYPES)
        return TorchNetwork(architecture, weights, dtype=DTYPES[dtype], device=_device(device))

    @staticmethod
    def join(device: str = "auto") -> "TorchGroup":
        """Meet the processes that ``torchrun`` started with this one. See `GroupBackend.join`."""
        from genrebench_torch.group import join_group  # what trains alone needs none of it

        return join_group(_device(device))


def _device(name: str) -> torch.device:
    """Find a device; ``auto`` takes CUDA where there is one, else the CPU."""
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return torch.device(choose_device(name, [each for each in INFO.devices if available[each]]))
