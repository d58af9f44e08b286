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
    "Deconvolution2D": "Conv2DTranspose",
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
        If it is a merge by somebody's own function, or a deconvolution to a size of somebody's own.
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
    if name == "Deconvolution2D":
        _check_output(given.pop("output_shape", None), given)
    return _CLASSES.get(name, name), given


def _check_output(shape: Any, given: dict[str, Any]) -> None:
    """Refuse a transposed convolution whose output, which Keras 1 was told, is not the size that Keras 2 gives it."""
    sizes, strides = given.get("kernel_size"), given.get("strides", [1, 1])
    is_first = given.get("data_format") == "channels_first"
    lengths = shape[2:4] if is_first and isinstance(shape, list) else shape[1:3] if isinstance(shape, list) else []
    numbers = [*lengths, *(sizes or []), *(strides if isinstance(strides, list) else [])]
    fits = len(numbers) == 6 and all(type(each) is int and each > 0 for each in numbers)
    if fits:
        for length, size, stride in zip(lengths, sizes or [], strides, strict=True):
            rest = length if given.get("padding") == "same" else length - max(size, stride)
            fits = fits and rest >= 0 and rest % stride == 0
    if not fits:
        reason = f"expected a transposed convolution of the usual output shape, received {shape!r:.60}"
        raise UnreadableError(reason, "build it with Conv2DTranspose")


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
