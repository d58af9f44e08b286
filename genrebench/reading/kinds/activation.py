"""Activations as layers of their own."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from pydantic.dataclasses import dataclass

from genrebench.reading.activations import number
from genrebench.reading.kinds.base import (
    Axes,
    Function,
    Kind,
    Masks,
    Number,
    Shape,
    Trap,
    Weight,
    axis_of,
    known,
)
from genrebench.reading.version import KerasVersion

_HARD_SIGMOID = (
    "hard_sigmoid of `{}`: clip(0.2 x + 0.5, 0, 1) as Keras 2 had it; Keras 3 and PyTorch have relu6(x + 3) / 6"
)


def activation_traps(*activations: Any) -> Iterator[Trap]:
    """List what usually goes wrong with activations."""
    names = {each if isinstance(each, str) else each["name"] for each in activations}
    if "hard_sigmoid_keras2" in names:
        yield Trap("hard-sigmoid", _HARD_SIGMOID)
    if "gelu" in names:
        yield Trap("gelu", "GELU of `{}`: the exact one by erf, not that by tanh")
    if names & {"softmax", "log_softmax"}:
        yield Trap("softmax-axis", "softmax of `{}`: over the last axis, the channels, and before any loss on logits")
    if "leaky_relu" in names:
        yield Trap("leaky-slope", "leaky ReLU of `{}`: Keras' slopes are 0.3 (layer) and 0.2 (word), PyTorch's 0.01")


@dataclass(frozen=True, kw_only=True)
class _Elementwise(Kind):
    """A layer that keeps its input's shape, and lets a mask through."""

    masks: ClassVar[Masks] = "pass"


@dataclass(frozen=True, kw_only=True)
class Activation(_Elementwise):
    """An activation."""

    activation: Function

    activations: ClassVar[tuple[str, ...]] = ("activation",)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield from activation_traps(self.activation)


@dataclass(frozen=True, kw_only=True)
class ReLU(_Elementwise):
    """``min(x, max_value)`` from ``threshold`` on, below it ``negative_slope * (x - threshold)``."""

    max_value: Number | None = None
    negative_slope: Number = 0.0
    threshold: Number = 0.0

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        most = config.get("max_value")
        slopes = {name: number(config.get(name) or 0.0) for name in ("negative_slope", "threshold")}
        return {**config, **slopes, "max_value": None if most is None else number(most)}


@dataclass(frozen=True, kw_only=True)
class LeakyReLU(_Elementwise):
    """``x`` where it is positive, else ``negative_slope * x``."""

    negative_slope: Number

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        slope = config.pop("alpha", None)
        given = config.pop("negative_slope", slope)
        return {**config, "negative_slope": number(0.3 if given is None else given)}

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield Trap("leaky-slope", f"`{{}}`: slope {self.negative_slope:g}, where PyTorch's default is 0.01")


@dataclass(frozen=True, kw_only=True)
class PReLU(_Elementwise):
    """``x`` where it is positive, else ``alpha * x`` with a trained alpha for each element, or for shared axes."""

    shared_axes: Axes = ()

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        return {**config, "shared_axes": config.get("shared_axes") or []}

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        shared = {axis_of(axis, len(shapes[0])) for axis in self.shared_axes}
        lengths = (1 if axis in shared else known(shapes[0], axis) for axis in range(len(shapes[0])))
        return (Weight("alpha", tuple(lengths)),)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield Trap(
            "prelu-shape", "alpha of `{}`: one per element, but for the shared axes; PyTorch's has one per channel"
        )


@dataclass(frozen=True, kw_only=True)
class ELU(_Elementwise):
    """``x`` where it is positive, else ``alpha * (exp(x) - 1)``."""

    alpha: Number = 1.0

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        return {**config, "alpha": number(config.get("alpha", 1.0))}


@dataclass(frozen=True, kw_only=True)
class ThresholdedReLU(_Elementwise):
    """``x`` where it is above ``theta``, else 0."""

    theta: Number = 1.0

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        return {**config, "theta": number(config.get("theta", 1.0))}


@dataclass(frozen=True, kw_only=True)
class Softmax(_Elementwise):
    """Exponentials that add up to 1 along axes, which count the batch."""

    axis: Axes = (-1,)

    arguments: ClassVar[frozenset[str]] = frozenset({"mask"})

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        for axis in self.axis:
            axis_of(axis, len(shape))
        return shape

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield Trap("softmax-axis", "softmax of `{}`: its axis counts the batch, and channels are last")
