"""The layers of an architecture as nodes of ONNX: a table of kinds, and a walk through the network.

Inside, tensors are (n, channels, height, width), as ONNX wants them. A function is given the writer, the node, its own
weights in float64, and the name of its input. No layer's name has a slash, so that no tensor of a layer is named as
another's, or as an input or output of the graph.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.network import Architecture
from genrebench.network.layers import same_padding
from genrebench.network.node import INPUT, Node
from genrebench_onnx.graph import GraphWriter

Own = Mapping[str, NDArray[Any]]
ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softmax": "Softmax"}


def _activated(writer: GraphWriter, node: Node, tensor: str, output: str) -> str:
    """Apply a layer's activation; channels and features are the second axis."""
    name = getattr(node.layer, "activation", "linear")
    attributes = {"axis": 1} if name == "softmax" else {}
    return writer.node(ACTIVATIONS.get(name, "Identity"), [tensor], output, **attributes)


def _output(node: Node) -> str:
    """Name the output of a layer."""
    return f"{node.name}/output"


def _linear(node: Node) -> str:
    """Name what a layer with an activation has before it; without one that is its output."""
    is_last = getattr(node.layer, "activation", "linear") == "linear"
    return _output(node) if is_last else f"{node.name}/linear"


def _pads(node: Node, window: tuple[int, int]) -> list[int]:
    """List the padding before and after height and width: top, left, bottom, right."""
    layer: Any = node.layer
    if layer.padding == "valid":
        return [0, 0, 0, 0]
    rows, columns = (same_padding(*each) for each in zip(node.input_shape[:2], window, layer.strides, strict=True))
    return [rows[0], columns[0], rows[1], columns[1]]


def _conv(writer: GraphWriter, node: Node, own: Own, x: str) -> str:
    """Convolve; ONNX's kernels are [out, in, height, width]."""
    layer: Any = node.layer
    linear, pads = _linear(node), _pads(node, layer.kernel_size)
    if writer.dtype == "float64":
        _conv_by_products(writer, node, own, x, linear, pads)
    else:
        kernel = writer.constant(own["kernel"].transpose(3, 2, 0, 1), f"{node.name}/kernel")
        bias = writer.constant(own["bias"], f"{node.name}/bias")
        writer.node("Conv", [x, kernel, bias], linear, strides=layer.strides, pads=pads, kernel_shape=layer.kernel_size)
    return linear if linear == _output(node) else _activated(writer, node, linear, _output(node))


def _conv_by_products(writer: GraphWriter, node: Node, own: Own, x: str, output: str, pads: list[int]) -> None:
    """Convolve as a sum of matrix products, one for each place in the window: ONNX Runtime's is of float32 only."""
    layer: Any = node.layer
    name, (height, width), (down, right) = node.name, layer.kernel_size, layer.strides
    rows, columns = node.output_shape[:2]
    around = writer.integers([0, 0, *pads[:2], 0, 0, *pads[2:]], f"{name}/pads")
    x = writer.node("Pad", [x, around], f"{name}/padded")
    x = writer.node("Transpose", [x], f"{name}/channels_last", perm=[0, 2, 3, 1])
    axes, steps = writer.integers([1, 2], f"{name}/axes"), writer.integers([down, right], f"{name}/steps")
    products = []
    for i, j in np.ndindex(height, width):
        place = f"{name}/{i}_{j}"
        start = writer.integers([i, j], f"{place}/start")
        end = writer.integers([i + (rows - 1) * down + 1, j + (columns - 1) * right + 1], f"{place}/end")
        part = writer.node("Slice", [x, start, end, axes, steps], f"{place}/input")
        kernel = writer.constant(own["kernel"][i, j], f"{place}/kernel")
        products.append(writer.node("MatMul", [part, kernel], f"{place}/product"))
    total = writer.node("Sum", products, f"{name}/sum")
    biased = writer.node("Add", [total, writer.constant(own["bias"], f"{name}/bias")], f"{name}/biased")
    writer.node("Transpose", [biased], output, perm=[0, 3, 1, 2])


def _max_pool(writer: GraphWriter, node: Node, x: str) -> str:
    """Take the maximum of each window, which is never the padding."""
    layer: Any = node.layer
    pads = _pads(node, layer.pool_size)
    return writer.node("MaxPool", [x], _output(node), kernel_shape=layer.pool_size, strides=layer.strides, pads=pads)


def _average(writer: GraphWriter, node: Node, x: str) -> str:
    """Average over height and width."""
    axes = writer.integers([2, 3], f"{node.name}/axes")
    return writer.node("ReduceMean", [x, axes], _output(node), keepdims=0)


def _normalize(writer: GraphWriter, node: Node, own: Own, x: str) -> str:
    """Normalize each channel by the running statistics.

    An attribute of ONNX is a float32, in which 0.001 is another number; so the epsilon is added to the variance here.
    """
    layer: Any = node.layer
    given = {name: own[name] for name in ("gamma", "beta", "moving_mean")}
    given["moving_variance_plus_epsilon"] = own["moving_variance"] + layer.epsilon
    names = [writer.constant(value, f"{node.name}/{name}") for name, value in given.items()]
    return writer.node("BatchNormalization", [x, *names], _output(node), epsilon=0.0)


def _flatten(writer: GraphWriter, node: Node, x: str) -> str:
    """Flatten in Keras' order, the channel running fastest."""
    if len(node.input_shape) == 3:
        x = writer.node("Transpose", [x], f"{node.name}/channels_last", perm=[0, 2, 3, 1])
    return writer.node("Flatten", [x], _output(node), axis=1)


def _dense(writer: GraphWriter, node: Node, own: Own, x: str) -> str:
    """Multiply, and activate."""
    linear = _linear(node)
    names = [writer.constant(own[name], f"{node.name}/{name}") for name in ("kernel", "bias")]
    writer.node("Gemm", [x, *names], linear)
    return linear if linear == _output(node) else _activated(writer, node, linear, _output(node))


BUILDERS: dict[str, Callable[[GraphWriter, Node, Own, str], str]] = {
    "Conv2D": _conv,
    "MaxPooling2D": lambda writer, node, own, x: _max_pool(writer, node, x),
    "GlobalAveragePooling2D": lambda writer, node, own, x: _average(writer, node, x),
    "BatchNormalization": _normalize,
    "Flatten": lambda writer, node, own, x: _flatten(writer, node, x),
    "Dense": _dense,
    "Dropout": lambda writer, node, own, x: writer.node("Identity", [x], _output(node)),
    "Activation": lambda writer, node, own, x: _activated(writer, node, x, _output(node)),
}


def write_layers(
    writer: GraphWriter, architecture: Architecture, weights: Mapping[str, NDArray[Any]], x: str
) -> dict[str, str]:
    """Write all layers in evaluation mode.

    Parameters
    ----------
    x : str
        The input (n, channels, height, width).

    Returns
    -------
    dict of str to str
        By layer, the tensor that it makes: (n, channels, height, width) or (n, features).
    """
    tensors = {INPUT: x}
    for node in architecture.walk():
        (source,) = node.inputs
        own = {name: np.asarray(value, np.float64) for name, value in node.own(weights).items()}
        tensors[node.name] = BUILDERS[node.kind](writer, node, own, tensors[source])
    del tensors[INPUT]
    return tensors
