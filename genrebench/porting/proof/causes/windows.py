"""Hypotheses about convolutions and poolings."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from genrebench.network.types import Array
from genrebench.parity.ledger.base import Entry, Prediction, Predictions
from genrebench.parity.ledger.case import kernel_layouts
from genrebench.porting.proof.case import CallCase, with_settings
from genrebench.reading.kinds.convolution import _ConvTranspose, _SeparableConv
from genrebench.reading.kinds.pooling import _Global, _Pooling
from genrebench.reading.kinds.windows import padded

_SAME = "https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2"
_CONV = "https://keras.io/api/layers/convolution_layers/; https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html"
_DEPTHWISE = "https://keras.io/api/layers/convolution_layers/depthwise_convolution2d/"
_TRANSPOSED = "https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html"
_POOLING = "https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html"
Pads = Sequence[tuple[int, int]]


def _window(kind: Any) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Look up size, strides and dilation of a window."""
    size = kind.pool_size if isinstance(kind, _Pooling) else kind.kernel_size
    return size, kind.strides, getattr(kind, "dilation_rate", (1,) * kind.rank)


def _pads(case: CallCase) -> list[tuple[int, int]]:
    """Compute what ``same`` puts before and behind along each axis."""
    size, strides, dilation = _window(case.kind)
    lengths = case.x.shape[2:] if case.kind.data_format == "channels_first" else case.x.shape[1:-1]
    return [padded(*each) or (0, 0) for each in zip(lengths, size, strides, dilation, strict=True)]


def _padded(case: CallCase, pads: Pads, fill: float = 0.0) -> Array:
    """Put a constant around the input, and run the call without padding of its own."""
    widths = [(0, 0), *pads, (0, 0)]
    if case.kind.data_format == "channels_first":
        widths = [(0, 0), (0, 0), *pads]
    kind = with_settings(case.kind, padding="valid")
    return case.run(kind=kind, inputs=(np.pad(case.x, widths, constant_values=fill), *case.inputs[1:]))


