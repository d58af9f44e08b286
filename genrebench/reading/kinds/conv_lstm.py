"""Long short-term memory whose products are convolutions: of signals, of images, of volumes."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError
from genrebench.network.fields import Count
from genrebench.reading.kinds.activation import activation_traps
from genrebench.reading.kinds.base import Flag, Format, Function, Shape, Sizes, Trap, Weight, require_rank
from genrebench.reading.kinds.recurrent import _Recurrent
from genrebench.reading.kinds.windows import _Window, count, join, split
from genrebench.reading.version import KerasVersion


@dataclass(frozen=True, kw_only=True)
class _ConvLSTM(_Recurrent, _Window):
    """Long short-term memory of images, gates i, f, c, o; its states are images, too."""

    filters: Count
    kernel_size: Sizes
    strides: Sizes
    padding: Annotated[Literal["valid", "same"], Field(description="valid or same")] = "valid"
    data_format: Format = "channels_last"
    dilation_rate: Sizes
    recurrent_activation: Function
    # Keras 2 repeats the output before at masked steps even within Bidirectional.
    zeros_masked: Flag = True

    activations: ClassVar[tuple[str, ...]] = ("activation", "recurrent_activation")
    states: ClassVar[int] = 2
    gates: ClassVar[int] = 4
    # All of Keras 2 has the hard sigmoid here.
    sigmoid_since: ClassVar[tuple[int, ...]] = (3,)

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        given = super().explicit(config, version)
        for name in ("strides", "dilation_rate"):
            if given.get(name) is None:
                given[name] = [1] * cls.rank
        for name in ("dropout", "recurrent_dropout"):
            if given.get(name) == 1:  # at which Keras drops nothing
                given[name] = 0.0
        return {**given, "zeros_masked": version.numbers >= (3,)}

    @property
    def zeros_within_both(self) -> bool:
        """See `_Recurrent.zeros_within_both`."""
        return self.return_sequences and self.zeros_masked

    def state_shape(self, shape: Shape) -> Shape:
        """See `_Recurrent.state_shape`."""
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ConfigError(f"expected strides or dilation, received {self.strides} and {self.dilation_rate}")
        lengths, _ = self._step(shape)
        each = zip(lengths, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        places = [count(length, size, stride, self.padding, step) for length, size, stride, step in each]
        return join(places, self.filters, self.data_format)

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        _, channels = self._step(shapes[0])
        width = 4 * self.filters
        kernels = (
            Weight("kernel", (*self.kernel_size, channels, width)),
            Weight("recurrent_kernel", (*self.kernel_size, self.filters, width)),
        )
        return (*kernels, Weight("bias", (width,))) if self.use_bias else kernels

    def _step(self, shape: Shape) -> tuple[Shape, int]:
        """Take the shape of a step apart."""
        require_rank(shape, self.rank + 2)
        return split(shape[1:], self.rank, self.data_format)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield Trap("conv-lstm", "`{}`: PyTorch has no such layer; gates i, f, c, o along the kernels' last axis")
        text = "state of `{}`: convolved with stride 1, without dilation and padded as same, whatever the input's is"
        uneven = any(size % 2 == 0 for size in self.kernel_size)
        yield Trap("recurrent-convolution", f"{text}{', one more at the end' if uneven else ''}")
        if self.padding == "same":
            yield from self.uneven(shapes[0][1:], self.kernel_size, self.strides, self.dilation_rate, self.data_format)
        if self.data_format == "channels_first":
            yield Trap("channels-first", "`{}` reads channels first; its kernels are stored with channels last")
        yield from super().traps(shapes)
        yield from activation_traps(self.activation, self.recurrent_activation)


@dataclass(frozen=True, kw_only=True)
class ConvLSTM1D(_ConvLSTM):
    """Of signals."""

    rank: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class ConvLSTM2D(_ConvLSTM):
    """Of images."""


@dataclass(frozen=True, kw_only=True)
class ConvLSTM3D(_ConvLSTM):
    """Of volumes."""

    rank: ClassVar[int] = 3
