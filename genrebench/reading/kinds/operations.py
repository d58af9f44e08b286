"""Functions of tensors that stand between layers and are no layers themselves."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError
from genrebench.reading.kinds.base import (
    Axes,
    Flag,
    Kind,
    Number,
    Pads,
    Shape,
    Trap,
    Values,
    axis_of,
    known,
    shape_of_values,
)

# What is taken of an axis: one place, which takes the axis away, or start, stop and step.
Part = int | tuple[int | None, int | None, int | None]


@dataclass(frozen=True, kw_only=True)
class Unmask(Kind, is_layer=False):
    """Nothing, but that a mask ends: functions of tensors do not hand one on."""


@dataclass(frozen=True, kw_only=True)
class Slice(Kind, is_layer=False):
    """Parts of axes, as Python's ``x[:, 1:, ::2, -1]`` takes them; the batch is not among them."""

    parts: Annotated[tuple[Part, ...], Field(description="an index, or start, stop and step, for each axis")]

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        if len(shape) != len(self.parts):
            raise ConfigError(f"expected an input of {len(self.parts)} axes beside the batch, received shape {shape}")
        taken = [_taken(length, part) for length, part in zip(shape, self.parts, strict=True)]
        return tuple(length for length, part in zip(taken, self.parts, strict=True) if not isinstance(part, int))

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        if len(shapes[0]) > 1:
            yield Trap("slice-axes", "`{}` takes parts of axes in the order that has the channels last")


def _taken(length: int | None, part: Part) -> int | None:
    """Count what is taken of an axis."""
    if isinstance(part, int):
        if length is not None and not -length <= part < length:
            raise ConfigError(f"expected an index within an axis of {length}, received {part}")
        return 1
    start, stop, step = part
    if step == 0:
        raise ConfigError("expected a slice with a step, received step 0")
    if length is None:
        return None
    count = len(range(*slice(start, stop, step).indices(length)))
    if not count:
        raise ConfigError(f"expected a slice that leaves something of an axis of {length}, received {part}")
    return count


@dataclass(frozen=True, kw_only=True)
class Reduce(Kind, is_layer=False):
    """What values along axes, which count the batch, come to: mean, variance, sum, product, extremes; any, all."""

    function: Annotated[
        Literal["mean", "var", "std", "sum", "max", "min", "logsumexp", "prod", "any", "all"],
        Field(description="mean, var, std, sum, max, min, logsumexp, prod, any or all"),
    ]
    axis: Axes
    keepdims: Flag = False

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        reduced = {axis_of(axis, len(shape)) for axis in self.axis}
        kept = [(1 if axis in reduced else length) for axis, length in enumerate(shape)]
        return tuple(each for axis, each in enumerate(kept) if self.keepdims or axis not in reduced)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        if len(shapes[0]) > 1:
            yield Trap("reduce-axes", f"axes {list(self.axis)} of `{{}}` count the batch, with the channels last")


@dataclass(frozen=True, kw_only=True)
class Cast(Kind, is_layer=False):
    """Whole numbers and truth values as floats; floats stay."""


@dataclass(frozen=True, kw_only=True)
class Fill(Kind, is_layer=False):
    """One number wherever the input has any."""

    number: Number


@dataclass(frozen=True, kw_only=True)
class Pad(Kind, is_layer=False):
    """Something put around axes: a number, or what lies at their ends, turned around.

    ``reflect`` leaves out the outermost value, ``symmetric`` repeats it.
    """

    widths: Pads
    mode: Annotated[Literal["constant", "reflect", "symmetric"], Field(description="constant, reflect or symmetric")]
    number: Number = 0.0

    @property
    def skip(self) -> int:
        """Count the outermost values that are left out."""
        return int(self.mode == "reflect")

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        if len(shape) != len(self.widths):
            raise ConfigError(f"expected an input of {len(self.widths)} axes beside the batch, received shape {shape}")
        for length, sides in zip(shape, self.widths, strict=True):
            if self.mode != "constant" and length is not None and max(sides) > length - self.skip:
                raise ConfigError(f"expected at most {length - self.skip} put around an axis, received {sides}")
        return tuple(
            None if length is None else length + sum(sides) for length, sides in zip(shape, self.widths, strict=True)
        )

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        if self.mode == "symmetric":
            yield Trap(
                "symmetric-padding", "symmetric padding of `{}` repeats the outermost values: PyTorch has no such"
            )


@dataclass(frozen=True, kw_only=True)
class StopGradient(Kind, is_layer=False):
    """The input, as if it were a constant."""


@dataclass(frozen=True, kw_only=True)
class Product(Kind, is_layer=False):
    """The last axis, or with ``reverse`` the one before it, multiplied by a matrix of constants."""

    matrix: Values
    reverse: Flag = False

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        rows, columns = shape_of_values(self.matrix)
        if not self.reverse:
            if known(shape, -1) != rows:
                raise ConfigError(f"expected a matrix of {shape[-1]} rows, received {rows}")
            return (*shape[:-1], columns)
        if len(shape) < 2 or known(shape, -2) != columns:
            raise ConfigError(f"expected a matrix of as many columns as {shape} has rows, received {columns}")
        return (*shape[:-2], rows, shape[-1])
