"""Functions of tensors that pick values by their places, repeat or count them, and sums over named indices."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError
from genrebench.network.fields import Count
from genrebench.reading.kinds.base import Flag, Kind, Shape, Trap, axis_of, require_rank
from genrebench.reading.version import KerasVersion

Axis = Annotated[int, Field(description="an axis, which counts the batch")]


@dataclass(frozen=True, kw_only=True)
class Take(Kind, is_layer=False):
    """Places along an axis, in any order and perhaps more than once."""

    indices: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1, description="places from 0 on")]
    axis: Axis

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        place = axis_of(self.axis, len(shape))
        length = shape[place]
        if length is None or max(self.indices) >= length:
            raise ConfigError(f"expected places within axis {self.axis} of {shape}, received {max(self.indices)}")
        return (*shape[:place], len(self.indices), *shape[place + 1 :])


@dataclass(frozen=True, kw_only=True)
class Tile(Kind, is_layer=False):
    """The whole tensor several times along its axes, one behind the other; the batch stays."""

    repeats: Annotated[tuple[Count, ...], Field(description="how often along each axis but the batch")]

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        if len(self.repeats) != len(shape):
            raise ConfigError(f"expected how often for each of {len(shape)} axes, received {self.repeats}")
        return tuple(length and length * count for length, count in zip(shape, self.repeats, strict=True))


@dataclass(frozen=True, kw_only=True)
class Repeat(Kind, is_layer=False):
    """Every value several times along an axis, one beside the other."""

    repeats: Count
    axis: Axis

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        place = axis_of(self.axis, len(shape))
        return (*shape[:place], (length := shape[place]) and length * self.repeats, *shape[place + 1 :])

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield Trap(
            "repeat", "`{}` puts equal values side by side; PyTorch's repeat puts the whole tensor behind itself"
        )


@dataclass(frozen=True, kw_only=True)
class CumulativeSum(Kind, is_layer=False):
    """The sum of all values up to each place along an axis."""

    axis: Axis

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        axis_of(self.axis, len(shape))
        return shape


@dataclass(frozen=True, kw_only=True)
class Extreme(Kind, is_layer=False):
    """The place of the largest or smallest value along an axis, the first of equal ones; no gradient goes back."""

    function: Annotated[Literal["argmax", "argmin"], Field(description="argmax or argmin")]
    axis: Axis
    keepdims: Flag = False

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        place = axis_of(self.axis, len(shape))
        return (*shape[:place], *((1,) if self.keepdims else ()), *shape[place + 1 :])


@dataclass(frozen=True, kw_only=True)
class OneHot(Kind, is_layer=False):
    """A new last axis, which is 1 at the place that a whole number names and else 0."""

    count: Annotated[Count, Field(description="how many places")]

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        return (*shape, self.count)


@dataclass(frozen=True, kw_only=True)
class CategoryEncoding(Kind):
    """Which whole numbers there are: one after the other, any of them, or how often each."""

    num_tokens: Count
    output_mode: Annotated[
        Literal["one_hot", "multi_hot", "count"], Field(description="one_hot, multi_hot or count")
    ] = "multi_hot"

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        if config.get("sparse"):
            raise ConfigError("expected a dense output of CategoryEncoding, received a sparse one")
        if "max_tokens" in config:  # its name before TensorFlow 2.6
            config["num_tokens"] = config.pop("max_tokens")
        if config.get("output_mode") == "binary":
            config["output_mode"] = "multi_hot"
        return config

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        if self.output_mode == "one_hot":
            return (*(shape[:-1] if shape[-1:] == (1,) else shape), self.num_tokens)
        require_rank(shape, 1)  # with more axes, versions of Keras sum over different ones
        return (self.num_tokens,)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        if self.output_mode != "one_hot":
            yield Trap("category-encoding", "`{}` makes one vector of all numbers of a sample, 0 among them")


@dataclass(frozen=True, kw_only=True)
class Einsum(Kind, is_layer=False):
    """Products summed over the indices that the result does not have; the first of each tensor is the batch."""

    subscripts: Annotated[str, Field(pattern=r"^[a-zA-Z]+(,[a-zA-Z]+)*->[a-zA-Z]+$", description="as ``bij,bjk->bik``")]

    inputs: ClassVar[tuple[int, int]] = (1, 20)

    def output_shapes(self, shapes: Sequence[Shape], arguments: Mapping[str, object]) -> tuple[Shape, ...]:
        """See `Kind.output_shapes`."""
        given, _, kept = self.subscripts.partition("->")
        names = given.split(",")
        batch = kept[0]
        is_usual = all(each[0] == batch and len(set(each)) == len(each) for each in (*names, kept))
        if not is_usual or not set(kept) <= set(given) or [len(each) - 1 for each in names] != list(map(len, shapes)):
            raise ConfigError(
                f"expected an index for each axis, the batch's first, received {self.subscripts} for {list(shapes)}"
            )
        lengths: dict[str, int | None] = {}
        for name, shape in zip(names, shapes, strict=True):
            for index, length in zip(name[1:], shape, strict=True):
                if None not in (length, lengths.get(index)) and lengths[index] != length:
                    raise ConfigError(f"expected one length of index {index}, received {lengths[index]} and {length}")
                lengths[index] = lengths.get(index) or length
        return (tuple(lengths[index] for index in kept[1:]),)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield Trap("einsum-axes", "the indices of `{}` are of axes in the order that has the channels last")
