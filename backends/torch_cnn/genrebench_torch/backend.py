"""The PyTorch backend: builds networks, predicts with them, trains them."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from genrebench.backend.protocol import BatchMetrics
from genrebench.errors import BackendError
from genrebench.network.adam import Adam, AdamState
from genrebench.network.architecture import Architecture
from genrebench.network.inputs import check_inputs
from genrebench.network.types import Weights
from genrebench.system.memory import keep_freed_memory
from genrebench_torch.info import INFO
from genrebench_torch.network import Dropout, build_layers
from genrebench_torch.optimizer import KerasAdam
from genrebench_torch.weights import from_canonical, get_weights, set_weights, tensors, to_canonical

_DTYPES = {"float32": torch.float32, "float64": torch.float64}


def _room(device: torch.device) -> int:
    """Say how much data a device may keep.

    Returns
    -------
    int
        Bytes: half of a GPU's free memory; -1 where there is nothing to be copied to.
    """
    return torch.cuda.mem_get_info(device)[0] // 2 if device.type == "cuda" else -1


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
        modules = build_layers(architecture, fast=True).to(dtype=dtype)
        set_weights(architecture, modules, weights)
        # PyTorch's annotations lack this use of to(), which its documentation has.
        self._modules = modules.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer: KerasAdam | None = None
        self._autocasts = False
        self._data: tuple[Tensor, Tensor] | None = None
        self._source: tuple[NDArray[np.float32], NDArray[np.int64]] | None = None

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
            Inputs, standardized.

        Returns
        -------
        ndarray [shape=(n, classes)]
            Logits in the network's dtype.
        """
        check_inputs(self.architecture, x)
        self._modules.eval()
        with torch.inference_mode(), self._exactly():
            logits: NDArray[Any] = self._modules(self._canonical_to_torch(x)).cpu().numpy()
        return logits

    def trace(
        self, x: NDArray[Any], *, training: bool, dropout_masks: Mapping[str, NDArray[Any]] | None = None
    ) -> dict[str, NDArray[Any]]:
        """Run the network and keep what every layer gives out; the network itself is left as it was.

        Parameters
        ----------
        x : ndarray [shape=(n, height, width, channels)]
            Inputs, standardized.
        training : bool
            Whether batch normalization uses the batch's statistics.
        dropout_masks : mapping of str to ndarray, optional
            What dropout keeps (1) and drops (0), by layer; a layer without a mask drops nothing.

        Returns
        -------
        dict of str to ndarray
            Output of every layer, channels-last; in training also the updated running statistics.
        """
        check_inputs(self.architecture, x, dropout_masks=dropout_masks)
        modules = self._copy(training=training, dropout_masks=dropout_masks)
        outputs: dict[str, NDArray[Any]] = {}
        with torch.no_grad(), self._exactly():
            values = self._canonical_to_torch(x).clone(memory_format=torch.contiguous_format)
            for layer, module in zip(self.architecture.layers, modules, strict=True):
                values = module(values)
                channels_last = values.permute(0, 2, 3, 1) if values.ndim == 4 else values
                outputs[layer.name] = channels_last.cpu().numpy().copy()
        if training:
            specs = self.architecture.weight_specs()
            updated = get_weights(self.architecture, modules)
            outputs |= {name: updated[name] for name, spec in specs.items() if not spec.trainable}
        return outputs

    def loss_and_gradients(
        self, x: NDArray[Any], labels: NDArray[np.int64], *, dropout_masks: Mapping[str, NDArray[Any]] | None = None
    ) -> tuple[float, Weights]:
        """Compute the mean cross-entropy in training mode, and its gradients; the network is left as it was.

        Parameters
        ----------
        x : ndarray [shape=(n, height, width, channels)]
            Inputs, standardized.
        labels : ndarray of int64 [shape=(n,)]
            True classes.
        dropout_masks : mapping of str to ndarray, optional
            As in `trace`.

        Returns
        -------
        float
            The loss in nats.
        dict of str to ndarray
            Gradient of every trainable weight, by canonical name and in its layout.
        """
        check_inputs(self.architecture, x, labels=labels, dropout_masks=dropout_masks)
        modules = self._copy(training=True, dropout_masks=dropout_masks)
        values = self._canonical_to_torch(x).clone(memory_format=torch.contiguous_format)
        with self._exactly():
            loss = F.cross_entropy(modules(values), torch.from_numpy(labels).to(self._device))
            loss.backward()  # type: ignore[no-untyped-call]
        gradients = {
            name: to_canonical(tensor.grad, axes)
            for name, (tensor, axes) in tensors(self.architecture, modules).items()
            if tensor.grad is not None
        }
        return loss.item(), gradients

    def adam_update(self, gradients: Weights, state: AdamState, optimizer: Adam) -> tuple[Weights, AdamState]:
        """Compute one update of Adam from given gradients; the network is left as it was.

        Parameters
        ----------
        gradients : dict of str to ndarray
            Gradient of every trainable weight, by canonical name.
        state : AdamState
            Moments before the update.
        optimizer : Adam
            Hyperparameters.

        Returns
        -------
        dict of str to ndarray
            The trainable weights after the update, by canonical name.
        AdamState
            Moments after the update.
        """
        pairs = {
            name: pair
            for name, pair in tensors(self.architecture, self._copy()).items()
            if self.architecture.weight_specs()[name].trainable
        }
        adam = KerasAdam((tensor for tensor, _ in pairs.values()), optimizer, step=state.step)  # type: ignore[misc]  # all are parameters
        for name, (tensor, axes) in pairs.items():
            tensor.grad = from_canonical(gradients[name], axes, tensor)
            adam.state[tensor] = {
                "step": torch.tensor(float(state.step), device=tensor.device),
                "exp_avg": from_canonical(state.m[name], axes, tensor),
                "exp_avg_sq": from_canonical(state.v[name], axes, tensor),
            }
        adam.step()
        weights = {name: to_canonical(tensor, axes) for name, (tensor, axes) in pairs.items()}
        m = {name: to_canonical(adam.state[tensor]["exp_avg"], axes) for name, (tensor, axes) in pairs.items()}
        v = {name: to_canonical(adam.state[tensor]["exp_avg_sq"], axes) for name, (tensor, axes) in pairs.items()}
        return weights, AdamState(state.step + 1, m, v)

    def _copy(
        self, *, training: bool = False, dropout_masks: Mapping[str, NDArray[Any]] | None = None
    ) -> nn.Sequential:
        """Build the network again, layer by layer and in contiguous memory, where batch statistics are most accurate.

        Parameters
        ----------
        dropout_masks : mapping of str to ndarray, optional
            What its dropout keeps; layers without a mask drop nothing.
        """
        modules = build_layers(self.architecture, fast=False).to(self._device, self._dtype).train(training)
        set_weights(self.architecture, modules, self.weights())
        masks = dropout_masks or {}
        for layer, module in zip(self.architecture.layers, modules, strict=True):
            if isinstance(module, Dropout):
                if layer.name in masks:
                    module.mask = self._canonical_to_torch(masks[layer.name])
                else:
                    module.p = 0.0
        return modules

    def start_training(self, optimizer: Adam, *, seed: int, precision: str = "float32") -> None:
        """Set the optimizer and the random stream of dropout to their beginning.

        Parameters
        ----------
        optimizer : Adam
            Hyperparameters.
        seed : int
            Seed of dropout.
        precision : str
            ``float32`` computes in the network's dtype, ``bfloat16`` as PyTorch's autocast does.

        Raises
        ------
        BackendError
            If the precision is another.
        """
        if precision not in INFO.precisions:
            raise BackendError(f"precision: expected one of {', '.join(INFO.precisions)}, received {precision!r}")
        self._autocasts = precision == "bfloat16"
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
            Inputs, standardized.
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
        check_inputs(self.architecture, x, labels=labels)
        return self._step(self._canonical_to_torch(x), torch.from_numpy(labels).to(self._device))

    def keep_data(self, inputs: NDArray[np.float32], labels: NDArray[np.int64]) -> bool:
        """Copy the data to the GPU, if there is one, unless they are there.

        Parameters
        ----------
        inputs : ndarray of float32 [shape=(segments, height, width, channels)]
            All segments, standardized.
        labels : ndarray of int64 [shape=(segments,)]
            Their classes.

        Returns
        -------
        bool
            Whether the data are there: on the CPU they are not copied, and half of the GPU is left to the network.
        """
        if self._source is not None and inputs is self._source[0] and labels is self._source[1]:
            return True
        self._data = self._source = None
        if inputs.size * self._dtype.itemsize <= _room(self._device):
            check_inputs(self.architecture, inputs, labels=labels)
            self._data = self._canonical_to_torch(inputs), torch.from_numpy(labels).to(self._device)
            self._source = inputs, labels
        return self._data is not None

    def train_rows(self, rows: NDArray[np.int64]) -> BatchMetrics:
        """Do one step on some of the segments that are kept.

        Parameters
        ----------
        rows : ndarray of int64 [shape=(n,)]
            Which.

        Returns
        -------
        BatchMetrics
            As of `train_step`.

        Raises
        ------
        BackendError
            If no data are kept.
        """
        if self._data is None:
            raise BackendError("train_rows: expected keep_data to be called first, with data that fit")
        index = torch.from_numpy(rows).to(self._device)
        inputs, labels = (each.index_select(0, index) for each in self._data)
        return self._step(inputs, labels)

    def _step(self, x: Tensor, targets: Tensor) -> BatchMetrics:
        """Do one step of training.

        Parameters
        ----------
        x : Tensor [shape=(n, channels, height, width)]
            Inputs.
        targets : Tensor of int64 [shape=(n,)]
            True classes.
        """
        if self._optimizer is None:
            raise BackendError("train_step: expected start_training to be called first")
        self._modules.train()
        self._optimizer.zero_grad(set_to_none=True)
        with self._exactly():
            with torch.autocast(self._device.type, torch.bfloat16) if self._autocasts else nullcontext():
                logits = self._modules(x).to(self._dtype)
            loss = F.cross_entropy(logits, targets)
            loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        correct = int((logits.detach().argmax(dim=1) == targets).sum())
        return BatchMetrics(size=len(targets), loss=loss.item(), correct=correct)

    def _exactly(self) -> AbstractContextManager[None]:
        """Have a GPU compute float32 in float32, and the same each time.

        By default convolutions on NVIDIA's GPUs round their inputs to the ten bits of TF32's mantissa, and their
        gradients are summed in an order that changes from run to run.

        Returns
        -------
        context manager
            Within which the network is to be run; on other devices it does nothing.
        """
        if self._device.type != "cuda":
            return nullcontext()
        exactly: AbstractContextManager[None] = torch.backends.cudnn.flags(
            enabled=True, deterministic=True, allow_tf32=False
        )
        return exactly

    def _canonical_to_torch(self, array: NDArray[Any]) -> Tensor:
        """Bring a channels-last array into PyTorch's order of axes.

        Parameters
        ----------
        array : ndarray [shape=(n, height, width, channels)] or [shape=(n, features)]
            Inputs or a mask.

        Returns
        -------
        Tensor [shape=(n, channels, height, width)] or [shape=(n, features)]
            The same values in channels-last memory; on the CPU and in the same dtype, the same memory.
        """
        tensor = torch.from_numpy(array).to(device=self._device, dtype=self._dtype)
        return tensor.permute(0, 3, 1, 2) if tensor.ndim == 4 else tensor


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
            If the dtype or the device is unavailable.
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
        keep_freed_memory()
        return TorchNetwork(architecture, weights, dtype=_DTYPES[dtype], device=torch.device(device))
