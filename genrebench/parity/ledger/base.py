"""What an entry of the ledger is, and how it is tried on numbers."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from genrebench.errors import GenrebenchError
from genrebench.network.numerics import FLOAT32_TOLERANCE, FORWARD_TOLERANCE, relative_error
from genrebench.network.types import Array
from genrebench.parity.report import Cause

# Between this and half a digit more lies what float32 arithmetic leaves of a result.
FLOAT32_ROUNDING = FLOAT32_TOLERANCE
# Numbers fitted to what was received explain tensors of fewer values whatever these are.
FITTED_VALUES = 3


@dataclass(frozen=True)
class Case:
    """A tensor that may diverge: what was received, what is right, and in subclasses what it takes to recompute it."""

    received: Array
    expected: Array


class Prediction:
    """What a hypothesis gives: in words, as a tensor, and its parameters as data."""

    def __init__(self, explanation: str, value: Array, **parameters: float | str) -> None:
        """Keep them; numbers are floats, as they will be when read from a report."""
        self.explanation, self.value = explanation, value
        self.parameters = {name: each if isinstance(each, str) else float(each) for name, each in parameters.items()}


Predictions = Iterator[Prediction]
C = TypeVar("C", bound=Case)


@dataclass(frozen=True)
class Entry(Generic[C]):
    """A known divergence, with a citation of where the semantic is documented.

    Attributes
    ----------
    kinds : tuple of str
        Layer kinds that it touches; empty for all.
    tolerance : float
        Largest relative error between a prediction and the received tensor with which the entry explains it.
    accepted : bool
        Whether a difference that it explains is a property of the framework that passes as ``known``.
    """

    id: str
    title: str
    citation: str
    predict: Callable[[C], Predictions]
    kinds: tuple[str, ...] = ()
    tolerance: float = FORWARD_TOLERANCE
    accepted: bool = False


def explain(entries: Iterable[Entry[C]], case: C) -> Cause | None:
    """Find the first entry whose prediction is, to rounding, what was received.

    Parameters
    ----------
    entries : iterable of Entry
        In the order in which they are tried: special ones before general ones.
    """
    for entry in entries:
        predictions = entry.predict(case)
        while True:
            try:
                found = next(predictions)
            # A hypothesis that cannot be computed, since what it needs is missing or misshapen, explains nothing.
            except (StopIteration, GenrebenchError, KeyError, ValueError, IndexError):
                break
            residual = relative_error(found.value, case.received)
            if residual <= entry.tolerance:
                return Cause(entry.id, found.parameters, entry.title, found.explanation, residual, entry.citation)
    return None


def fitted(value: Array, direction: Array) -> float:
    """Fit by least squares how many times a direction a tensor is."""
    return float((value * direction).sum()) / max(float((direction**2).sum()), 1e-300)


def _rounded_to_float32(case: Case) -> Predictions:
    """Predict single precision: every value is a float32, though the right ones are not."""
    are_single = case.received == case.received.astype(np.float32)
    should_be = case.expected == case.expected.astype(np.float32)
    if are_single.all() and not should_be.all():
        yield Prediction("computes in float32, expected float64", case.expected, dtype="float32")


FLOAT32_ENTRY: Entry[Case] = Entry(
    "float32",
    "single precision where double was asked for",
    "https://numpy.org/doc/stable/reference/arrays.scalars.html#numpy.single",
    _rounded_to_float32,
    tolerance=FLOAT32_ROUNDING,
)
