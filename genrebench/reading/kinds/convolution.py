"""Convolutions."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError
from genrebench.network.fields import Count
from genrebench.reading.kinds.activation import activation_traps
from genrebench.reading.kinds.base import Flag, Format, Function, Shape, Sizes, Trap, Weight
from genrebench.reading.kinds.windows import Padding, _Window, count, join, split
from genrebench.reading.version import KerasVersion
from genrebench.system.validation import from_list


@dataclass(frozen=True, kw_only=True)
class _Convolution(_Window, ABC):
    """What convolutions share."""

    kernel_size: Sizes
    strides: Sizes = ()
    padding: Padding = "valid"
    data_format: Format = "channels_last"
    dilation_rate: Sizes = ()
    activation: Function = "linear"
    use_bias: Flag = True

    activations: ClassVar[tuple[str, ...]] = ("activation",)

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        given = super().explicit(config, version)
        for name in ("strides", "dilation_rate"):
            if given.get(name) is None:
                given[name] = [1] * cls.rank
        if given.get("padding") == "causal" and cls.rank > 1:
            raise ConfigError(f"expected padding to be valid or same, received causal in {cls.rank} dimensions")
        return given

    @abstractmethod
    def channels(self, channels: int) -> int:
        """Count the output's channels."""

    def length(self, axis: int, length: int | None) -> int | None:
        """Compute the length of the output along an axis."""
        return count(length, self.kernel_size[axis], self.strides[axis], self.padding, self.dilation_rate[axis])

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        lengths, channels = split(shape, self.rank, self.data_format)
        places = [self.length(axis, length) for axis, length in enumerate(lengths)]
        return join(places, self.channels(channels), self.data_format)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        if self.padding == "same":
            yield from self.uneven(shapes[0], self.kernel_size, self.strides, self.dilation_rate, self.data_format)
        if self.padding == "causal" and max(self.kernel_size) > 1:
            pad = (self.kernel_size[0] - 1) * self.dilation_rate[0]
            yield Trap("causal-padding", f"`causal` in `{{}}`: {pad} steps at the beginning, none at the end")
        if self.data_format == "channels_first":
            yield Trap("channels-first", "`{}` reads channels first; its kernel is stored with channels last")
        yield from activation_traps(self.activation)


