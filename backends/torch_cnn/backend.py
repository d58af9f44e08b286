"""The PyTorch backend: builds networks, predicts with them, trains them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from backends.torch_cnn.info import INFO
from backends.torch_cnn.network import Dropout, build_layers, get_weights, set_weights
from backends.torch_cnn.optimizer import KerasAdam
from genrebench.architecture import Architecture, Weights
from genrebench.backend import Adam, BatchMetrics
from genrebench.errors import BackendError

_DTYPES = {"float32": torch.float32, "float64": torch.float64}


class TorchNetwork:
    """A network in PyTorch.

    Parameters
    ----------
    architecture : Architecture
        What to build.
    weights : mapping of str to ndarray
        Canonical weights.
    dtype : torch.dtype
        Type of weights and computation.
    device : torch.device
        Where they lie.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: Mapping[str, NDArray[Any]],
        *,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        """Build the modules and copy the weights."""
        architecture.check_weights(weights)
        self.architecture = architecture
        self._dtype, self._device = dtype, device
        modules = build_layers(architecture).to(dtype=dtype)
        set_weights(architecture, modules, weights)
        # PyTorch's annotations lack this use of to(), which its documentation has.
        self._modules = modules.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer: KerasAdam | None = None

    def weights(self) -> Weights:
        """Read the weights.

        Returns
        -------
        dict of str to ndarray
            Canonical weights, copied.
        """
        return get_weights(self.architecture, self._modules)

    def logits(self, x: NDArray[Any]) -> NDArray[Any]:
        """Run the network in evaluation mode.

        Parameters
        ----------
        x : ndarray [shape=(n, height, width, channels)]
            Inputs, standardised.

        Returns
        -------
        ndarray [shape=(n, classes)]
            Logits in the network's dtype.
        """
        self._modules.eval()
        with torch.inference_mode():
            logits: NDArray[Any] = self._modules(self._tensor(x)).cpu().numpy()
        return logits

    def start_training(self, optimizer: Adam, *, seed: int) -> None:
        """Set the optimiser and the random stream of dropout to their beginning.

        Parameters
        ----------
        optimizer : Adam
            Hyperparameters.
        seed : int
            Seed of dropout.
        """
        self._optimizer = KerasAdam(self._modules.parameters(), optimizer)
        generator = torch.Generator(device=self._device).manual_seed(seed)
        for module in self._modules:
            if isinstance(module, Dropout):
                module.generator = generator

    def train_step(self, x: NDArray[np.float32], labels: NDArray[np.int64]) -> BatchMetrics:
        """Do one step: forward in training mode, mean cross-entropy, backward, update.

        Parameters
        ----------
        x : ndarray of float32 [shape=(n, height, width, channels)]
            Inputs, standardised.
        labels : ndarray of int64 [shape=(n,)]
            True classes.

        Returns
        -------
        BatchMetrics
            Loss and correct predictions of this batch before the update.

        Raises
        ------
        BackendError
            If `start_training` was not called.
        """
        if self._optimizer is None:
            raise BackendError("train_step: expected start_training to be called first")
        self._modules.train()
        targets = torch.from_numpy(labels).to(self._device)
        logits = self._modules(self._tensor(x))
        loss = F.cross_entropy(logits, targets)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        correct = int((logits.detach().argmax(dim=1) == targets).sum())
        return BatchMetrics(size=len(labels), loss=loss.item(), correct=correct)

    def _tensor(self, x: NDArray[Any]) -> Tensor:
        """Turn canonical inputs into a tensor in channels-last memory.

        Parameters
        ----------
        x : ndarray [shape=(n, height, width, channels)]
            Inputs.

        Returns
        -------
        Tensor [shape=(n, channels, height, width)]
            The same values; on the CPU and in the same dtype, the same memory.

        Raises
        ------
        BackendError
            If the shape is not the architecture's.
        """
        if x.shape[1:] != self.architecture.input_shape:
            raise BackendError(f"expected inputs (n, {self.architecture.input_shape}), received shape {x.shape}")
        return torch.from_numpy(x).to(device=self._device, dtype=self._dtype).permute(0, 3, 1, 2)


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
        """Build a network.

        Parameters
        ----------
        architecture : Architecture
            What to build.
        weights : mapping of str to ndarray
            Canonical weights.
        dtype : str
            ``float32`` or ``float64``.
        device : str
            ``auto`` takes CUDA where there is one, else the CPU; or one of `INFO.devices`.

        Returns
        -------
        TorchNetwork
            The network.

        Raises
        ------
        BackendError
            If the dtype or the device is not to be had.
        """
        if dtype not in _DTYPES:
            raise BackendError(f"dtype: expected one of {', '.join(_DTYPES)}, received {dtype!r}")
        available = {
            "cpu": True,
            "cuda": torch.cuda.is_available(),
            "mps": torch.backends.mps.is_available(),
        }
        if device == "auto":
            device = "cuda" if available["cuda"] else "cpu"
        if not available.get(device):
            usable = ", ".join(name for name in INFO.devices if available[name])
            raise BackendError(
                f"device: expected one of those that PyTorch can use here ({usable}), received {device!r}"
            )
        return TorchNetwork(architecture, weights, dtype=_DTYPES[dtype], device=torch.device(device))
