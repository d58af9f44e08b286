"""A network in ONNX Runtime: predicts, and shows what it computes in evaluation."""

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from genrebench.backend import Adam, AdamState, check_inputs, check_layer_kinds
from genrebench.errors import BackendError
from genrebench.network import Architecture, Weights
from genrebench_onnx.graph import GraphWriter
from genrebench_onnx.layers import BUILDERS, write_layers

# A model of ONNX is one message of at most 2 GiB.
MAX_BYTES = 2**31 - 2**20
_INPUT = "input"


def start_session(content: bytes) -> onnxruntime.InferenceSession:
    """Load a model on the CPU, with as many threads as the environment grants."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdigit():
        options.intra_op_num_threads = int(threads)
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


class OnnxNetwork:
    """A network in ONNX Runtime."""

    def __init__(self, architecture: Architecture, weights: Mapping[str, NDArray[Any]], *, dtype: str) -> None:
        """Copy the weights."""
        check_layer_kinds(architecture, BUILDERS)
        architecture.check_weights(weights)
        size = architecture.parameters * np.dtype(dtype).itemsize
        if size > MAX_BYTES:
            raise BackendError(
                f"expected weights of less than 2 GiB, which is ONNX' limit, received {size / 2**30:.1f}"
            )
        self.architecture, self._dtype = architecture, dtype
        self._weights = {name: np.array(weights[name], dtype) for name in architecture.weight_specs()}

    def weights(self) -> Weights:
        """Copy the weights. See `Network.weights`."""
        return {name: value.copy() for name, value in self._weights.items()}

    def logits(self, x: NDArray[Any]) -> NDArray[Any]:
        """Run the network in evaluation mode. See `Network.logits`."""
        return self._run(self._session, x)[0]

    def trace(
        self, x: NDArray[Any], *, training: bool, dropout_masks: Mapping[str, NDArray[Any]] | None = None
    ) -> dict[str, NDArray[Any]]:
        """Run the network in evaluation mode and keep the output of every layer. See `Network.trace`."""
        check_inputs(self.architecture, x, dropout_masks=dropout_masks)
        if training:
            self._refuse("a pass in training")
        outputs = self._run(self._traced, x)
        return dict(zip([node.name for node in self.architecture.walk()], outputs, strict=True))

    def loss_and_gradients(
        self, x: NDArray[Any], labels: NDArray[np.int64], *, dropout_masks: Mapping[str, NDArray[Any]] | None = None
    ) -> tuple[float, Weights]:
        """Refuse: ONNX Runtime has no gradients. See `Network.loss_and_gradients`."""
        check_inputs(self.architecture, x, labels=labels, dropout_masks=dropout_masks)
        self._refuse("gradients")

    def adam_update(self, gradients: Weights, state: AdamState, optimizer: Adam) -> tuple[Weights, AdamState]:
        """Refuse: ONNX Runtime has no optimizer. See `Network.adam_update`."""
        self._refuse("an update of Adam")

    @staticmethod
    def _refuse(what: str) -> NoReturn:
        """Say what ONNX Runtime is not for."""
        raise BackendError(f"expected to predict, which is all that ONNX Runtime does, was asked for {what}; use torch")

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        """The network as it is used."""
        return start_session(self._write([self.architecture.output]))

    @cached_property
    def _traced(self) -> onnxruntime.InferenceSession:
        """The network with all its layers' outputs."""
        return start_session(self._write([node.name for node in self.architecture.walk()]))

    def _write(self, layers: list[str]) -> bytes:
        """Write the network with the outputs of some layers, channels last."""
        writer = GraphWriter(self._dtype)
        x = writer.node("Transpose", [_INPUT], "input/channels_first", perm=[0, 3, 1, 2])
        tensors = write_layers(writer, self.architecture, self._weights, x)
        outputs: dict[str, tuple[int | str, ...]] = {}
        for name in layers:
            shape = self.architecture.node(name).output_shape
            order = {"perm": [0, 2, 3, 1]} if len(shape) == 3 else {}
            canonical = writer.node("Transpose" if order else "Identity", [tensors[name]], f"{name}/canonical", **order)
            outputs[canonical] = ("n", *shape)
        return writer.finish({_INPUT: ("n", *self.architecture.input_shape)}, outputs)

    def _run(self, session: onnxruntime.InferenceSession, x: NDArray[Any]) -> list[NDArray[Any]]:
        """Run a session; what it returns may lie in its own memory."""
        check_inputs(self.architecture, x)
        return [np.array(each) for each in session.run(None, {_INPUT: np.ascontiguousarray(x, self._dtype)})]
