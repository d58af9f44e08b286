"""A model of ONNX, or its front end alone, written and run: the functions of jobs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.backend import check_layer_kinds
from genrebench.errors import BackendError
from genrebench.network.architecture import Architecture
from genrebench_onnx.front_end import write_mel, write_standardization
from genrebench_onnx.graph import GraphWriter
from genrebench_onnx.layers import BUILDERS, write_layers
from genrebench_onnx.network import MAX_BYTES, start_session

Arrays = dict[str, NDArray[Any]]


def write(arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Write a model, and run it in ONNX Runtime.

    Parameters
    ----------
    arrays : dict of str to ndarray
        ``weights/<canonical name>``; ``inputs/<number>``, batches that the model is tried on; for a front end
        ``window`` and ``filters``, as `genrebench_onnx.front_end.write_mel` takes them.
    options : dict
        ``architecture`` and ``standardizer``, in JSON, the latter None if inputs are standardized already; ``mel``, the
        settings of the front end, or None; ``samples`` of a segment of audio; ``batch``, what the first axis is called;
        ``metadata``, texts by name.

    Returns
    -------
    dict of str to ndarray
        ``model``, the file's bytes; by number of the batch ``logits/`` and, with a front end, ``spectrogram/``.
    dict
        ``inputs`` and ``outputs``: shapes by name.
    """
    architecture = Architecture.from_json(options["architecture"])
    check_layer_kinds(architecture, BUILDERS)
    if 4 * architecture.parameters > MAX_BYTES:
        raise BackendError(f"expected fewer than {MAX_BYTES // 4:,} parameters, received {architecture.parameters:,}")
    return _tried(*_write(architecture, arrays, options), arrays)


def write_front_end(arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Write what comes before the network, without it, and run it in ONNX Runtime.

    Parameters
    ----------
    arrays : dict of str to ndarray
        As of `write`, without weights; ``inputs/`` are audio.
    options : dict
        ``mel``, ``samples``, ``batch`` and ``metadata`` as of `write`; ``shape`` of a spectrogram.

    Returns
    -------
    dict of str to ndarray
        ``model``, the file's bytes, and by number of the batch ``spectrogram/``.
    dict
        As of `write`.
    """
    writer, outputs = GraphWriter(), {"spectrogram": (options["batch"], *options["shape"])}
    inputs, _ = _write_front_end(writer, arrays, options)
    return _tried(writer.finish(inputs, outputs, options["metadata"]), inputs, outputs, arrays)


def _tried(
    content: bytes, inputs: dict[str, Any], outputs: dict[str, Any], arrays: Arrays
) -> tuple[Arrays, dict[str, Any]]:
    """Run what was written on the batches that it is tried on."""
    session = start_session(content)
    (name,) = inputs
    found: Arrays = {"model": np.frombuffer(content, np.uint8).copy()}
    for key, batch in _part(arrays, "inputs").items():
        for output, value in zip(outputs, session.run(list(outputs), {name: batch}), strict=True):
            found[f"{output}/{key}"] = np.array(value)
    return found, {"inputs": inputs, "outputs": outputs}


def _write(
    architecture: Architecture, arrays: Arrays, options: Mapping[str, Any]
) -> tuple[bytes, dict[str, Any], dict[str, Any]]:
    """Write the graph, from its input to the logits."""
    writer = GraphWriter()
    batch, (bands, frames) = options["batch"], architecture.input_shape[:2]
    outputs: dict[str, Any] = {"logits": (batch, architecture.classes)}
    if options["mel"] is not None:
        inputs, x = _write_front_end(writer, arrays, options)
        outputs["spectrogram"] = (batch, bands, frames)
    else:
        x = "spectrogram" if options["standardizer"] else "standardized"
        inputs = {x: (batch, bands, frames)}
    if options["standardizer"] is not None:
        x = write_standardization(writer, x, options["standardizer"])
    x = writer.node("Unsqueeze", [x, writer.integers([1], "network/channel")], "network/input")
    last = write_layers(writer, architecture, _part(arrays, "weights"), x)[architecture.output]
    writer.node("Identity", [last], "logits")
    return writer.finish(inputs, outputs, options["metadata"]), inputs, outputs


def _write_front_end(
    writer: GraphWriter, arrays: Arrays, options: Mapping[str, Any]
) -> tuple[dict[str, tuple[Any, ...]], str]:
    """Write the graph from audio to spectrograms in dB: its input, and what they are called."""
    mel = write_mel(writer, "audio", options["mel"], arrays["window"], arrays["filters"])
    return {"audio": (options["batch"], options["samples"])}, writer.node("Identity", [mel], "spectrogram")


def _part(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Arrays:
    """Take the arrays of one kind."""
    start = f"{prefix}/"
    return {name.removeprefix(start): each for name, each in arrays.items() if name.startswith(start)}
