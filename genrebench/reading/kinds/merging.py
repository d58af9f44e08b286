"""Layers with several inputs, and arithmetic between tensors."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError
from genrebench.reading.kinds.base import Axes, Flag, Kind, Masks, Number, Shape, Trap, Values, axis_of, shape_of_values
from genrebench.reading.version import KerasVersion

# Up to 2.15 a step is there if all masks have it, whether or not all inputs have masks; then if any mask has it, and
# elementwise only where all inputs have masks.
MaskRule = Annotated[Literal["all", "any"], Field(description="all or any")]


@dataclass(frozen=True, kw_only=True)
class _MaskMerging(Kind):
    """Masks of several inputs become one."""

    mask_rule: MaskRule = "any"

    masks: ClassVar[Masks] = "pass"

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        return {**config, "mask_rule": "all" if version.numbers < (3,) else "any"}


@dataclass(frozen=True, kw_only=True)
class _Merging(_MaskMerging):
    """Elementwise; of inputs of unequal rank the smaller get axes of 1 behind the batch."""

    inputs: ClassVar[tuple[int, int]] = (2, 1000)

    def output_shapes(self, shapes: Sequence[Shape], arguments: Mapping[str, object]) -> tuple[Shape, ...]:
        """See `Kind.output_shapes`."""
        rank = max(map(len, shapes))
        aligned = [(1,) * (rank - len(shape)) + shape for shape in shapes]
        return (tuple(broadcast(lengths, shapes) for lengths in zip(*aligned, strict=True)),)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        if len({len(shape) for shape in shapes}) > 1:
            yield Trap("merge-rank", "inputs of `{}` have unequal rank: axes of 1 are put in behind the batch")


def broadcast(lengths: Sequence[int | None], shapes: Sequence[Shape]) -> int | None:
    """Find the length to which lengths spread."""
    found = {each for each in lengths if each != 1}
    if len(found - {None}) > 1:
        raise ConfigError(f"expected inputs of one shape, received {', '.join(map(str, shapes))}")
    return next(iter(found - {None}), None) if found else 1


@dataclass(frozen=True, kw_only=True)
class Add(_Merging):
    """The sum."""


@dataclass(frozen=True, kw_only=True)
class Subtract(_Merging):
    """The first less the second."""

    inputs: ClassVar[tuple[int, int]] = (2, 2)


@dataclass(frozen=True, kw_only=True)
class Multiply(_Merging):
    """The product."""


@dataclass(frozen=True, kw_only=True)
class Average(_Merging):
    """The mean."""


@dataclass(frozen=True, kw_only=True)
class Maximum(_Merging):
    """The largest."""


@dataclass(frozen=True, kw_only=True)
class Minimum(_Merging):
    """The smallest."""


@dataclass(frozen=True, kw_only=True)
class Divide(_Merging, is_layer=False):
    """The first divided by the second."""

    inputs: ClassVar[tuple[int, int]] = (2, 2)


@dataclass(frozen=True, kw_only=True)
class Power(_Merging, is_layer=False):
    """The first to the power of the second."""

    inputs: ClassVar[tuple[int, int]] = (2, 2)


# What operators between two tensors compute.
BINARY: dict[str, type[Kind]] = {
    "add": Add,
    "subtract": Subtract,
    "multiply": Multiply,
    "divide": Divide,
    "power": Power,
    "maximum": Maximum,
    "minimum": Minimum,
}


@dataclass(frozen=True, kw_only=True)
class Concatenate(_MaskMerging):
    """One behind the other along an axis that counts the batch."""

    axis: Annotated[int, Field(description="an axis")] = -1

    inputs: ClassVar[tuple[int, int]] = (1, 1000)

    def output_shapes(self, shapes: Sequence[Shape], arguments: Mapping[str, object]) -> tuple[Shape, ...]:
        """See `Kind.output_shapes`."""
        place = axis_of(self.axis, len(shapes[0]))
        if len({len(shape) for shape in shapes}) > 1:
            raise ConfigError(f"expected inputs of one rank, received {', '.join(map(str, shapes))}")
        merged: list[int | None] = []
        for axis, lengths in enumerate(zip(*shapes, strict=True)):
            if axis == place:
                merged.append(None if None in lengths else sum(each or 0 for each in lengths))
                continue
            if len(set(lengths) - {None}) > 1:
                raise ConfigError(f"expected inputs alike but for axis {self.axis}, received {shapes}")
            merged.append(next((each for each in lengths if each is not None), None))
        return (tuple(merged),)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        if len(shapes[0]) > 1:
            yield Trap("concatenate-axis", f"axis {self.axis} of `{{}}` counts the batch, with the channels last")


@dataclass(frozen=True, kw_only=True)
class Dot(Kind):
    """Products along one axis of each of two inputs; axes count the batch."""

    axes: Axes
    normalize: Flag = False

    inputs: ClassVar[tuple[int, int]] = (2, 2)

    @classmethod
    def explicit(cls, config: dict[str, object], version: KerasVersion) -> dict[str, object]:
        """See `Kind.explicit`."""
        axes = config.get("axes")
        return {**config, "axes": [axes, axes] if isinstance(axes, int) else axes}

    def output_shapes(self, shapes: Sequence[Shape], arguments: Mapping[str, object]) -> tuple[Shape, ...]:
        """See `Kind.output_shapes`."""
        if len(self.axes) != 2:
            raise ConfigError(f"expected two axes, received {self.axes}")
        first, second = (list(shape) for shape in shapes)
        summed = [each.pop(axis_of(axis, len(each))) for each, axis in zip((first, second), self.axes, strict=True)]
        if None not in summed and summed[0] != summed[1]:
            raise ConfigError(f"expected axes of one length, received {summed}")
        return ((*first, *second) or (1,),)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield Trap("dot-axes", "axes of `{}` count the batch, which is not summed over")


@dataclass(frozen=True, kw_only=True)
class Arithmetic(Kind, is_layer=False):
    """A tensor and a number: ``x / 255``; with ``reverse`` the number comes first. A mask ends here, as in Keras."""

    operator: Annotated[
        Literal["add", "subtract", "multiply", "divide", "power", "maximum", "minimum"],
        Field(description="an operator"),
    ]
    number: Number
    reverse: Flag = False


@dataclass(frozen=True, kw_only=True)
class ArrayArithmetic(Kind, is_layer=False):
    """A tensor and an array of constants, the same for every sample; with ``reverse`` the array comes first."""

    operator: Annotated[
        Literal["add", "subtract", "multiply", "divide", "power", "maximum", "minimum"],
        Field(description="an operator"),
    ]
    values: Values
    reverse: Flag = False

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        own = shape_of_values(self.values)
        if len(own) > len(shape):
            raise ConfigError(f"expected constants of at most {len(shape)} axes, received {len(own)}")
        aligned = (1,) * (len(shape) - len(own)) + own
        return tuple(broadcast(lengths, (shape, own)) for lengths in zip(shape, aligned, strict=True))


# The operators whose operands cannot be exchanged.
ORDERED = frozenset({"subtract", "divide", "power"})
