"""What an entry of the ledger is, and how it is tried on numbers."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from genrebench.errors import GenrebenchError
from genrebench.network.numerics import FORWARD_TOLERANCE, relative_error
from genrebench.network.types import Array
from genrebench.parity.report import Cause

# Between this and half a digit more lies what float32 arithmetic leaves of a result.
FLOAT32_ROUNDING = 1e-4
# Numbers fitted to what was received explain tensors of fewer values whatever these are.
FITTED_VALUES = 3


class Case(Protocol):
    """A tensor that diverges, with what is needed to recompute it."""

    @property
    def kind(self) -> str:
        """Say what it belongs to.

        Returns
        -------
        str
            A layer kind, or what else entries list under ``kinds``.
        """
        ...

    @property
    def received(self) -> Array:
        """Return the backend's values."""
        ...

    @property
    def expected(self) -> Array:
        """Return the right values."""
        ...


C = TypeVar("C", bound=Case)


@dataclass(frozen=True)
class Entry(Generic[C]):
    """A known divergence.

    Attributes
    ----------
    id, title : str
        Its key, and what it is.
    kinds : tuple of str
        Layer kinds that it touches; empty for all.
    citation : str
        Where the semantic is documented.
    predict : callable
        From a case: explanations, each with the tensor that the hypothesis gives.
    tolerance : float
        Largest relative error between that and the received tensor with which the entry explains it.
    accepted : bool
        Whether a difference that it explains is a property of the framework that passes as ``known:<id>``.
    """

    id: str
    title: str
    kinds: tuple[str, ...]
    citation: str
    predict: Callable[[C], Iterator[tuple[str, Array]]]
    tolerance: float = FORWARD_TOLERANCE
    accepted: bool = False


def explain(entries: Iterable[Entry[C]], case: C) -> Cause | None:
    """Find the entry that explains a difference to rounding.

    Parameters
    ----------
    entries : iterable of Entry
        In the order in which they are tried: special ones before general ones.

    Returns
    -------
    Cause or None
        The first entry whose prediction is the received tensor; None if there is none.
    """
    for entry in entries:
        if entry.kinds and case.kind not in entry.kinds:
            continue
        predictions = entry.predict(case)
        while True:
            try:
                explanation, prediction = next(predictions)
            except (StopIteration, GenrebenchError):  # a hypothesis that cannot be computed explains nothing
                break
            residual = relative_error(prediction, case.received)
            if residual <= entry.tolerance:
                return Cause(entry.id, entry.title, explanation, residual, entry.citation)
    return None


def rounded_to_float32(case: Case) -> Iterator[tuple[str, Array]]:
    """Predict single precision: every value is a float32, though the right ones are not.

    Yields
    ------
    tuple of (str, ndarray)
        The explanation, and the right values, which differ from the received ones by the rounding of float32.
    """
    are_single = case.received == case.received.astype(np.float32)
    should_be = case.expected == case.expected.astype(np.float32)
    if are_single.all() and not should_be.all():
        yield "computes in float32, expected float64", case.expected


def float32_entry(kinds: tuple[str, ...] = ()) -> Entry[Case]:
    """Make the entry for single precision.

    Parameters
    ----------
    kinds : tuple of str
        What it is tried on.
    """
    return Entry(
        id="float32",
        title="single precision where double was asked for",
        kinds=kinds,
        citation="https://numpy.org/doc/stable/reference/arrays.scalars.html#numpy.single",
        predict=rounded_to_float32,
        tolerance=FLOAT32_ROUNDING,
    )
