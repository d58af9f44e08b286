"""What a layer is given and what it makes, and the table of the definitions of all kinds."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from genrebench.errors import ConfigError
from genrebench.network.types import Array
from genrebench.porting.tape import Value
from genrebench.reading.kinds.base import Kind

Mask = Array | None


@dataclass(frozen=True)
class Given:
    """What a layer is called with.

    Attributes
    ----------
    inputs : tuple of Value
        Its inputs, batch first.
    weights : mapping of str to Value
        Its weights by their names in the layer.
    masks : tuple of ndarray or None
        For each input the mask that comes with it: which steps are there [shape=(n, steps)].
    arguments : mapping of str
        What else it is called with; tensors are values here.
    training : bool
        Whether it computes as in training.
    trainable : bool
        Whether its weights are trained, without which statistics stand still.
    draws : mapping of str to ndarray
        What a random layer has drawn; ``""`` for a layer that draws once. Absent, nothing is done at random.
    """

    inputs: tuple[Value, ...]
    weights: Mapping[str, Value] = field(default_factory=dict)
    masks: tuple[Mask, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    training: bool = False
    trainable: bool = True
    draws: Mapping[str, Array] = field(default_factory=dict)

    @property
    def x(self) -> Value:
        """Give the first input."""
        return self.inputs[0]

    @property
    def mask(self) -> Mask:
        """Give the mask of the first input, or the one that the layer was called with."""
        said = self.arguments.get("mask")
        if isinstance(said, Value):
            return said.data.astype(bool)
        return self.masks[0] if self.masks else None

    def draw(self, name: str = "") -> Array | None:
        """Give what was drawn, in training."""
        return self.draws.get(name) if self.training else None

    def inside(self, name: str, **changes: Any) -> "Given":
        """Give what a layer inside this one is called with, whose weights and draws have a name in front."""
        start = f"{name}/" if name else ""

        def own(found: Mapping[str, Any]) -> dict[str, Any]:
            """Take the name away."""
            return {key.removeprefix(start): value for key, value in found.items() if key.startswith(start)}

        return dataclasses.replace(self, weights=own(self.weights), draws=own(self.draws), **changes)


@dataclass(frozen=True)
class Made:
    """What a layer makes.

    Attributes
    ----------
    outputs : tuple of Value
        Its outputs.
    masks : tuple of ndarray or None
        The masks that go out with them.
    statistics : dict of str to ndarray
        In training, running statistics after this call, by their names in the layer.
    """

    outputs: tuple[Value, ...]
    masks: tuple[Mask, ...] = (None,)
    statistics: dict[str, Array] = field(default_factory=dict)


# The kind is of the class that the definition was entered for.
Definition = Callable[[Any, Given], Value | Made]
DEFINITIONS: dict[type[Kind], Definition] = {}


def defines(*kinds: type[Kind]) -> Callable[[Definition], Definition]:
    """Enter the definition of kinds into the table."""

    def enter(definition: Definition) -> Definition:
        """Enter it."""
        DEFINITIONS.update(dict.fromkeys(kinds, definition))
        return definition

    return enter


def compute(kind: Kind, given: Given) -> Made:
    """Compute what a layer makes.

    Raises
    ------
    ConfigError
        If the kind has no definition.
    """
    definition = DEFINITIONS.get(type(kind))
    if definition is None:
        raise ConfigError(f"expected a kind of layer with a definition, received {kind.name}")
    made = definition(kind, given)
    if isinstance(made, Made):
        return made
    return Made((made,), (handed_on(kind, given),))


def handed_on(kind: Kind, given: Given) -> Mask:
    """Give the mask that goes out of a layer that changes none."""
    return given.mask if kind.masks == "pass" else None


def last(x: Value, data_format: str) -> Value:
    """Move the channels behind."""
    return x.moved(1, -1) if data_format == "channels_first" else x


def back(x: Value, data_format: str) -> Value:
    """Move channels from behind to where a layer has them."""
    return x.moved(-1, 1) if data_format == "channels_first" else x


def along(weight: Value, axes: Sequence[int], ndim: int) -> Value:
    """Give a weight of some axes, which count the batch, axes of 1 for the others."""
    places = sorted(axis % ndim for axis in axes)
    lengths = dict(zip(places, weight.shape, strict=True))
    return weight.reshape(*(lengths.get(axis, 1) for axis in range(ndim)))


def kept(mask: Array, x: Value) -> Array:
    """Spread a mask over the axes that a tensor has behind it, as numbers."""
    return mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim)).astype(np.float64)
