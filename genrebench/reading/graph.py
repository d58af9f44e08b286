"""A plain description of a network: layers, calls of them, and what each call reads."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from genrebench.reading.kinds.base import Kind, Shape, Trap, Weight
from genrebench.reading.problems import Problem


class Tensor(NamedTuple):
    """An output of a call.

    Attributes
    ----------
    call : str
        Name of the call.
    output : int
        Which of its outputs.
    """

    call: str
    output: int = 0


@dataclass
class Layer:
    """A layer, which may be called more than once.

    Attributes
    ----------
    path : tuple of str
        Its name behind those of the nested models that it lies in.
    class_name : str
        As the file says it.
    kind : Kind or None
        What it computes; None if that is not known.
    trainable : bool
        Whether it, and every model around it, is trained.
    weights : tuple of Weight
        Its tensors; empty as long as the shape of its input is not known.
    has_shapes : bool
        Whether that shape was known.
    is_step : bool
        Whether it is a step of what is one layer in the file, and so in no other program.
    """

    path: tuple[str, ...]
    class_name: str
    kind: Kind | None
    trainable: bool = True
    weights: tuple[Weight, ...] = ()
    has_shapes: bool = False
    is_step: bool = False

    @property
    def name(self) -> str:
        """Name the layer, unlike any other."""
        return "/".join(self.path)

    @property
    def parameters(self) -> int:
        """Count the values in its weights."""
        return sum(math.prod(weight.shape) for weight in self.weights)

    @property
    def trainable_parameters(self) -> int:
        """Count the values that an optimizer moves."""
        return sum(math.prod(weight.shape) for weight in self.weights if weight.trainable and self.trainable)


@dataclass(frozen=True)
class Call:
    """One use of a layer.

    Attributes
    ----------
    name : str
        The layer's name, with a number behind it for further uses of a shared layer.
    inputs : tuple of Tensor
        What it reads, in order.
    arguments : dict
        What else it is called with, such as ``mask``, ``training`` or ``initial_state``: plain values and tensors.
    input_shapes, output_shapes : tuple of Shape, or None
        None where a layer before it is not known.
    masked : bool
        Whether a mask comes in with its first input.
    """

    name: str
    layer: Layer
    inputs: tuple[Tensor, ...]
    arguments: dict[str, Any]
    input_shapes: tuple[Shape, ...] | None
    output_shapes: tuple[Shape, ...] | None
    masked: bool = False

    def reads(self) -> Iterator[Tensor]:
        """List the tensors that it reads, those among its arguments, too."""
        yield from self.inputs
        for value in self.arguments.values():
            yield from _tensors(value)

    def traps(self) -> Iterator[Trap]:
        """List where a port of this call usually goes wrong; in the texts, ``{}`` stands for its name."""
        kind = self.layer.kind
        if kind is None or self.input_shapes is None or self.output_shapes is None:
            return
        yield from kind.traps(self.input_shapes)
        if self.masked and kind.masks == "use":
            yield Trap("mask", "a mask reaches `{}`: masked steps are passed over, not computed with")
        if isinstance(fixed := self.arguments.get("training"), bool) and "training" in kind.arguments:
            mode = "training" if fixed else "evaluation"
            yield Trap("fixed-mode", f"`{{}}` is called with training={fixed}: always as in {mode}")


def _tensors(value: Any) -> Iterator[Tensor]:
    """List the tensors in an argument."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _tensors(each)


@dataclass
class Graph:
    """Layers and the calls of them, in an order in which each call follows those that it reads.

    Attributes
    ----------
    layers : dict of str to Layer
        By name. Nested models are unfolded: their layers are here, under ``model/layer``.
    calls : dict of str to Call
        By name, in order.
    inputs : list of str
        Calls that are given something, in the order of the model's inputs.
    outputs : list of Tensor
        What the model gives back.
    models : dict of tuple to list of (str, str)
        Name and class of what lies in each model, by the model's path: the order in which files hold weights.
    shared : dict of tuple to tuple
        Paths of layers and models that are the same as ones met before, elsewhere, with the path of those.
    problems : list of Problem
        What could not be understood.
    """

    layers: dict[str, Layer] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    models: dict[tuple[str, ...], list[tuple[str, str]]] = field(default_factory=dict)
    shared: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def shape(self, tensor: Tensor) -> Shape | None:
        """Look up the shape of a tensor; None if it is not known."""
        shapes = self.calls[tensor.call].output_shapes
        return shapes[tensor.output] if shapes and tensor.output < len(shapes) else None

    @property
    def parameters(self) -> int:
        """Count the values in all weights."""
        return sum(layer.parameters for layer in self.layers.values())

    @property
    def trainable_parameters(self) -> int:
        """Count the values that an optimizer moves."""
        return sum(layer.trainable_parameters for layer in self.layers.values())

    def traps(self) -> dict[Trap, list[str]]:
        """List every trap with the calls that it is about."""
        found: dict[Trap, list[str]] = {}
        for call in self.calls.values():
            for trap in call.traps():
                names = found.setdefault(trap, [])
                if call.name not in names:
                    names.append(call.name)
        return found
