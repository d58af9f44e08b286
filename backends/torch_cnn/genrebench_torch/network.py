"""A network in PyTorch: predicts, shows what it computes, and trains."""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from genrebench.backend import (
    Adam,
    AdamState,
    BatchMetrics,
    check_inputs,
    check_layer_kinds,
    pack_training_state,
    unpack_training_state,
)
from genrebench.backend.group import share
from genrebench.errors import BackendError
from genrebench.network import Architecture, Weights
from genrebench_torch.info import INFO
from genrebench_torch.layers import BUILDERS, BatchNorm, Dropout, Layers
from genrebench_torch.optimizer import KerasAdam
from genrebench_torch.weights import Located, from_canonical, get_weights, locate, set_weights, to_canonical

if TYPE_CHECKING:
    from genrebench_torch.group import TorchGroup

_GENERATOR, _THREADS = "dropout/generator", "threads"

# Above any machine's, below what would exhaust the system.
_MOST_THREADS = 1024


def available_bytes(device: torch.device) -> int:
    """Return how many bytes of data a device may hold: half of a GPU's free memory; -1 where it needs no copy."""
    return torch.cuda.mem_get_info(device)[0] // 2 if device.type == "cuda" else -1


class TorchNetwork:
    """A network in PyTorch; weights are kept, and everything is computed, in `dtype` on `device`."""

    def __init__(
        self,
        architecture: Architecture,
        weights: Mapping[str, NDArray[Any]],
        *,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        """Build the layers and copy the weights."""
        check_layer_kinds(architecture, BUILDERS)
        architecture.check_weights(weights)
        self.architecture = architecture
        self._dtype, self._device = dtype, device
        layers = Layers(architecture, fast=True).to(dtype=dtype)
        set_weights(layers, weights)
        # PyTorch's annotations lack this use of to(), which its documentation has.
        self._layers = layers.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer: KerasAdam | None = None
        self._generator = torch.Generator(device=device)
        self._autocasts = False
        self._group: TorchGroup | None = None
        self._data: tuple[Tensor, Tensor] | None = None
        self._source: tuple[NDArray[np.float32], NDArray[np.int64]] | None = None

    def weights(self) -> Weights:
        """Read the weights. See `Network.weights`."""
        return get_weights(self._layers)

    def logits(self, x: NDArray[Any]) -> NDArray[Any]:
        """Run the network in evaluation mode. See `Network.logits`."""
        check_inputs(self.architecture, x)
        self._layers.eval()
        with torch.inference_mode(), self._exactly():
            logits: NDArray[Any] = self._layers(self._to_torch(x)).cpu().numpy()
        return logits

    def trace(
        self, x: NDArray[Any], *, training: bool, dropout_masks: Mapping[str, NDArray[Any]] | None = None
    ) -> dict[str, NDArray[Any]]:
        """Run the network and keep the output of every layer. See `Network.trace`."""
        check_inputs(self.architecture, x, dropout_masks=dropout_masks)
        layers = self._copy(training=training, dropout_masks=dropout_masks)
        outputs: dict[str, NDArray[Any]] = {}
        with torch.no_grad(), self._exactly():
            for name, values in layers.run(self._to_torch(x).clone(memory_format=torch.contiguous_format)):
                channels_last = values.permute(0, 2, 3, 1) if values.ndim == 4 else values
                outputs[name] = channels_last.cpu().numpy().copy()
        if training:
            updated = get_weights(layers)
            outputs |= {name: updated[name] for name in self.architecture.statistics}
        return outputs

    def loss_and_gradients(
        self, x: NDArray[Any], labels: NDArray[np.int64], *, dropout_masks: Mapping[str, NDArray[Any]] | None = None
    ) -> tuple[float, Weights]:
        """Compute the loss in training mode, and its gradients. See `Network.loss_and_gradients`."""
        check_inputs(self.architecture, x, labels=labels, dropout_masks=dropout_masks)
        layers = self._copy(training=True, dropout_masks=dropout_masks)
        values = self._to_torch(x).clone(memory_format=torch.contiguous_format)
        with self._exactly():
            loss = F.cross_entropy(layers(values), torch.from_numpy(labels).to(self._device))
            loss.backward()  # type: ignore[no-untyped-call]
        gradients = {
            name: to_canonical(tensor.grad, axes)
            for name, (tensor, axes) in locate(layers).items()
            if tensor.grad is not None
        }
        return loss.item(), gradients

    def adam_update(self, gradients: Weights, state: AdamState, optimizer: Adam) -> tuple[Weights, AdamState]:
        """Compute one update of Adam from given gradients. See `Network.adam_update`."""
        weights = self._trainable(self._copy())
        adam = KerasAdam(weights, optimizer)
        adam.set_state(state)
        for name, (tensor, axes) in weights.items():
            tensor.grad = from_canonical(gradients[name], axes, tensor)
        adam.step()
        return {name: to_canonical(*located) for name, located in weights.items()}, adam.get_state()

    def _copy(self, *, training: bool = False, dropout_masks: Mapping[str, NDArray[Any]] | None = None) -> Layers:
        """Build the layers again, one by one and in contiguous memory, where batch statistics are most accurate.

        Dropout without a mask drops nothing.
        """
        layers = Layers(self.architecture, fast=False).to(self._device, self._dtype).train(training)
        set_weights(layers, self.weights())
        masks = dropout_masks or {}
        for node, module in layers.places():
            if isinstance(module, Dropout):
                if node.name in masks:
                    module.mask = self._to_torch(masks[node.name])
                else:
                    module.p = 0.0
        return layers

    def _trainable(self, layers: Layers) -> dict[str, Located]:
        """Find the weights that the optimizer moves."""
        located = locate(layers)
        return {name: located[name] for name in self.architecture.trainable}

    def start_training(self, optimizer: Adam, *, seed: int, precision: str = "float32") -> None:
        """Begin training; ``bfloat16`` computes as PyTorch's autocast does. See `Trainable.start_training`."""
        if precision not in INFO.precisions:
            raise BackendError(f"precision: expected one of {', '.join(INFO.precisions)}, received {precision!r}")
        self._autocasts = precision == "bfloat16"
        self._optimizer = KerasAdam(self._trainable(self._layers), optimizer)
        self._generator.manual_seed(seed)
        for _, module in self._layers.places():
            if isinstance(module, Dropout):
                module.generator = self._generator

    def join(self, group: "TorchGroup") -> None:
        """Train together with other processes. See `Grouped.join`."""
        self._group = group
        for _, module in self._layers.places():
            if isinstance(module, BatchNorm | Dropout):
                module.group = group

    def train_step(self, x: NDArray[np.float32], labels: NDArray[np.int64] | NDArray[np.float32]) -> BatchMetrics:
        """Do one step. See `Trainable.train_step`."""
        check_inputs(self.architecture, x, labels=labels, soft=True)
        return self._step(self._to_torch(x), self._targets(labels))

    def train_share(
        self, x: NDArray[np.float32], labels: NDArray[np.int64] | NDArray[np.float32], *, batch: int
    ) -> BatchMetrics:
        """Do this process's part of a step. See `Grouped.train_share`."""
        check_inputs(self.architecture, x, labels=labels, soft=True)
        group = self._group
        if group is None:
            raise BackendError("train_share: expected join to be called first")
        own = share(batch, group.rank, group.size)
        if len(x) != own.stop - own.start:
            raise BackendError(f"expected {own.stop - own.start} rows of a batch of {batch}, received {len(x)}")
        group.batch = batch
        optimizer = self._started()
        logits, targets = self._forward(self._to_torch(x)), self._targets(labels)
        loss = F.cross_entropy(logits, targets, reduction="sum") / batch
        with self._exactly():
            loss.backward()  # type: ignore[no-untyped-call]
        tensors = [tensor for tensor, _ in self._trainable(self._layers).values()]
        total, correct = group.sum_gradients(tensors, loss, _hits(logits, targets))
        optimizer.step()
        return BatchMetrics(size=batch, loss=total, correct=correct)

    def training_state(self) -> dict[str, NDArray[Any]]:
        """Read what resumed training needs beside the weights. See `Trainable.training_state`."""
        threads = torch.get_num_threads()
        if self._group is not None:  # as one process would have them that goes on alone
            threads = min(threads * self._group.size, os.cpu_count() or 1)
        others = {_GENERATOR: self._generator.get_state().numpy().copy(), _THREADS: np.array(threads)}
        return pack_training_state(self._started().get_state(), others)

    def load_training_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on where training stopped, with as many threads. See `Trainable.load_training_state`.

        PyTorch sums the statistics of batch normalization thread by thread: with more or fewer of them the next step
        has other bits. One of several processes keeps to the threads that it was started with.
        """
        optimizer = self._started()
        adam, others = unpack_training_state(self.architecture, state, (_GENERATOR, _THREADS))
        threads = others[_THREADS]
        if threads.shape or threads.dtype.kind not in "iu" or not 1 <= threads <= _MOST_THREADS:
            raise BackendError(f"{_THREADS}: expected a number of threads, received {threads.dtype} {threads.shape}")
        try:
            self._generator.set_state(torch.from_numpy(others[_GENERATOR].copy()))
        except (RuntimeError, TypeError) as error:
            received = f"{others[_GENERATOR].dtype} {others[_GENERATOR].shape}"
            raise BackendError(
                f"{_GENERATOR}: expected the random stream of a network on {self._device.type}, received {received}"
            ) from error
        optimizer.set_state(adam)
        if self._group is None and int(threads) != torch.get_num_threads():
            torch.set_num_threads(int(threads))

    def load_data(self, inputs: NDArray[np.float32], labels: NDArray[np.int64]) -> bool:
        """Copy the data to a GPU that has room for them, once. See `DeviceResident.load_data`."""
        if self._source is not None and inputs is self._source[0] and labels is self._source[1]:
            return True
        self._data = self._source = None
        if inputs.size * self._dtype.itemsize <= available_bytes(self._device):
            check_inputs(self.architecture, inputs, labels=labels)
            self._data = self._to_torch(inputs), torch.from_numpy(labels).to(self._device)
            self._source = inputs, labels
        return self._data is not None

    def train_on(self, indices: NDArray[np.int64]) -> BatchMetrics:
        """Do one step on loaded segments. See `DeviceResident.train_on`."""
        if self._data is None:
            raise BackendError("train_on: expected load_data to be called first, with data that fit")
        chosen = torch.from_numpy(indices).to(self._device)
        inputs, labels = (each.index_select(0, chosen) for each in self._data)
        return self._step(inputs, labels)

    def _started(self) -> KerasAdam:
        """Get the optimizer, which is there once training has begun."""
        if self._optimizer is None:
            raise BackendError("expected start_training to be called before training")
        return self._optimizer

    def _step(self, x: Tensor, targets: Tensor) -> BatchMetrics:
        """Do one step of training."""
        optimizer = self._started()
        if self._group is not None:
            raise BackendError("expected train_share of a network that several processes train, received a whole batch")
        logits = self._forward(x)
        loss = F.cross_entropy(logits, targets)
        with self._exactly():
            loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return BatchMetrics(size=len(targets), loss=loss.item(), correct=int(_hits(logits, targets)))

    def _forward(self, x: Tensor) -> Tensor:
        """Compute the logits of a step, whose gradients are yet to come."""
        self._layers.train()
        self._started().zero_grad(set_to_none=True)
        with self._exactly(), torch.autocast(self._device.type, torch.bfloat16) if self._autocasts else nullcontext():
            logits: Tensor = self._layers(x).to(self._dtype)
        return logits

    def _targets(self, labels: NDArray[np.int64] | NDArray[np.float32]) -> Tensor:
        """Bring classes, or probabilities of classes, to the device."""
        targets = torch.from_numpy(labels).to(self._device)
        return targets.to(self._dtype) if targets.is_floating_point() else targets

    def _exactly(self) -> AbstractContextManager[None]:
        """Have a GPU compute float32 in float32, and the same each time; on other devices do nothing.

        By default convolutions on NVIDIA's GPUs round their inputs to the ten bits of TF32's mantissa, and their
        gradients are summed in an order that changes from run to run.
        """
        if self._device.type != "cuda":
            return nullcontext()
        exactly: AbstractContextManager[None] = torch.backends.cudnn.flags(
            enabled=True, deterministic=True, allow_tf32=False
        )
        return exactly

    def _to_torch(self, array: NDArray[Any]) -> Tensor:
        """Bring inputs or a mask, channels last, into PyTorch's order of axes.

        The values stay in channels-last memory; on the CPU and in the same dtype, in the same memory.
        """
        tensor = torch.from_numpy(array).to(device=self._device, dtype=self._dtype)
        return tensor.permute(0, 3, 1, 2) if tensor.ndim == 4 else tensor


def _hits(logits: Tensor, targets: Tensor) -> Tensor:
    """Count what was classified rightly."""
    classes = targets.argmax(dim=1) if targets.ndim == 2 else targets
    return (logits.detach().argmax(dim=1) == classes).sum()
