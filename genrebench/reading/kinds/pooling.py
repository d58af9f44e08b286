"""Poolings."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from pydantic.dataclasses import dataclass

from genrebench.reading.kinds.base import Flag, Format, Kind, Masks, Shape, Sizes, Trap
from genrebench.reading.kinds.windows import Padding, _Window, count, join, padded, split
from genrebench.reading.version import KerasVersion


@dataclass(frozen=True, kw_only=True)
class _Pooling(_Window):
    """The largest value, or the mean, of each window."""

    pool_size: Sizes
    strides: Sizes = ()
    padding: Padding = "valid"
    data_format: Format = "channels_last"

    sized: ClassVar[tuple[str, ...]] = ("pool_size", "strides")

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        given = super().explicit(config, version)
        given.setdefault("pool_size", [2] * cls.rank)
        given["strides"] = given.get("strides") or given["pool_size"]
        return given

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        lengths, channels = split(shape, self.rank, self.data_format)
        steps = zip(lengths, self.pool_size, self.strides, strict=True)
        return join([count(*each, self.padding) for each in steps], channels, self.data_format)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        lengths, _ = split(shapes[0], self.rank, self.data_format)
        pads = [padded(*each) for each in zip(lengths, self.pool_size, self.strides, strict=True)]
        if self.padding == "same" and any(pad is None or max(pad) for pad in pads):
            yield from self.uneven(shapes[0], self.pool_size, self.strides, (1,) * self.rank, self.data_format)
            if "Average" in self.name:
                yield Trap("average-same", "`same` in `{}`: the mean is over the real values, padding does not count")
            else:
                yield Trap("max-same", "`same` in `{}`: padded with minus infinity, not with zeros")


@dataclass(frozen=True, kw_only=True)
class MaxPooling1D(_Pooling):
    """The largest value along time."""

    rank: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class MaxPooling2D(_Pooling):
    """The largest value in an image's windows."""


@dataclass(frozen=True, kw_only=True)
class MaxPooling3D(_Pooling):
    """The largest value in a volume's windows."""

    rank: ClassVar[int] = 3


@dataclass(frozen=True, kw_only=True)
class AveragePooling1D(_Pooling):
    """The mean along time."""

    rank: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class AveragePooling2D(_Pooling):
    """The mean in an image's windows."""


@dataclass(frozen=True, kw_only=True)
class AveragePooling3D(_Pooling):
    """The mean in a volume's windows."""

    rank: ClassVar[int] = 3


@dataclass(frozen=True, kw_only=True)
class _Global(Kind):
    """The largest value, or the mean, of each channel."""

    data_format: Format = "channels_last"
    keepdims: Flag = False

    rank: ClassVar[int] = 2

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        _, channels = split(shape, self.rank, self.data_format)
        return join((1,) * self.rank, channels, self.data_format) if self.keepdims else (channels,)


@dataclass(frozen=True, kw_only=True)
class GlobalAveragePooling1D(_Global):
    """The mean over time; of the steps that a mask keeps, where there is one."""

    rank: ClassVar[int] = 1
    masks: ClassVar[Masks] = "use"
    arguments: ClassVar[frozenset[str]] = frozenset({"mask"})


@dataclass(frozen=True, kw_only=True)
class GlobalAveragePooling2D(_Global):
    """The mean of each channel of an image."""


@dataclass(frozen=True, kw_only=True)
class GlobalAveragePooling3D(_Global):
    """The mean of each channel of a volume."""

    rank: ClassVar[int] = 3


@dataclass(frozen=True, kw_only=True)
class GlobalMaxPooling1D(_Global):
    """The largest value over time."""

    rank: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class GlobalMaxPooling2D(_Global):
    """The largest value of each channel of an image."""


@dataclass(frozen=True, kw_only=True)
class GlobalMaxPooling3D(_Global):
    """The largest value of each channel of a volume."""

    rank: ClassVar[int] = 3
