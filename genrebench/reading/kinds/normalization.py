"""Normalizations."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError
from genrebench.network.fields import Count, NonNegative
from genrebench.reading.kinds.base import Axes, Flag, Kind, Masks, Shape, Trap, Weight, axis_of, known
from genrebench.reading.version import KerasVersion


@dataclass(frozen=True, kw_only=True)
class _Normalizing(Kind):
    """What normalizations share."""

    masks: ClassVar[Masks] = "pass"


def _along(shapes: Sequence[Shape], axes: Sequence[int]) -> tuple[int, ...]:
    """Give the lengths of axes, in the order of the input."""
    places = sorted(axis_of(axis, len(shapes[0])) for axis in axes)
    return tuple(known(shapes[0], place) for place in places)


@dataclass(frozen=True, kw_only=True)
class BatchNormalization(_Normalizing):
    """Normalization of each channel, in training by the batch and else by the running statistics."""

    axis: Axes = (-1,)
    momentum: Annotated[float, Field(ge=0, le=1, description="from 0 to 1")]
    epsilon: NonNegative
    center: Flag = True
    scale: Flag = True
    # What the running variance follows: the batch's variance divided by n, by n - 1, or the latter for images only.
    running_variance: Annotated[Literal["biased", "unbiased", "unbiased_images"], Field(description="a variance")]

    arguments: ClassVar[frozenset[str]] = frozenset({"training", "mask"})

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        is_old = version.numbers < (1, 2)
        config.setdefault("momentum", 0.9 if is_old else 0.99)
        config.setdefault("epsilon", 1e-6 if is_old else 1e-3)
        if version.numbers >= (3,) or version.numbers < (2, 0):
            follows = "biased"
        else:
            follows = "unbiased_images" if version.is_tf_keras else "unbiased"
        if config.get("renorm"):
            raise ConfigError("expected BatchNormalization without renorm, received renorm")
        if config.get("mode"):
            raise ConfigError(f"expected BatchNormalization of mode 0, received mode {config['mode']!r:.20} of Keras 1")
        config = {key: value for key, value in config.items() if not key.startswith("renorm")}
        return {**config, "running_variance": follows}

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        shape = _along(shapes, self.axis)
        trained = [Weight(name, shape) for name, has in (("gamma", self.scale), ("beta", self.center)) if has]
        return (*trained, Weight("moving_mean", shape, False), Weight("moving_variance", shape, False))

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        if self.epsilon != 1e-5:
            yield Trap("batch-norm-epsilon", f"epsilon of `{{}}`: {self.epsilon:g}, where PyTorch's default is 1e-05")
        momentum = f"momentum of `{{}}`: {self.momentum:g} of the old statistics, which PyTorch calls "
        yield Trap("batch-norm-momentum", momentum + f"{1 - self.momentum:.6g}")
        if len(self.axis) != 1 or axis_of(self.axis[0], len(shapes[0])) != len(shapes[0]) - 1:
            yield Trap("batch-norm-axis", f"`{{}}` normalizes along axis {list(self.axis)}, not along the last")


@dataclass(frozen=True, kw_only=True)
class LayerNormalization(_Normalizing):
    """Normalization of each sample over axes, then a scale and an offset."""

    axis: Axes = (-1,)
    epsilon: NonNegative = 1e-3
    center: Flag = True
    scale: Flag = True
    rms_scaling: Flag = False

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        shape = _along(shapes, self.axis)
        wanted = (("gamma", self.scale or self.rms_scaling), ("beta", self.center and not self.rms_scaling))
        return tuple(Weight(name, shape) for name, has in wanted if has)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        if self.epsilon != 1e-5:
            yield Trap("layer-norm-epsilon", f"epsilon of `{{}}`: {self.epsilon:g}, where PyTorch's default is 1e-05")


@dataclass(frozen=True, kw_only=True)
class GroupNormalization(_Normalizing):
    """Normalization of each sample over groups of channels, then a scale and an offset."""

    groups: Annotated[int, Field(ge=-1, description="a number of groups, or -1")] = 32
    axis: Annotated[int, Field(description="an axis")] = -1
    epsilon: NonNegative = 1e-3
    center: Flag = True
    scale: Flag = True

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        shape = _along(shapes, (self.axis,))
        groups = shape[0] if self.groups == -1 else self.groups
        if not groups or shape[0] % groups:
            raise ConfigError(f"expected channels that {groups} groups divide, received {shape[0]}")
        return tuple(Weight(name, shape) for name, has in (("gamma", self.scale), ("beta", self.center)) if has)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        if self.epsilon != 1e-5:
            yield Trap("group-norm-epsilon", f"epsilon of `{{}}`: {self.epsilon:g}, where PyTorch's default is 1e-05")


@dataclass(frozen=True, kw_only=True)
class RMSNormalization(_Normalizing):
    """Division of each sample by its root mean square along an axis, then a scale."""

    axis: Axes = (-1,)
    epsilon: NonNegative = 1e-6

    masks: ClassVar[Masks] = "stop"

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        return (Weight("scale", _along(shapes, self.axis)),)


@dataclass(frozen=True, kw_only=True)
class UnitNormalization(_Normalizing):
    """Division of each sample by its Euclidean length along axes."""

    axis: Axes = (-1,)


@dataclass(frozen=True, kw_only=True)
class Normalization(Kind):
    """``(x - mean) / max(sqrt(variance), 1e-7)`` with constants, given or learned before training."""

    axis: Axes = (-1,)
    mean: Any = None
    variance: Any = None
    invert: Flag = False

    masks: ClassVar[Masks] = "pass"

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        if "axis" in config and config["axis"] is None:
            config["axis"] = []
        if (config.get("mean") is None) != (config.get("variance") is None):
            raise ConfigError("expected mean and variance, received one of them")
        return config

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        if self.mean is not None:
            return ()
        shape = _along(shapes, self.axis)
        return (Weight("mean", shape, False), Weight("variance", shape, False), Weight("count", (), False))


@dataclass(frozen=True, kw_only=True)
class LayerScale(Kind):
    """A factor for each channel, as ConvNeXt has it (keras/src/applications/convnext.py)."""

    projection_dim: Count

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        return {key: value for key, value in config.items() if key != "init_values"}

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        if known(shape, -1) != self.projection_dim:
            raise ConfigError(f"expected {self.projection_dim} channels at the end, received shape {shape}")
        return shape

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        return (Weight("gamma", (self.projection_dim,)),)
