"""A class of the written file while it grows: modules, statements, and which variable holds what."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from genrebench.network.types import Array
from genrebench.porting.source.emitted import RandomCall
from genrebench.porting.source.layout import WIDTH, commented, wrap
from genrebench.porting.source.names import RESERVED, VARIABLE_LENGTH, identifier
from genrebench.porting.source.places import WeightPlace
from genrebench.reading.graph import Tensor
from genrebench.reading.kinds.base import Shape

# How a tensor lies: in the file's order, or with the last axis behind the batch, as PyTorch's layers take channels.
Order = Literal["keras", "torch"]
INDENT = 8
_VALUE = re.compile(r"@(\d+)@")


@dataclass
class Statement:
    """One line of ``forward``, in which ``@3@`` stands for value 3: a pattern of targets, and an expression."""

    pattern: str
    text: str
    comment: str = ""
    notes: list[str] = field(default_factory=list)

    def targets(self) -> list[int]:
        """List the values that it sets."""
        return [int(found) for found in _VALUE.findall(self.pattern)]

    def reads(self) -> set[int]:
        """List the values that it reads."""
        return {int(found) for found in _VALUE.findall(self.text)}


@dataclass(frozen=True)
class Record:
    """Which value is an output of a call, and in which order its axes lie."""

    tensor: Tensor
    value: int
    axes: tuple[int, ...]
    is_mask: bool = False


@dataclass(frozen=True)
class Written:
    """Lines of ``forward``, and for every value its variable and the line, counted from the first one, that sets it."""

    signature: list[str]
    lines: list[str]
    variables: dict[int, str]
    places: dict[int, int]


class Scope:
    """What has been written of one class.

    Parameters
    ----------
    parts : set of str
        Names of the local modules and functions that the file needs; grows.
    """

    def __init__(self, parts: set[str]) -> None:
        """Begin with nothing."""
        self.parts = parts
        self.lines: list[str] = []
        self.places: dict[str, WeightPlace] = {}
        self.constants: dict[str, Array] = {}
        self.attributes: dict[str, str] = {}
        self._taken: set[str] = set()
        # The kinds that read each tensor.
        self.readers: defaultdict[Tensor, set[str]] = defaultdict(set)
        self.records: list[Record] = []
        self.masks: dict[Tensor, int] = {}
        # Tensors of truth values or whole numbers, and how to make floats of them.
        self.others: set[Tensor] = set()
        self.dtype = "torch.get_default_dtype()"
        self.parameters: list[int] = []
        self.random: list[RandomCall] = []
        self._statements: list[Statement] = []
        self._hints: list[str] = []
        # Values that are never called x.
        self._named: set[int] = set()
        self._forms: dict[Tensor, dict[Order, int]] = {}
        self._shapes: dict[Tensor, Shape] = {}
        self._notes: list[str] = []
        # Lines of the classes that this one needs.
        self.classes: list[list[str]] = []

    def attribute(self, layer: str) -> str:
        """Name the module of a layer."""
        if layer not in self.attributes:
            self.attributes[layer] = identifier(layer, self._taken)
            self._taken.add(self.attributes[layer])
        return self.attributes[layer]

    def value(self, hint: str, *, is_named: bool = False) -> int:
        """Make a value, for which a variable is found later: one of its own if it is always to have a name."""
        self._hints.append(hint)
        value = len(self._hints) - 1
        if is_named:
            self._named.add(value)
        return value

    def note(self, text: str) -> None:
        """Put a comment before the next statement."""
        self._notes.append(text)

    def add(self, target: int | str, text: str, comment: str = "") -> None:
        """Add a statement that sets a value, or several by a pattern."""
        pattern = target if isinstance(target, str) else f"@{target}@"
        self._statements.append(Statement(pattern, text, comment, self._notes))
        self._notes = []

    def enter(self, tensor: Tensor, shape: Shape, value: int, order: Order) -> None:
        """Note which value an output of a call is."""
        self._forms[tensor] = {order: value}
        self._shapes[tensor] = shape
        self.records.append(Record(tensor, value, back_axes(len(shape), order)))

    def replace(self, tensor: Tensor, value: int) -> None:
        """Let whoever reads a tensor read another value."""
        self._forms[tensor] = {"keras": value}

    def forget(self, call: str) -> None:
        """Forget which values are outputs of a call, which is written anew."""
        self.records = [each for each in self.records if each.tensor.call != call]
        self.masks = {tensor: value for tensor, value in self.masks.items() if tensor.call != call}

    def enter_mask(self, tensor: Tensor, value: int) -> None:
        """Note which value is the mask of an output."""
        self.masks[tensor] = value
        self.records.append(Record(tensor, value, (), True))

    def shape(self, tensor: Tensor) -> Shape:
        """Give the shape of a tensor."""
        return self._shapes[tensor]

    def order(self, tensor: Tensor) -> Order:
        """Tell in which order a tensor was last seen."""
        return "keras" if len(self._shapes[tensor]) < 2 else next(reversed(self._forms[tensor]))

    def take(self, tensor: Tensor, order: Order) -> int:
        """Give a tensor in an order of axes; where it is not there, a statement makes it."""
        forms, rank = self._forms[tensor], len(self._shapes[tensor])
        if rank < 2:
            return next(iter(forms.values()))
        if order not in forms:
            (source,) = forms.values()
            axes = back_axes(rank, "torch") if order == "keras" else (0, rank, *range(1, rank))
            forms[order] = self.value(self._hints[source])
            what = "channels last, as in Keras" if order == "keras" else "channels first"
            self.add(forms[order], f"@{source}@.permute({', '.join(map(str, axes))})", what)
        return forms[order]

    def write(self, outputs: Sequence[str]) -> Written:
        """Find a variable for every value, and write the lines."""
        values = ", ".join(outputs)
        statements = _needed([*self._statements, Statement("", values)])
        variables = self._variables(statements)
        lines: list[str] = []
        places = dict.fromkeys(self.parameters, -1)

        def named(text: str) -> str:
            """Put variables in the place of values."""
            return _VALUE.sub(lambda found: variables.get(int(found[1]), "_"), text)

        for statement in statements[:-1]:
            # Of states that nobody reads, none is taken apart.
            pattern = re.sub(r"\((_, _|_,)\)$", "_", named(statement.pattern))
            written, place = _written(f"{pattern} = {named(statement.text)}", statement)
            places |= dict.fromkeys(statement.targets(), len(lines) + place)
            lines += written
        found = f"return {named(values)}"
        lines += wrap(found if INDENT + len(found) <= WIDTH else f"return ({named(values)})", INDENT)
        given = ", ".join(f"{variables[each]}: Tensor" for each in self.parameters)
        back = "Tensor" if len(outputs) == 1 else f"tuple[{', '.join(['Tensor'] * len(outputs))}]"
        signature = wrap(f"def forward(self, {given}) -> {back}:", 4, hugging=f" -> {back}:")
        return Written(signature, lines, variables, places)

    def _variables(self, statements: Sequence[Statement]) -> dict[int, str]:
        """Name the values: ``x`` in straight runs, by their layer where a value is read further on."""
        last: dict[int, int] = {}
        for index, statement in enumerate(statements):
            for value in statement.reads():
                last[value] = index
        variables: dict[int, str] = {}
        holders: defaultdict[str, int] = defaultdict(lambda: -1)
        taken = RESERVED | self.parts

        def assign(value: int, index: int) -> None:
            """Choose the variable of one value."""
            end = last.get(value, index)
            name = "x"
            is_alone = index >= 0 or len(self.parameters) == 1
            if end > index + 1 or holders["x"] > index or value in self._named or not is_alone:
                hint = self._hints[value]
                # A variable is free when what it held is not read any more.
                for each in [each for each, until in holders.items() if until <= index]:
                    del holders[each]
                name = identifier(hint.lower(), holders.keys() | taken, VARIABLE_LENGTH)
            variables[value] = name
            holders[name] = end

        for value in self.parameters:
            assign(value, -1)
            holders[variables[value]] = max(holders[variables[value]], 0)
        for index, statement in enumerate(statements):
            for target in statement.targets():
                if target in last:
                    assign(target, index)
        return variables


def _needed(statements: Sequence[Statement]) -> list[Statement]:
    """Leave out statements of whose values none is read, such as masks that nobody asks for."""
    read: set[int] = set()
    kept: list[Statement] = []
    for statement in reversed(statements):
        if not statement.pattern or read & set(statement.targets()):
            kept.append(statement)
            read |= statement.reads()
    return kept[::-1]


def back_axes(rank: int, order: Order) -> tuple[int, ...]:
    """List the axes, batch included, that bring a tensor into the file's order."""
    return tuple(range(rank + 1)) if order == "keras" or rank < 2 else (0, *range(2, rank + 1), 1)


def _written(text: str, statement: Statement) -> tuple[list[str], int]:
    """Write a statement with its comments; tell which of the lines is its first."""
    notes = [f"{' ' * INDENT}# {note}" for note in statement.notes]
    lines = commented(text, statement.comment, INDENT)
    first = sum(line.lstrip().startswith("#") for line in lines)
    return [*notes, *lines], len(notes) + first
