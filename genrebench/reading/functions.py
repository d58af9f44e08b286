"""Functions of tensors, which Keras 2 and 3 write down like layers: which one a document means."""

from collections.abc import Mapping
from typing import Any

from genrebench.reading.kinds import KINDS
from genrebench.reading.problems import SAY_EXPRESSION, UnreadableError
from genrebench.reading.version import KerasVersion

# Classes of Keras 3, and functions of TensorFlow without what is in front of their last dot, as one word each.
_CLASSES = {
    "Add": "add",
    "Subtract": "subtract",
    "Multiply": "multiply",
    "Divide": "divide",
    "TrueDivide": "divide",
    "Maximum": "maximum",
    "Minimum": "minimum",
    "Power": "power",
    "Negative": "negative",
    "Absolute": "abs",
    "Abs": "abs",
    "Square": "square",
    "Sqrt": "sqrt",
    "Log": "log",
    "Exp": "exponential",
    "Relu": "relu",
    "Relu6": "relu6",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Silu": "silu",
    "Gelu": "gelu",
    "Elu": "elu",
    "Selu": "selu",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "LeakyRelu": "leaky_relu",
    "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu",
    "LogSigmoid": "log_sigmoid",
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
    "Clip": "clip",
    "Cast": "cast",
    "Mean": "mean",
    "Sum": "sum",
    "Max": "max",
    "Min": "min",
    "Reshape": "reshape",
    "Transpose": "transpose",
    "Swapaxes": "swapaxes",
    "ExpandDims": "expand_dims",
    "Squeeze": "squeeze",
    "Concatenate": "concatenate",
    "Stack": "stack",
    "Split": "split",
    "Flip": "flip",
    "GetItem": "getitem",
    "Matmul": "matmul",
    "Normalize": "normalize",
    "NotEqual": "not_equal",
    "Equal": "equal",
    "Greater": "greater",
    "GreaterEqual": "greater_equal",
    "Less": "less",
    "LessEqual": "less_equal",
    "LogicalAnd": "logical_and",
    "LogicalOr": "logical_or",
    "LogicalXor": "logical_xor",
    "LogicalNot": "logical_not",
    "Where": "where",
    "Any": "any",
    "All": "all",
    "ZerosLike": "zeros_like",
    "OnesLike": "ones_like",
    "FullLike": "full_like",
    "ConvertToTensor": "convert_to_tensor",
    "StopGradient": "stop_gradient",
    "Var": "var",
    "Std": "std",
    "Logsumexp": "logsumexp",
    "Moveaxis": "moveaxis",
    "Pad": "pad",
    "Unstack": "unstack",
    "Resize": "resize",
    "DepthToSpace": "depth_to_space",
    "Celu": "celu",
    "HardTanh": "hard_tanh",
    "Rsqrt": "rsqrt",
    "Reciprocal": "reciprocal",
    "Sin": "sin",
    "Cos": "cos",
    "Erf": "erf",
    "Log1p": "log1p",
    "Expm1": "expm1",
    "Sign": "sign",
    "Floor": "floor",
    "Ceil": "ceil",
    "Round": "round",
    "Log10": "log10",
    "Log2": "log2",
    "Prod": "prod",
    "Take": "take",
    "Tile": "tile",
    "Repeat": "repeat",
    "Cumsum": "cumsum",
    "Argmax": "argmax",
    "Argmin": "argmin",
    "OneHot": "one_hot",
    "Einsum": "einsum",
    "Roll": "roll",
    "Norm": "norm",
    "Moments": "moments",
    "MaxPool": "max_pool",
    "AveragePool": "average_pool",
}
# That have other settings as functions of TensorFlow, or are none of those.
_KERAS_ALONE = (
    "any",
    "all",
    "split",
    "normalize",
    "var",
    "std",
    "full_like",
    "resize",
    "hard_silu",
    "hard_tanh",
    "celu",
    "prod",
    "take",
    "log10",
    "log2",
    "average_pool",
    "moments",
)
_FUNCTIONS = {word: word for word in _CLASSES.values() if word not in _KERAS_ALONE} | {
    "__add__": "add",
    "sub": "subtract",
    "__sub__": "subtract",
    "mul": "multiply",
    "__mul__": "multiply",
    "truediv": "divide",
    "true_divide": "divide",
    "pow": "power",
    "exp": "exponential",
    "swish": "silu",
    "reduce_mean": "mean",
    "reduce_sum": "sum",
    "reduce_max": "max",
    "reduce_min": "min",
    "clip_by_value": "clip",
    "concat": "concatenate",
    "split": "split",
    "l2_normalize": "normalize",
    "bias_add": "bias_add",
    "identity": "identity",
    "reduce_any": "any",
    "reduce_all": "all",
    "reduce_variance": "var",
    "reduce_std": "std",
    "reduce_logsumexp": "logsumexp",
    "resize": "resize",
    "resize_images_v2": "resize",
    "reduce_prod": "prod",
    "gather": "take",
    "squared_difference": "squared_difference",
    "shape": "shape",
    **{f"max_pool{end}": "max_pool" for end in ("", "1d", "2d", "3d", "_v2")},
    **{f"avg_pool{end}": "average_pool" for end in ("", "1d", "2d", "3d", "_v2")},
}
_PLACES = frozenset(
    {
        "",
        "math",
        "nn",
        "linalg",
        "__operators__",
        "compat.v1",
        "compat.v1.nn",
        "compat.v1.math",
        "image",
        "keras.activations",
    }
)


def operator_of(name: str, module: str, config: Mapping[str, Any], version: KerasVersion) -> str | None:
    """Name the function that stands in place of a layer, if one does.

    Parameters
    ----------
    name, module : str
        The class, and where the file says that it comes from.
    config : mapping
        Its settings.
    version : KerasVersion
        Which Keras saved the file.

    Raises
    ------
    UnreadableError
        If it is one that is not known.
    """
    # In an .h5 of Keras 3 no module tells a function from the layer of its name, but layers say if they are trained.
    is_bare = not module and version.numbers >= (3,) and "trainable" not in config
    is_own = name in _CLASSES and (name not in KINDS or "dtype" not in config)
    is_bare = is_bare and (is_own or (name not in KINDS and "dtype" not in config))
    if ".ops" in module or is_bare:
        if name in _CLASSES:
            return _CLASSES[name]
        raise UnreadableError(f"expected a layer, received the operation {name!r:.60}", SAY_EXPRESSION)
    if name in ("TFOpLambda", "SlicingOpLambda"):
        function = config.get("function")
        place, _, last = function.rpartition(".") if isinstance(function, str) else ("", "", "")
        if place in _PLACES and last in _FUNCTIONS:
            return _FUNCTIONS[last]
        raise UnreadableError(f"a TensorFlow function called without a layer, {function!r:.60}", SAY_EXPRESSION)
    return None
