"""TensorFlow's operations as Keras of TensorFlow 2.1 to 2.3 wrote them down: a node of a graph, and its constants."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, NamedTuple

from genrebench.errors import ConfigError, shown
from genrebench.reading.graph import Tensor
from genrebench.reading.nodes import Arguments
from genrebench.reading.problems import SAY_EXPRESSION, UnreadableError

# Operations by TensorFlow's names: the word of `genrebench.reading.functions`, and what operands beside tensors set.
_PLAIN = {
    "Add": "add",
    "AddV2": "add",
    "Sub": "subtract",
    "Mul": "multiply",
    "RealDiv": "divide",
    "Maximum": "maximum",
    "Minimum": "minimum",
    "Pow": "power",
    "Neg": "negative",
    "Abs": "abs",
    "Square": "square",
    "Sqrt": "sqrt",
    "Rsqrt": "rsqrt",
    "Reciprocal": "reciprocal",
    "Exp": "exponential",
    "Expm1": "expm1",
    "Log": "log",
    "Log1p": "log1p",
    "Sin": "sin",
    "Cos": "cos",
    "Erf": "erf",
    "Relu": "relu",
    "Relu6": "relu6",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Elu": "elu",
    "Selu": "selu",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
    "Identity": "identity",
    "StopGradient": "stop_gradient",
    "ZerosLike": "zeros_like",
    "OnesLike": "ones_like",
    "Equal": "equal",
    "NotEqual": "not_equal",
    "Greater": "greater",
    "GreaterEqual": "greater_equal",
    "Less": "less",
    "LessEqual": "less_equal",
    "LogicalAnd": "logical_and",
    "LogicalOr": "logical_or",
    "LogicalNot": "logical_not",
    "Shape": "shape",
    "Select": "where",
    "SelectV2": "where",
}


class _Operation(NamedTuple):
    """What an operation is called, which of its inputs are settings, and which attributes are."""

    word: str
    inputs: Mapping[int, str] = {}
    attributes: Mapping[str, str] = {}


_REDUCTION = ({1: "axis"}, {"keep_dims": "keepdims"})
_OPERATIONS = {
    **{name: _Operation(word) for name, word in _PLAIN.items()},
    **{name: _Operation(name.lower(), *_REDUCTION) for name in ("Mean", "Sum", "Max", "Min", "Any", "All")},
    "LeakyRelu": _Operation("leaky_relu", {}, {"alpha": "alpha"}),
    "Reshape": _Operation("reshape", {1: "shape"}),
    "Transpose": _Operation("transpose", {1: "perm"}),
    "ExpandDims": _Operation("expand_dims", {1: "axis"}),
    "Squeeze": _Operation("squeeze", {}, {"squeeze_dims": "axis"}),
    "ConcatV2": _Operation("concatenate", {-1: "axis"}),
    "Pack": _Operation("stack", {}, {"axis": "axis"}),
    "Unpack": _Operation("unstack", {}, {"axis": "axis"}),
    "Split": _Operation("split", {0: "axis"}, {"num_split": "num_or_size_splits"}),
    "SplitV": _Operation("split", {1: "num_or_size_splits", 2: "axis"}),
    "Pad": _Operation("pad", {1: "paddings"}),
    "MatMul": _Operation("matmul", {}, {"transpose_a": "transpose_a", "transpose_b": "transpose_b"}),
    "BatchMatMulV2": _Operation("matmul", {}, {"adj_x": "transpose_a", "adj_y": "transpose_b"}),
    "BiasAdd": _Operation("bias_add", {}, {"data_format": "data_format"}),
    "Cast": _Operation("cast", {}, {"DstT": "dtype"}),
    "StridedSlice": _Operation("getitem", {1: "begin", 2: "end", 3: "strides"}),
}
_DTYPES = {"DT_FLOAT": "float32", "DT_DOUBLE": "float64", "DT_HALF": "float16"}
_MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


def read_node(config: Mapping[str, Any], given: Arguments) -> tuple[str, dict[str, Any], Arguments]:
    """Find out what an operation computes.

    Parameters
    ----------
    config : mapping
        Of a TensorFlowOpLayer.
    given : Arguments
        The tensors that it is called with.

    Returns
    -------
    str
        The word for the function, as `genrebench.reading.functions.operator_of` gives it.
    dict
        Its settings.
    Arguments
        Its operands, constants among them in their places.

    Raises
    ------
    UnreadableError
        If it is one that is not known.
    ConfigError
        If what is written of it fits no such operation.
    """
    node, constants = config.get("node_def"), config.get("constants", {})
    if not isinstance(node, Mapping) or not isinstance(constants, Mapping):
        raise UnreadableError("a TensorFlow operation in a form that is not text", SAY_EXPRESSION)
    name, attributes = node.get("op"), node.get("attr", {})
    if not isinstance(name, str) or name not in _OPERATIONS:
        raise UnreadableError(f"a TensorFlow operation called without a layer, {name!r:.60}", SAY_EXPRESSION)
    if not isinstance(attributes, Mapping):
        raise ConfigError(f"expected attributes of {name}, received {shown(attributes)}")
    operation = _OPERATIONS[name]
    operands = _operands(name, constants, given.values)
    settings: dict[str, Any] = {}
    places = {place % len(operands) if operands else place: key for place, key in operation.inputs.items()}
    for place, key in places.items():
        if place >= len(operands) or isinstance(operands[place], Tensor):
            raise ConfigError(f"expected {name} with constants as its settings, received tensors")
        settings[key] = operands[place]
    kept = [each for place, each in enumerate(operands) if place not in places]
    settings |= {key: _attribute(attributes[own]) for own, key in operation.attributes.items() if own in attributes}
    if name == "Cast":
        settings["dtype"] = _DTYPES.get(str(settings.get("dtype")), "another")
    if name == "StridedSlice":
        keys = _brackets(settings, {each: _attribute(attributes.get(each, {"i": 0})) for each in _MASKS})
        return operation.word, {}, Arguments([*kept, *keys])
    return operation.word, settings, Arguments(kept)


def _operands(name: str, constants: Mapping[str, Any], tensors: list[Any]) -> list[Any]:
    """Put constants in their places between tensors."""
    by_place = {int(place): value for place, value in constants.items() if str(place).isdecimal()}
    places = range(len(tensors) + len(constants))
    if len(by_place) < len(constants) or not by_place.keys() <= set(places):
        raise ConfigError(f"expected the places of constants of {name}, received {shown(list(constants))}")
    left = iter(tensors)
    return [by_place[place] if place in by_place else next(left) for place in places]


def _attribute(value: Any) -> Any:
    """Read an attribute: ``{"i": "3"}``, ``{"b": true}``, ``{"s": "TkhXQw=="}``, ``{"list": {"i": ["1"]}}``."""
    if not isinstance(value, Mapping) or len(value) > 1:
        raise ConfigError(f"expected an attribute, received {shown(value)}")
    for key, inner in value.items():
        if key == "i" and str(inner).lstrip("-").isdecimal():
            return int(inner)
        if key == "s" and isinstance(inner, str):
            try:
                return base64.b64decode(inner, validate=True).decode("ascii")
            except (binascii.Error, ValueError) as error:
                raise ConfigError(f"expected text in base64, received {shown(inner)}") from error
        if key == "list" and isinstance(inner, Mapping):
            return [_attribute({"i": each}) for each in inner.get("i", [])]
        if key in ("b", "f", "type"):
            return inner
    return [] if "list" in value else 0


def _brackets(settings: Mapping[str, Any], masks: Mapping[str, Any]) -> list[Any]:
    """Read what stands in brackets from the bits of masks (``tf.strided_slice``)."""
    begin, end, strides = (settings[each] for each in ("begin", "end", "strides"))
    rows = (begin, end, strides)
    if any(not isinstance(row, list) or len(row) != len(begin) for row in rows):
        raise ConfigError(f"expected a slice of as many beginnings as ends, received {shown(rows)}")
    keys: list[Any] = []
    for place, (first, last, step) in enumerate(zip(*rows, strict=True)):
        said = {name for name, bits in masks.items() if isinstance(bits, int) and bits >> place & 1}
        if "ellipsis_mask" in said:
            keys.append(Ellipsis)
        elif "new_axis_mask" in said:
            keys.append(None)
        elif "shrink_axis_mask" in said:
            keys.append(first)
        else:
            start, stop = None if "begin_mask" in said else first, None if "end_mask" in said else last
            keys.append({"start": start, "stop": stop, "step": None if step == 1 else step})
    return keys
