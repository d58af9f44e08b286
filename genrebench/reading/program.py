"""A few steps in place of one layer: what an expression, or a function of tensors, comes to."""

from dataclasses import dataclass, field
from typing import NamedTuple

from genrebench.reading.kinds.base import Kind


class Step(NamedTuple):
    """One use of a kind.

    Attributes
    ----------
    name : str
        What it does, in a word unlike that of any other step.
    kind : Kind
        What it computes.
    reads : tuple of int
        Values that it reads: the inputs are numbered from 0, the steps' results from there on.
    """

    name: str
    kind: Kind
    reads: tuple[int, ...]


@dataclass
class Program:
    """Steps in an order in which each follows those that it reads.

    Attributes
    ----------
    inputs : int
        How many inputs there are.
    steps : list of Step
        What is computed; each step has one result.
    outputs : list of int
        The values that come out.
    """

    inputs: int
    steps: list[Step] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)

    def add(self, name: str, kind: Kind, *reads: int) -> int:
        """Add a step.

        Returns
        -------
        int
            The number of its result.
        """
        number = sum(step.name.partition("_")[0] == name for step in self.steps)
        self.steps.append(Step(f"{name}_{number + 1}" if number else name, kind, reads))
        return self.inputs + len(self.steps) - 1

    @classmethod
    def of(cls, name: str, kind: Kind, inputs: int = 1) -> "Program":
        """Make a program of one step, which reads all inputs."""
        program = cls(inputs)
        program.outputs = [program.add(name, kind, *range(inputs))]
        return program
