"""Convolutions."""

from collections.abc import Sequence
from typing import Any

from genrebench.porting.source.kinds.activation import activate
from genrebench.porting.source.places import SAME, axes, depthwise, kernel
from genrebench.porting.source.scope import Order
from genrebench.porting.source.site import Site, Weights
from genrebench.porting.source.table import writes
from genrebench.reading.kinds import convolution as kinds
from genrebench.reading.kinds.windows import padded, split

Sides = tuple[tuple[int, int], ...]


def channels_first(kind: Any) -> Order:
    """Tell in which order a kind's input has its channels behind the batch."""
    return "keras" if kind.data_format == "channels_first" else "torch"


def size(values: Sequence[int]) -> str:
    """Write sizes along axes: one number where they are all the same."""
    return repr(values[0]) if len(set(values)) == 1 else repr(tuple(values))


def sides_of(site: Site, sizes: Sequence[int], strides: Sequence[int], dilation: Sequence[int]) -> Sides | None:
    """Compute what ``same`` or ``causal`` pads; None if it is not the same for all inputs that the layer gets."""
    kind: Any = site.kind
    if kind.padding == "valid":
        return tuple((0, 0) for _ in sizes)
    if kind.padding == "causal":
        return (((sizes[0] - 1) * dilation[0], 0),)
    found = set()
    for call in site.calls:
        lengths, _ = split((call.input_shapes or ())[0], kind.rank, kind.data_format)
        found.add(tuple(padded(*each) for each in zip(lengths, sizes, strides, dilation, strict=True)))
    (first, *others) = found
    return None if others or None in first else tuple(each for each in first if each is not None)


def pad(text: str, sides: Sides, value: str = "") -> str:
    """Write the padding of what lies channels first: the last axis comes first in PyTorch's pad."""
    numbers = ", ".join(str(number) for before_behind in reversed(sides) for number in before_behind)
    return f"F.pad({text}, ({numbers}){f', value={value}' if value else ''})"


def window(site: Site, sizes: Sequence[int], strides: Sequence[int], dilation: Sequence[int]) -> tuple[str, str]:
    """Write the input of a convolution, padded where PyTorch's own padding cannot, and what is left for that."""
    kind: Any = site.kind
    x = site.take(channels_first(kind))
    sides = sides_of(site, sizes, strides, dilation)
    if sides is None:
        given = f"{tuple(sizes)}, {tuple(strides)}" + (f", {tuple(dilation)}" if max(dilation) > 1 else "")
        return site.step(f"{site.part('pad_same')}({x}, {given})", "what Keras pads depends on the size"), ""
    if all(before == behind for before, behind in sides):
        amounts = [before for before, _ in sides]
        return x, f", padding={size(amounts)}" if any(amounts) else ""
    comment = "as Keras' causal pads" if kind.padding == "causal" else "as Keras' same pads: more at the end"
    return site.step(pad(x, sides), comment), ""


def settings(kind: Any, padding: str, groups: int = 1) -> str:
    """Write the settings of a convolution that are not PyTorch's defaults."""
    text = f", {size(kind.kernel_size)}"
    text += f", stride={size(kind.strides)}" if max(kind.strides) > 1 else ""
    text += padding
    text += f", dilation={size(kind.dilation_rate)}" if max(kind.dilation_rate) > 1 else ""
    return text + (f", groups={groups}" if groups > 1 else "")


def finish(site: Site, text: str) -> None:
    """Write the activation and the output."""
    kind: Any = site.kind
    order = channels_first(kind)
    site.give(activate(site, text, kind.activation, order, kind.rank + 1), order)


@writes("Conv1D", "Conv2D", "Conv3D")
def write_convolution(site: Site) -> None:
    """Write a convolution."""
    assert isinstance(site.kind, kinds._Conv)
    kind = site.kind
    _, channels = split(site.shapes[0], kind.rank, kind.data_format)
    x, padding = window(site, kind.kernel_size, kind.strides, kind.dilation_rate)
    text = f"{channels}, {kind.filters}{settings(kind, padding, kind.groups)}{bias(kind)}"
    weights: Weights = {"kernel": ("weight", kernel(kind.rank)), **bias_place(kind)}
    finish(site, f"{site.module(f'nn.Conv{kind.rank}d({text})', weights)}({x})")


