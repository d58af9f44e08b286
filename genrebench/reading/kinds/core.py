"""Dense layers, embeddings, noise, and layers that only move values."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError
from genrebench.network.fields import Count
from genrebench.reading.kinds.activation import _Elementwise, activation_traps
from genrebench.reading.kinds.base import (
    Flag,
    Format,
    Function,
    Kind,
    Masks,
    Number,
    Rate,
    Shape,
    Sizes,
    Trap,
    Weight,
    known,
    product,
    require_rank,
)
from genrebench.reading.version import KerasVersion


@dataclass(frozen=True, kw_only=True)
class InputLayer(Kind):
    """Where the network is given something."""

    shape: Annotated[tuple[Annotated[int, Field(gt=0)] | None, ...], Field(description="lengths of axes")]
    dtype: Annotated[str, Field(description="a dtype")] = "float32"

    inputs: ClassVar[tuple[int, int]] = (0, 0)

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        if config.get("sparse") or config.get("ragged"):
            raise ConfigError("expected a dense input, received a sparse or ragged one")
        shape = config.get("batch_input_shape", config.get("batch_shape"))
        if shape is None and isinstance(config.get("input_shape"), list):
            shape = [None, *config["input_shape"]]
        if isinstance(shape, Mapping):  # a TensorShape
            shape = shape.get("items")
        if not isinstance(shape, list) or not shape:
            raise ConfigError(f"expected batch_shape, received {shape!r:.60}")
        dtype = config.get("dtype") or config.get("input_dtype") or "float32"
        return {"shape": tuple(shape[1:]), "dtype": dtype if isinstance(dtype, str) else "float32"}

    def output_shapes(self, shapes: Sequence[Shape], arguments: Mapping[str, Any]) -> tuple[Shape, ...]:
        """See `Kind.output_shapes`."""
        return (self.shape,)


@dataclass(frozen=True, kw_only=True)
class Dense(Kind):
    """A matrix product over the last axis, with bias, then an activation."""

    units: Count
    activation: Function
    use_bias: Flag = True

    masks: ClassVar[Masks] = "pass"
    activations: ClassVar[tuple[str, ...]] = ("activation",)

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        known(shape, -1, "the last axis")
        return (*shape[:-1], self.units)

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        kernel = Weight("kernel", (known(shapes[0], -1), self.units))
        return (kernel, Weight("bias", (self.units,))) if self.use_bias else (kernel,)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield from activation_traps(self.activation)
        if len(shapes[0]) > 1:
            yield Trap("dense-last-axis", "`{}` works on the last axis, the channels, of an input with several axes")


@dataclass(frozen=True, kw_only=True)
class Embedding(Kind):
    """A row of a table for each whole number; with ``mask_zero``, 0 marks steps that are not there."""

    input_dim: Count
    output_dim: Count
    mask_zero: Flag = False

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        config.pop("dropout", None)  # of Keras 1, in training only
        return config

    @property
    def makes_mask(self) -> bool:
        """See `Kind.makes_mask`."""
        return self.mask_zero

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        return (*shape, self.output_dim)

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        return (Weight("embeddings", (self.input_dim, self.output_dim)),)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield Trap("embedding-row-0", "row 0 of `{}` is trained like the others, also where 0 is masked")


@dataclass(frozen=True, kw_only=True)
class Masking(Kind):
    """Steps whose features all equal ``mask_value`` become 0, and are marked as not there."""

    mask_value: Number = 0.0

    @property
    def makes_mask(self) -> bool:
        """See `Kind.makes_mask`."""
        return True


@dataclass(frozen=True, kw_only=True)
class _Dropping(_Elementwise):
    """Noise in training, nothing else; at most one setting matters."""

    rate: Rate

    arguments: ClassVar[frozenset[str]] = frozenset({"training"})


@dataclass(frozen=True, kw_only=True)
class Dropout(_Dropping):
    """Values dropped at random, the others scaled up."""

    noise_shape: Any = None


@dataclass(frozen=True, kw_only=True)
class SpatialDropout1D(_Dropping):
    """Whole channels dropped over time."""

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        return {key: value for key, value in config.items() if key != "data_format"}


@dataclass(frozen=True, kw_only=True)
class _SpatialDropout(_Dropping):
    """Whole channels dropped."""

    data_format: Format = "channels_last"


@dataclass(frozen=True, kw_only=True)
class SpatialDropout2D(_SpatialDropout):
    """Whole channels of images dropped."""


@dataclass(frozen=True, kw_only=True)
class SpatialDropout3D(_SpatialDropout):
    """Whole channels of volumes dropped."""


@dataclass(frozen=True, kw_only=True)
class GaussianNoise(_Elementwise):
    """Normal noise added in training."""

    stddev: Annotated[float, Field(ge=0, description="at least 0")]


@dataclass(frozen=True, kw_only=True)
class GaussianDropout(_Dropping):
    """Multiplied by normal noise in training."""


@dataclass(frozen=True, kw_only=True)
class AlphaDropout(_Dropping):
    """Dropped to the negative saturation in training, mean and variance kept."""

    noise_shape: Any = None


@dataclass(frozen=True, kw_only=True)
class ActivityRegularization(_Elementwise):
    """A term of the loss; the values pass."""

    l1: Number = 0.0
    l2: Number = 0.0


@dataclass(frozen=True, kw_only=True)
class Identity(_Elementwise):
    """Nothing."""


@dataclass(frozen=True, kw_only=True)
class Flatten(Kind):
    """All values of a sample in one axis, channels last."""

    data_format: Format = "channels_last"

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        return (product(shape),)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        if len(shapes[0]) > 1 and product(shapes[0][:-1]) != 1:
            yield Trap("flatten-order", "`{}` flattens with the channels last: move them there first")


@dataclass(frozen=True, kw_only=True)
class Reshape(Kind):
    """The same values in other axes, one of which may be whatever is left."""

    target_shape: Annotated[tuple[Annotated[int, Field(ge=-1)], ...], Field(description="lengths, or one -1")]

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        shape = config.get("target_shape")
        if not isinstance(shape, list) or sum(each in (-1, None) for each in shape) > 1:
            raise ConfigError(f"expected target_shape with at most one -1, received {shape!r:.60}")
        return {**config, "target_shape": tuple(-1 if each is None else each for each in shape)}

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        size, rest = product(shape), math.prod(each for each in self.target_shape if each != -1)
        if size is None:
            return tuple(None if each == -1 else each for each in self.target_shape)
        left = size // rest if rest and -1 in self.target_shape else 1
        if left * rest != size:
            raise ConfigError(f"expected {size} values to fit target_shape, received {self.target_shape}")
        return tuple(left if each == -1 else each for each in self.target_shape)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        if len(shapes[0]) > 1 or len(self.target_shape) > 1:
            yield Trap("reshape-order", "`{}` reshapes with the channels last: move them there before, and back behind")


@dataclass(frozen=True, kw_only=True)
class Permute(Kind):
    """Axes in another order, counted from 1 without the batch."""

    dims: Sizes

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        if sorted(self.dims) != list(range(1, len(shape) + 1)):
            raise ConfigError(f"expected dims to order {len(shape)} axes, received {self.dims}")
        return tuple(shape[axis - 1] for axis in self.dims)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield Trap("permute-axes", "`{}` counts axes from 1, without the batch, channels last")


@dataclass(frozen=True, kw_only=True)
class RepeatVector(Kind):
    """A vector, n times."""

    n: Count

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        require_rank(shape, 1)
        return (self.n, *shape)