def _other_pads(case: CallCase) -> Iterator[tuple[str, str, Pads]]:
    """List other ways of padding than ``same``'s, in a word and in words."""
    right = _pads(case)
    size, _, dilation = _window(case.kind)
    half = [((each - 1) * step + 1) // 2 for each, step in zip(size, dilation, strict=True)]
    yield "symmetric", f"padded alike on both sides by {half}", [(each, each) for each in half]
    yield "start", "the odd row or column is padded at the beginning", [(after, before) for before, after in right]
    yield (
        "floor",
        "padded alike on both sides by the smaller amount, then cut",
        [(before, before) for before, _ in right],
    )
    if any(before != after for before, after in right):
        larger = [(max(each), max(each)) for each in right]
        yield "larger", "padded alike on both sides by the larger amount", larger
    yield "none", "not padded", [(0, 0)] * len(right)


def _same_padding(case: CallCase) -> Predictions:
    """Predict ``same`` with other amounts of padding."""
    if case.kind.padding != "same" or isinstance(case.kind, _ConvTranspose):
        return
    right = ", ".join(f"{before} before and {after} behind" for before, after in _pads(case))
    fill = float("-inf") if case.kind.name.startswith("Max") else 0.0
    for word, text, pads in _other_pads(case):
        if list(pads) == _pads(case) or case.kind.name.startswith("Average"):
            continue
        value = _padded(case, pads, fill)
        index = tuple(slice(length) for length in case.received.shape)
        yield Prediction(f"{text}, expected {right}", value[index], padding=word)


def _causal(case: CallCase) -> Predictions:
    """Predict causal padding on the other side, or on both."""
    if case.kind.padding != "causal":
        return
    total = (case.kind.kernel_size[0] - 1) * case.kind.dilation_rate[0]
    choices = {"end": (0, total), "both": (total // 2, total - total // 2), "both, cut": (total, total)}
    for where, pads in choices.items():
        value = _padded(case, [pads])[:, : case.expected.shape[1]]
        if where == "both, cut":
            value = _padded(case, [pads])[:, -case.expected.shape[1] :]
        text = "padded at the end" if where != "both" else "padded at both ends"
        yield Prediction(f"{text}, expected {total} steps at the beginning alone", value, padding=where)


def _kernels(case: CallCase) -> Iterator[tuple[str, Array]]:
    """List the kernels of a call."""
    yield from ((name, value) for name, value in case.own.items() if name.rpartition("/")[2].endswith("kernel"))


def _kernel_layout(case: CallCase) -> Predictions:
    """Predict kernels whose axes were mixed up."""
    for name, kernel in _kernels(case):
        for layout, text, other in _layouts(kernel):
            said = text if name == "kernel" else f"{name}: {text}"
            yield Prediction(said, case.run(own={name: other}), layout=layout)


def _layouts(kernel: Array) -> Iterator[tuple[str, str, Array]]:
    """List what becomes of a kernel's layout."""
    yield from kernel_layouts(kernel)
    if kernel.ndim == 3:
        size, channels, filters = kernel.shape
        yield "flipped", "kernel flipped in time, expected a cross-correlation", kernel[::-1]
        reshaped = kernel.reshape(filters, channels, size).transpose(2, 1, 0)
        yield "reshaped", "kernel reshaped to (out, in, steps), expected a transposition (2, 1, 0)", reshaped
        if channels == filters:
            yield "in-out", "kernel's in and out exchanged", kernel.transpose(0, 2, 1)
    if kernel.ndim == 4:
        yield "flipped-height", "kernel flipped in height", kernel[::-1]
        yield "flipped-width", "kernel flipped in width", kernel[:, ::-1]


def _depthwise_layout(case: CallCase) -> Predictions:
    """Predict a depthwise kernel that was laid out as a convolution's, or only reshaped."""
    name = "depthwise_kernel" if isinstance(case.kind, _SeparableConv) else "kernel"
    kernel = case.own[name]
    *sizes, channels, multiplier = kernel.shape
    flat = np.moveaxis(kernel, (-2, -1), (0, 1))  # channel, multiplier, sizes
    choices = {
        "multiplier first": flat.transpose(1, 0, *range(2, flat.ndim)).reshape(channels, multiplier, *sizes),
        "reshaped": kernel.reshape(channels, multiplier, *sizes),
        "height-width": flat.swapaxes(2, 3) if len(sizes) == 2 and sizes[0] == sizes[1] else flat,
    }
    for layout, value in choices.items():
        own = {name: np.moveaxis(value, (0, 1), (-2, -1))}
        text = f"depthwise kernel laid out otherwise ({layout}), expected [channel * multiplier, 1, ...]"
        yield Prediction(text, case.run(own=own), layout=layout)
    if multiplier > 1 and not isinstance(case.kind, _SeparableConv):
        parts = case.expected.reshape(*case.expected.shape[:-1], channels, multiplier)
        value = parts.swapaxes(-1, -2).reshape(case.expected.shape)
        yield Prediction("output channels in the order multiplier, channel", value, layout="output")


def _separable(case: CallCase) -> Predictions:
    """Predict a bias or an activation between the two convolutions of a separable one."""
    kind = case.kind
    middle = with_settings(kind, activation="linear", use_bias=False)
    channels = case.own["pointwise_kernel"].shape[-2]
    between = case.run(
        kind=with_settings(middle, filters=channels),
        own={"pointwise_kernel": np.eye(channels).reshape(*(1,) * kind.rank, channels, channels)},
    )
    own = {"depthwise_kernel": _unit(kind.rank, channels)}
    ones = (1,) * kind.rank
    single = with_settings(
        kind, depth_multiplier=1, padding="valid", kernel_size=ones, strides=ones, dilation_rate=ones
    )
    value = case.run(kind=single, own=own, inputs=(np.maximum(between, 0),))
    yield Prediction("a rectifier between the two convolutions", value, between="relu")


def _unit(rank: int, channels: int) -> Array:
    """Make a depthwise kernel that changes nothing."""
    return np.ones((*(1,) * rank, channels, 1))


def _transposed_crop(case: CallCase) -> Predictions:
    """Predict a transposed convolution that is cropped in another place."""
    if case.kind.padding != "same":
        return
    whole = case.run(kind=with_settings(case.kind, padding="valid", output_padding=None))
    first = case.kind.data_format == "channels_first"
    axes = range(2, whole.ndim) if first else range(1, whole.ndim - 1)
    lengths = [case.received.shape[axis] for axis in axes]
    most = [whole.shape[axis] - length for axis, length in zip(axes, lengths, strict=True)]
    if min(most) < 0:
        return
    for offset in range(max(most) + 1):
        index: list[Any] = [slice(None)] * whole.ndim
        for axis, length, limit in zip(axes, lengths, most, strict=True):
            begin = min(offset, limit)
            index[axis] = slice(begin, begin + length)
        text = f"cropped by {offset} at the beginning, expected {[each // 2 for each in most]}"
        yield Prediction(text, whole[tuple(index)], offset=offset)


def _zero_padded(case: CallCase) -> Predictions:
    """Predict a pooling whose padding counts: zeros in a maximum, or in a mean."""
    kind = case.kind
    if not isinstance(kind, _Pooling) or kind.padding != "same":
        return
    is_mean = "Average" in kind.name
    text = "the mean counts padding, expected real values alone" if is_mean else "padded with zeros, expected -inf"
    yield Prediction(text, _padded(case, _pads(case)), padding="zeros")
    for word, said, pads in _other_pads(case):
        if list(pads) != _pads(case):
            index = tuple(slice(length) for length in case.received.shape)
            yield Prediction(f"{text}; {said}", _padded(case, pads)[index], padding=f"zeros, {word}")


def _other_pooling(case: CallCase) -> Predictions:
    """Predict the maximum in the place of the mean, or the other way around."""
    from genrebench.reading.kinds.base import KINDS

    name = case.kind.name
    other = name.replace("Average", "Max") if "Average" in name else name.replace("Max", "Average")
    if isinstance(case.kind, _Pooling | _Global) and other in KINDS:
        made = object.__new__(KINDS[other])
        for key, value in case.kind.__dict__.items():
            object.__setattr__(made, key, value)
        yield Prediction(f"{other}, expected {name}", case.run(kind=made), pooling=other)


CONVOLUTIONS = tuple(f"{name}{rank}D{end}" for name in ("Conv", "DepthwiseConv", "SeparableConv") for rank in (1, 2, 3)
                     for end in ("", "Transpose") if end == "" or name == "Conv")  # fmt: skip
_TRANSPOSES = tuple(name for name in CONVOLUTIONS if name.endswith("Transpose"))
_POOLINGS = tuple(f"{name}Pooling{rank}D" for name in ("Max", "Average") for rank in (1, 2, 3))
_GLOBALS = tuple(f"Global{name}" for name in _POOLINGS)
_DEPTHWISES = tuple(name for name in CONVOLUTIONS if name.startswith(("Depthwise", "Separable")))
_SEPARABLES = tuple(name for name in CONVOLUTIONS if name.startswith("Separable"))
WINDOW_ENTRIES: tuple[Entry[Any], ...] = (
    Entry("average-padding", "padding that counts in a pooling", _POOLING, _zero_padded, _POOLINGS),
    Entry("same-padding", "padding of same", _SAME, _same_padding, (*CONVOLUTIONS, *_POOLINGS)),
    Entry("causal-padding", "side of causal padding", "https://keras.io/api/layers/convolution_layers/convolution1d/",
          _causal, ("Conv1D", "SeparableConv1D", "DepthwiseConv1D")),
    Entry("transposed-crop", "crop of a transposed convolution", _TRANSPOSED, _transposed_crop, _TRANSPOSES),
    Entry("depthwise-layout", "layout of a depthwise kernel", _DEPTHWISE, _depthwise_layout, _DEPTHWISES),
    Entry("separable", "what stands between the convolutions of a separable one", _CONV, _separable, _SEPARABLES),
    Entry("kernel-layout", "axes of a kernel mixed up", _CONV, _kernel_layout, (*CONVOLUTIONS, "Dense")),
    Entry("pooling-kind", "maximum in the place of the mean", _POOLING, _other_pooling, (*_POOLINGS, *_GLOBALS)),
)  # fmt: skip
