"""A class of the written file while it grows: modules, statements, and which variable holds what."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from genrebench.network.types import Array
from genrebench.porting.source.emitted import RandomCall
from genrebench.porting.source.layout import WIDTH, wrap
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
    """One line of ``forward``, in which ``@3@`` stands for value 3."""

    targets: tuple[int | None, ...]
    text: str
    comment: str = ""
    notes: list[str] = field(default_factory=list)

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
        self.records: list[Record] = []
        self.masks: dict[Tensor, int] = {}
        self.parameters: list[int] = []
        self.random: list[RandomCall] = []
        self._statements: list[Statement] = []
        self._hints: list[str] = []
        self._forms: dict[Tensor, dict[Order, int]] = {}
        self._shapes: dict[Tensor, Shape] = {}
        self._notes: list[str] = []

    def attribute(self, layer: str) -> str:
        """Name the module of a layer."""
        if layer not in self.attributes:
            self.attributes[layer] = identifier(layer, set(self.attributes.values()) | self.parts)
        return self.attributes[layer]

    def value(self, hint: str) -> int:
        """Make a value, for which a variable is found later."""
        self._hints.append(hint)
        return len(self._hints) - 1

    def note(self, text: str) -> None:
        """Put a comment before the next statement."""
        self._notes.append(text)

    def add(self, targets: Sequence[int | None], text: str, comment: str = "") -> None:
        """Add a statement."""
        self._statements.append(Statement(tuple(targets), text, comment, self._notes))
        self._notes = []

    def enter(self, tensor: Tensor, shape: Shape, value: int, order: Order) -> None:
        """Note which value an output of a call is."""
        self._forms[tensor] = {order: value}
        self._shapes[tensor] = shape
        self.records.append(Record(tensor, value, back_axes(len(shape), order)))

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
            self.add([forms[order]], f"@{source}@.permute({', '.join(map(str, axes))})", what)
        return forms[order]

    def write(self, outputs: Sequence[str]) -> Written:
        """Find a variable for every value, and write the lines."""
        values = ", ".join(outputs)
        statements = [*self._statements, Statement((), values)]
        variables = self._variables(statements)
        lines: list[str] = []
        places = dict.fromkeys(self.parameters, -1)

        def named(text: str) -> str:
            """Put variables in the place of values."""
            return _VALUE.sub(lambda found: variables[int(found[1])], text)

        for statement in statements[:-1]:
            targets = ", ".join("_" if each is None else variables.get(each, "_") for each in statement.targets)
            written, place = _written(f"{targets} = {named(statement.text)}", statement)
            for each in statement.targets:
                if each is not None:
                    places[each] = len(lines) + place
            lines += written
        lines += wrap(f"return {named(values)}", INDENT)
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
            if end > index + 1 or holders["x"] > index or (index < 0 and len(self.parameters) > 1):
                hint = self._hints[value]
                # A variable is free when what it held is not read any more.
                held = {each for each, until in holders.items() if until > index}
                name = identifier(hint, held | taken, VARIABLE_LENGTH)
            variables[value] = name
            holders[name] = end

        for value in self.parameters:
            assign(value, -1)
            holders[variables[value]] = max(holders[variables[value]], 0)
        for index, statement in enumerate(statements):
            for target in statement.targets:
                if target is not None and target in last:
                    assign(target, index)
        return variables


def back_axes(rank: int, order: Order) -> tuple[int, ...]:
    """List the axes, batch included, that bring a tensor into the file's order."""
    return tuple(range(rank + 1)) if order == "keras" or rank < 2 else (0, *range(2, rank + 1), 1)


def _written(text: str, statement: Statement) -> tuple[list[str], int]:
    """Write a statement with its comments; tell which of the lines is its first."""
    notes = [f"{' ' * INDENT}# {note}" for note in statement.notes]
    if statement.comment:
        if INDENT + len(text) + len(statement.comment) + 4 <= WIDTH:
            return [*notes, f"{' ' * INDENT}{text}  # {statement.comment}"], len(notes)
        notes.append(f"{' ' * INDENT}# {statement.comment}")
    return [*notes, *wrap(text, INDENT)], len(notes)
