"""One call of a layer, as what writes its lines sees it."""

from collections.abc import Mapping, Sequence
from typing import Any

from genrebench.errors import ConfigError
from genrebench.network.types import Array
from genrebench.porting.source.emitted import RandomCall
from genrebench.porting.source.layout import commented, wrap
from genrebench.porting.source.places import Layout, WeightPlace
from genrebench.porting.source.scope import INDENT, Order, Scope
from genrebench.reading.graph import Call, Tensor
from genrebench.reading.kinds.base import Kind, Shape

# PyTorch's name of each weight, behind the module's, and its layout there.
Weights = Mapping[str, tuple[str, Layout] | tuple[tuple[str, ...], Layout]]


class Site:
    """Where the lines of one call are written.

    Parameters
    ----------
    scope : Scope
        The class that they are written into.
    call : Call
        The call.
    calls : sequence of Call
        All calls of the same layer.
    """

    def __init__(self, scope: Scope, call: Call, calls: Sequence[Call]) -> None:
        """Look up what every kind asks for."""
        if call.layer.kind is None or call.input_shapes is None or call.output_shapes is None:
            raise ConfigError(f"expected a layer that is understood, received `{call.name:.80}`")
        self.scope, self.call, self.calls = scope, call, calls
        self.kind: Kind = call.layer.kind
        self.shapes: tuple[Shape, ...] = call.input_shapes
        self.after: tuple[Shape, ...] = call.output_shapes
        self.name = scope.attribute(call.layer.name)

    @property
    def is_trained(self) -> bool:
        """Return whether an optimizer moves the layer's weights."""
        return self.call.layer.trainable

    def readers(self) -> set[str]:
        """List the kinds that read the output."""
        return self.scope.readers[Tensor(self.call.name)]

    def holds_floats(self) -> bool:
        """Return whether the first input is of floats: no truth values, and no whole numbers."""
        return self.call.inputs[0] not in self.scope.others

    def drops(self, rate: float) -> bool:
        """Return whether something is dropped in training.

        Raises
        ------
        ConfigError
            If it is in evaluation, too.
        """
        fixed = self.call.arguments.get("training")
        if rate and fixed is True:
            raise ConfigError(f"expected random layers in evaluation, received `{self.call.name:.80}` always training")
        return bool(rate) and fixed is not False

    def part(self, name: str) -> str:
        """Ask for a local module or function of the written file."""
        self.scope.parts.add(name)
        return name

    def order(self, index: int = 0) -> Order:
        """Tell in which order an input lies."""
        return self.scope.order(self.call.inputs[index])

    def take(self, order: Order = "keras", index: int = 0) -> str:
        """Read an input, its axes in an order."""
        return f"@{self.scope.take(self.call.inputs[index], order)}@"

    def mask(self, index: int = 0, name: str = "mask") -> str | None:
        """Read the mask that comes with an input, or the one that the layer is called with by a name."""
        given = self.call.arguments.get(name)
        if isinstance(given, tuple) and not isinstance(given, Tensor):
            given = given[index] if index < len(given) else None
            return f"@{self.scope.take(given, 'keras')}@" if isinstance(given, Tensor) else None
        if isinstance(given, Tensor):
            return f"@{self.scope.take(given, 'keras')}@"
        value = self.scope.masks.get(self.call.inputs[index]) if index < len(self.call.inputs) else None
        return None if value is None else f"@{value}@"

    def module(
        self,
        text: str,
        weights: Weights | None = None,
        *,
        constants: Mapping[str, Array] | None = None,
        more: Sequence[str] = (),
        suffix: str = "",
        freezes: bool = True,
    ) -> str:
        """Make the layer's module, unless an earlier call did.

        Parameters
        ----------
        text : str
            Source that makes it.
        weights : mapping, optional
            By the weight's name in the layer.
        constants : mapping of str to ndarray, optional
            Tensors of the module that Keras does not have.
        more : sequence of str
            Further lines, in which ``{}`` stands for the module.
        suffix : str
            Told apart from other modules of the layer by this.
        freezes : bool
            Whether what is not trained is to be frozen.

        Returns
        -------
        str
            The module as ``forward`` names it.
        """
        key = self.call.layer.name + (f"\0{suffix}" if suffix else "")
        name = self.name
        if suffix:
            known = self.scope.attributes.get(key)
            name = known or self.scope.attribute(f"{self.call.layer.name}_{suffix}")
            self.scope.attributes[key] = name
        module = f"self.{name}"
        if self.call is not self.calls[0]:
            return module
        lines = wrap(f"{module} = {text}", INDENT)
        for line in more:
            code, _, comment = line.replace("{}", module).partition("  # ")
            lines += commented(code, comment, INDENT)
        if not self.is_trained and weights and freezes:
            lines += commented(f"{module}.requires_grad_(False)", "frozen in Keras", INDENT)
        self.scope.lines += lines
        for weight, (names, layout) in (weights or {}).items():
            names = (names,) if isinstance(names, str) else names
            canonical = f"{self.call.layer.name}/{weight}"
            self.scope.places[canonical] = WeightPlace(tuple(f"{name}.{each}" for each in names), layout)
        for each, value in (constants or {}).items():
            self.scope.constants[f"{name}.{each}"] = value
        return module

    def step(self, text: str, comment: str = "", *, name: str = "") -> str:
        """Add a statement whose value the call goes on with; a value that is given a name has it in any case."""
        value = self.scope.value(name or self.name, is_named=bool(name))
        self.scope.add(value, text, comment)
        return f"@{value}@"

    def steps(self, pattern: str, text: str, *names: str, comment: str = "") -> list[str]:
        """Add a statement that sets several values, each ``{}`` in the pattern one of them, with names."""
        values = [self.scope.value(name or self.name, is_named=bool(name)) for name in names]
        marks = [f"@{value}@" for value in values]
        self.scope.add(pattern.format(*marks), text, comment)
        return marks

    def note(self, text: str) -> None:
        """Put a comment before the next statement."""
        self.scope.note(text)

    def give(self, text: str, order: Order = "keras", *, comment: str = "", output: int = 0) -> None:
        """Add the statement that makes an output, with its shape, if that is new, as a comment."""
        name = self.name if not output else f"{self.name}_{output}"
        value = self.scope.value(name)
        shown = shape_comment(self.after[output], order)
        if self.shapes and shown == shape_comment(self.shapes[0], order):
            shown = ""
        self.scope.add(value, text, f"{shown} {comment}".strip())
        self.enter(value, order, output)

    def enter(self, value: int | str, order: Order = "keras", output: int = 0) -> None:
        """Say which value an output is."""
        value = int(value.strip("@")) if isinstance(value, str) else value
        self.scope.enter(Tensor(self.call.name, output), self.after[output], value, order)

    def pass_on(self) -> None:
        """Let the first input pass as it is."""
        tensor = self.call.inputs[0]
        order = self.scope.order(tensor)
        self.enter(self.scope.take(tensor, order), order)

    def draws(
        self,
        module: str,
        order: Order = "keras",
        *,
        key: str = "",
        steps: tuple[str, ...] = (),
        axes: tuple[int, ...] = (),
    ) -> str:
        """Note that a module draws at random in training, from an input in a given order.

        Parameters
        ----------
        module : str
            The module, as ``forward`` names it.
        order : {'keras', 'torch'}
            How its input lies.
        key : str
            Which of the draws of this call, if it draws several times.
        steps : tuple of str
            What brings a draw into the module's form first; see `RandomCall`.
        axes : tuple of int
            The order that brings its axes to those of the module's input, if that is not said by `order`.
        """
        rank = len(self.shapes[0])
        axes = (0, rank, *range(1, rank)) if order == "torch" and rank > 1 else axes
        name = f"{self.call.name}/{key}" if key else self.call.name
        self.scope.random.append(RandomCall(name, module.removeprefix("self."), axes, steps))
        return module

    def give_mask(self, mask: str, output: int = 0) -> None:
        """Say which value the mask of an output is."""
        self.scope.enter_mask(Tensor(self.call.name, output), int(mask.strip("@")))


def shape_comment(shape: Shape, order: Order) -> str:
    """Write a shape; ``n`` is the batch, ``?`` a length that is not fixed."""
    lengths: list[Any] = ["?" if each is None else each for each in shape]
    if order == "torch" and len(lengths) > 1:
        lengths = [lengths[-1], *lengths[:-1]]
    return f"({', '.join(map(str, ['n', *lengths]))})"