def bias(kind: Any) -> str:
    """Write that there is no bias, if there is none."""
    return "" if kind.use_bias else ", bias=False"


def bias_place(kind: Any) -> Weights:
    """Place the bias, if there is one."""
    return {"bias": ("bias", SAME)} if kind.use_bias else {}


@writes("DepthwiseConv1D", "DepthwiseConv2D")
def write_depthwise(site: Site) -> None:
    """Write a convolution of each channel for itself."""
    assert isinstance(site.kind, kinds._DepthwiseConv)
    kind = site.kind
    _, channels = split(site.shapes[0], kind.rank, kind.data_format)
    x, padding = window(site, kind.kernel_size, kind.strides, kind.dilation_rate)
    made = f"{channels}, {kind.channels(channels)}{settings(kind, padding, channels)}{bias(kind)}"
    layout = depthwise((*kind.kernel_size, channels, kind.depth_multiplier))
    weights: Weights = {"kernel": ("weight", layout), **bias_place(kind)}
    finish(site, f"{site.module(f'nn.Conv{kind.rank}d({made})', weights)}({x})")


@writes("SeparableConv1D", "SeparableConv2D")
def write_separable(site: Site) -> None:
    """Write a depthwise convolution and one of size 1 in a row."""
    assert isinstance(site.kind, kinds._SeparableConv)
    kind = site.kind
    _, channels = split(site.shapes[0], kind.rank, kind.data_format)
    x, padding = window(site, kind.kernel_size, kind.strides, kind.dilation_rate)
    inner = channels * kind.depth_multiplier
    name = f"nn.Conv{kind.rank}d"
    first = f"{name}({channels}, {inner}{settings(kind, padding, channels)}, bias=False)"
    second = f"{name}({inner}, {kind.filters}, 1{bias(kind)})"
    weights: Weights = {
        "depthwise_kernel": ("0.weight", depthwise((*kind.kernel_size, channels, kind.depth_multiplier))),
        "pointwise_kernel": ("1.weight", kernel(kind.rank)),
        **({"bias": ("1.bias", SAME)} if kind.use_bias else {}),
    }
    finish(site, f"{site.module(f'nn.Sequential({first}, {second})', weights)}({x})")


@writes("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
def write_transposed(site: Site) -> None:
    """Write a transposed convolution, cropped or filled up as Keras does."""
    assert isinstance(site.kind, kinds._ConvTranspose)
    kind = site.kind
    _, channels = split(site.shapes[0], kind.rank, kind.data_format)
    before, behind = zip(*(_cut(kind, axis) for axis in range(kind.rank)), strict=True)
    padding = f", padding={size(before)}" if any(before) else ""
    # PyTorch cuts `padding` at both ends, and adds `output_padding` at the end.
    more = [max(first - last, 0) for first, last in zip(before, behind, strict=True)]
    padding += f", output_padding={size(more)}" if any(more) else ""
    text = f"{channels}, {kind.filters}{settings(kind, padding)}{bias(kind)}"
    weights: Weights = {"kernel": ("weight", axes(kind.rank + 1, kind.rank, *range(kind.rank))), **bias_place(kind)}
    x = f"{site.module(f'nn.ConvTranspose{kind.rank}d({text})', weights)}({site.take(channels_first(kind))})"
    less = [max(last - first, 0) for first, last in zip(before, behind, strict=True)]
    if any(less):
        ends = ", ".join(f":-{each}" if each else ":" for each in less)
        x = f"{site.step(x)}[:, :, {ends}]"
        site.note("Keras' same cuts one more at the end")
    finish(site, x)


def _cut(kind: kinds._ConvTranspose, axis: int) -> tuple[int, int]:
    """Compute what Keras cuts from the full output at the beginning and at the end; less than 0 is filled up."""
    stride, reach = kind.strides[axis], (kind.kernel_size[axis] - 1) * kind.dilation_rate[axis] + 1
    # In the difference of the full length and what is kept, n cancels out.
    n = 1000
    surplus = (n - 1) * stride + reach - (kind.length(axis, n) or 0)
    before = max(surplus, 0) // 2 if kind.padding == "same" else 0
    return before, surplus - before
