"""The names that Keras 1 gave to layers and their settings, in those of today."""

from typing import Any

from genrebench.reading.problems import UnreadableError

_CLASSES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "AtrousConv2D": "Conv2D",
    "SeparableConvolution2D": "SeparableConv2D",
    "TimeDistributedDense": "Dense",
}
_MERGES = {
    "sum": "Add",
    "mul": "Multiply",
    "concat": "Concatenate",
    "ave": "Average",
    "max": "Maximum",
    "dot": "Dot",
}
_KEYS = {
    "nb_filter": "filters",
    "filter_length": "kernel_size",
    "border_mode": "padding",
    "subsample": "strides",
    "subsample_length": "strides",
    "atrous_rate": "dilation_rate",
    "dim_ordering": "data_format",
    "bias": "use_bias",
    "p": "rate",
    "sigma": "stddev",
    "inner_activation": "recurrent_activation",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "pool_length": "pool_size",
    "stride": "strides",
    "length": "size",
}
_DROPPED = frozenset(
    """init inner_init forget_bias_init W_regularizer U_regularizer b_regularizer W_constraint b_constraint
    activity_regularizer gamma_regularizer beta_regularizer weights consume_less depthwise_regularizer
    pointwise_regularizer depthwise_constraint pointwise_constraint""".split()
)
MARKS = ('"nb_filter"', '"border_mode"', '"inner_init"', '"W_regularizer"', '"dim_ordering"')


def translate(name: str, config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Give a layer of Keras 1 the names of today.

    Parameters
    ----------
    name : str
        Name of its class.
    config : dict
        Its settings.

    Raises
    ------
    UnreadableError
        If it is a merge by somebody's own function.
    """
    if name == "Merge":
        return _merge(config)
    given = {_KEYS.get(key, key): value for key, value in config.items() if key not in _DROPPED}
    if name != "Embedding" and "output_dim" in given:
        given["units"] = given.pop("output_dim")
    sizes = [
        given.pop(key) for key in ("nb_row", "nb_col", "kernel_dim1", "kernel_dim2", "kernel_dim3") if key in given
    ]
    if sizes:
        given["kernel_size"] = sizes
    if "data_format" in given:
        formats = {"tf": "channels_last", "th": "channels_first", "default": None}
        given["data_format"] = formats.get(str(given["data_format"]), given["data_format"])
    if name == "TimeDistributedDense":
        given.pop("input_length", None)
    return _CLASSES.get(name, name), given


def _merge(config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Turn a merge into the layer that its mode says."""
    mode = config.get("mode")
    if not isinstance(mode, str) or mode not in _MERGES or config.get("mode_type", "raw") not in ("raw", None):
        raise UnreadableError(
            f"expected a merge by {', '.join(_MERGES)}, received {mode!r:.60}", "build it from layers of its own"
        )
    given: dict[str, Any] = {"name": config.get("name")}
    if mode == "concat":
        given["axis"] = config.get("concat_axis", -1)
    elif mode == "dot":
        given["axes"] = config.get("dot_axes", -1)
    return _MERGES[mode], given
