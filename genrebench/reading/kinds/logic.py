"""Comparisons, and what is computed of truth values: of such functions Keras 3 makes the masks that it writes down."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError
from genrebench.reading.kinds.base import Kind, Number, Shape
from genrebench.reading.kinds.merging import broadcast


@dataclass(frozen=True, kw_only=True)
class _Elementwise(Kind, is_layer=False):
    """Elementwise; axes of length 1 spread."""

    inputs: ClassVar[tuple[int, int]] = (1, 2)

    def output_shapes(self, shapes: Sequence[Shape], arguments: Mapping[str, object]) -> tuple[Shape, ...]:
        """See `Kind.output_shapes`."""
        if len({len(shape) for shape in shapes}) > 1:
            raise ConfigError(f"expected inputs of as many axes, received {', '.join(map(str, shapes))}")
        return (tuple(broadcast(lengths, shapes) for lengths in zip(*shapes, strict=True)),)


@dataclass(frozen=True, kw_only=True)
class Compare(_Elementwise, is_layer=False):
    """Where a tensor is equal to a number, greater, and so on; without a number to a second tensor."""

    operator: Annotated[
        Literal["equal", "not_equal", "greater", "greater_equal", "less", "less_equal"],
        Field(description="a comparison"),
    ]
    number: Number | None = None


@dataclass(frozen=True, kw_only=True)
class Logical(_Elementwise, is_layer=False):
    """Where two tensors are true, or either of them, or one is not; what is not 0 is true."""

    operator: Annotated[Literal["and", "or", "xor", "not"], Field(description="and, or, xor or not")]


@dataclass(frozen=True, kw_only=True)
class Where(_Elementwise, is_layer=False):
    """The one where the first input is true, else the other: two more inputs, or numbers in the place of either."""

    first: Number | None = None
    second: Number | None = None

    inputs: ClassVar[tuple[int, int]] = (1, 3)