@dataclass(frozen=True, kw_only=True)
class _Conv(_Convolution):
    """Convolution, with bias, then an activation."""

    filters: Count
    groups: Count = 1

    def channels(self, channels: int) -> int:
        """See `_Convolution.channels`."""
        if channels % self.groups or self.filters % self.groups:
            raise ConfigError(f"expected channels that {self.groups} groups divide, received {channels}")
        return self.filters

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        _, channels = split(shapes[0], self.rank, self.data_format)
        kernel = Weight("kernel", (*self.kernel_size, channels // self.groups, self.filters))
        return (kernel, Weight("bias", (self.filters,))) if self.use_bias else (kernel,)


@dataclass(frozen=True, kw_only=True)
class Conv1D(_Conv):
    """Convolution along time."""

    rank: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class Conv2D(_Conv):
    """Convolution of images."""


@dataclass(frozen=True, kw_only=True)
class Conv3D(_Conv):
    """Convolution of volumes."""

    rank: ClassVar[int] = 3


@dataclass(frozen=True, kw_only=True)
class _DepthwiseConv(_Convolution):
    """A kernel of its own for each channel; output channel ``c * depth_multiplier + j``."""

    depth_multiplier: Count = 1

    def channels(self, channels: int) -> int:
        """See `_Convolution.channels`."""
        return channels * self.depth_multiplier

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        _, channels = split(shapes[0], self.rank, self.data_format)
        kernel = Weight("kernel", (*self.kernel_size, channels, self.depth_multiplier))
        return (kernel, Weight("bias", (self.channels(channels),))) if self.use_bias else (kernel,)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield from super().traps(shapes)
        yield Trap(
            "depthwise-layout", "kernel of `{}`: [..., channel, multiplier], one per channel, not that of a convolution"
        )
        yield from _stride_and_dilation(self.strides, self.dilation_rate)


@dataclass(frozen=True, kw_only=True)
class DepthwiseConv1D(_DepthwiseConv):
    """Depthwise convolution along time."""

    rank: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class DepthwiseConv2D(_DepthwiseConv):
    """Depthwise convolution of images."""


@dataclass(frozen=True, kw_only=True)
class _SeparableConv(_Conv):
    """Depthwise convolution, then one of size 1 over the channels, then bias and activation."""

    depth_multiplier: Count = 1

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        _, channels = split(shapes[0], self.rank, self.data_format)
        pointwise = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        kernels = (
            Weight("depthwise_kernel", (*self.kernel_size, channels, self.depth_multiplier)),
            Weight("pointwise_kernel", pointwise),
        )
        return (*kernels, Weight("bias", (self.filters,))) if self.use_bias else kernels

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield from super().traps(shapes)
        yield Trap("separable", "bias and activation of `{}` come once, after the pointwise convolution")
        yield from _stride_and_dilation(self.strides, self.dilation_rate)


def _stride_and_dilation(strides: Sizes, dilation: Sizes) -> Iterator[Trap]:
    """Warn of a mistake that TensorFlow had."""
    if max(strides) > 1 and max(dilation) > 1:
        text = "stride with dilation in `{}`: Keras on TensorFlow computed this wrong before 3.15.0"
        yield Trap("stride-with-dilation", text)


@dataclass(frozen=True, kw_only=True)
class SeparableConv1D(_SeparableConv):
    """Separable convolution along time."""

    rank: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class SeparableConv2D(_SeparableConv):
    """Separable convolution of images."""


@dataclass(frozen=True, kw_only=True)
class _ConvTranspose(_Convolution):
    """The transpose of a convolution, with bias, then an activation."""

    filters: Count
    output_padding: Annotated[tuple[int, ...] | None, from_list, Field(description="whole numbers")] = None

    sized: ClassVar[tuple[str, ...]] = ("kernel_size", "strides", "dilation_rate", "output_padding")

    def channels(self, channels: int) -> int:
        """See `_Convolution.channels`."""
        return self.filters

    def length(self, axis: int, length: int | None) -> int | None:
        """Compute the length of the output along an axis, as Keras' ``deconv_output_length`` does."""
        if length is None:
            return None
        stride, size = self.strides[axis], (self.kernel_size[axis] - 1) * self.dilation_rate[axis] + 1
        if self.output_padding is None:
            return length * stride + (max(size - stride, 0) if self.padding == "valid" else 0)
        pad = size // 2 if self.padding == "same" else 0
        result = (length - 1) * stride + size - 2 * pad + self.output_padding[axis]
        if result < 1:
            raise ConfigError(f"expected an output_padding that leaves something, received {self.output_padding}")
        return result

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        _, channels = split(shapes[0], self.rank, self.data_format)
        kernel = Weight("kernel", (*self.kernel_size, self.filters, channels))
        return (kernel, Weight("bias", (self.filters,))) if self.use_bias else (kernel,)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield from activation_traps(self.activation)
        yield Trap("transposed-layout", "kernel of `{}`: [..., out, in], the reverse of a convolution's")
        sizes = [(size - 1) * step + 1 for size, step in zip(self.kernel_size, self.dilation_rate, strict=True)]
        over = [size - stride for size, stride in zip(sizes, self.strides, strict=True)]
        if self.padding == "same" and any(each % 2 for each in over if each > 0):
            yield Trap(
                "transposed-crop", "`same` in `{}`: the output is cropped by one more at the end than at the beginning"
            )
        if self.padding == "valid" and min(over) < 0:
            yield Trap("transposed-length", "kernel smaller than the stride in `{}`: Keras fills the end with zeros")


@dataclass(frozen=True, kw_only=True)
class Conv1DTranspose(_ConvTranspose):
    """Transposed convolution along time."""

    rank: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class Conv2DTranspose(_ConvTranspose):
    """Transposed convolution of images."""


@dataclass(frozen=True, kw_only=True)
class Conv3DTranspose(_ConvTranspose):
    """Transposed convolution of volumes."""

    rank: ClassVar[int] = 3
