"""Convolutions and poolings: everything that moves a window over an image, a signal or a volume."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError
from genrebench.reading.kinds.base import (
    Kind,
    Shape,
    Sizes,
    Trap,
    expanded,
    known,
    require_rank,
)
from genrebench.reading.version import KerasVersion

Padding = Annotated[Literal["valid", "same", "causal"], Field(description="valid, same or causal")]


def split(shape: Shape, rank: int, data_format: str) -> tuple[Shape, int]:
    """Take a shape apart into the lengths that a window moves along and the number of channels."""
    require_rank(shape, rank + 1)
    is_first = data_format == "channels_first"
    return (shape[1:] if is_first else shape[:-1]), known(shape, 0 if is_first else -1, "the channels")


def join(lengths: Sequence[int | None], channels: int, data_format: str) -> Shape:
    """Put a shape together."""
    return (channels, *lengths) if data_format == "channels_first" else (*lengths, channels)


def count(length: int | None, size: int, stride: int, padding: str, dilation: int = 1) -> int | None:
    """Count the places of a window along an axis.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if length is None:
        return None
    places = -(-length // stride) if padding != "valid" else (length - (size - 1) * dilation - 1) // stride + 1
    if places < 1:
        raise ConfigError(f"expected an axis of at least {(size - 1) * dilation + 1}, received {length}")
    return places


def padded(length: int | None, size: int, stride: int, dilation: int = 1) -> tuple[int, int] | None:
    """Compute how many zeros ``same`` puts before and behind; None if the length decides and is unknown."""
    if length is None and stride > 1:
        return None
    places = -(-(length or 1) // stride)
    total = max((places - 1) * stride + (size - 1) * dilation + 1 - (length or 1), 0)
    return total // 2, total - total // 2


@dataclass(frozen=True, kw_only=True)
class _Window(Kind):
    """A window that moves over the axes between batch and channels."""

    rank: ClassVar[int] = 2
    sized: ClassVar[tuple[str, ...]] = ("kernel_size", "strides", "dilation_rate")

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        for name in cls.sized:
            if config.get(name) is not None:
                config[name] = expanded(config[name], cls.rank)
                if not isinstance(config[name], list) or len(config[name]) != cls.rank:
                    raise ConfigError(f"expected {name} of {cls.rank} whole numbers, received {config[name]!r:.60}")
        return config

    def uneven(self, shape: Shape, size: Sizes, strides: Sizes, dilation: Sizes, data_format: str) -> Iterator[Trap]:
        """Find out whether ``same`` pads one side more than the other."""
        lengths, _ = split(shape, self.rank, data_format)
        pads = [padded(*each) for each in zip(lengths, size, strides, dilation, strict=True)]
        if any(pad is None for pad in pads):
            text = "padding depends on the input's size, and may be one more at the end"
            yield Trap("same-padding", f"`same` with stride {max(strides)} in `{{}}`: {text}")
        elif uneven := [index for index, pad in enumerate(pads) if pad and pad[0] != pad[1]]:
            names = {1: ("step",), 2: ("row", "column"), 3: ("plane", "row", "column")}[self.rank]
            what = "`same` with stride {}" if max(strides) > 1 else "`same` with an even kernel"
            places = " and ".join(f"one more {names[index]}" for index in uneven)
            yield Trap("same-padding", f"{what.format(max(strides))} in `{{}}`: {places} at the end")
