"""What a benchmark found, as data: `bench.json` is this."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from genrebench.system.files import write_json

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Contender:
    """One way of doing something, timed.

    Attributes
    ----------
    suite : str
        What is done, such as ``training``.
    name : str
        Who does it.
    unit : str
        What `values` are, such as ``s`` or ``examples/s``.
    values : tuple of float
        One a round.
    median : float
        Their median.
    spread : float
        Half the distance from the smallest to the largest, divided by the median.
    details : dict
        What else was measured, such as GFLOP/s and peak memory.
    """

    suite: str
    name: str
    unit: str
    values: tuple[float, ...]
    median: float
    spread: float
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Bar:
    """Something that was to be reached.

    Attributes
    ----------
    suite : str
        To which suite it belongs.
    what : str
        What was measured, in words.
    measured : float
        The ratio, or whatever `unit` says.
    bar : float
        What it was to be.
    at_least : bool
        Whether `measured` was to be at least, or at most, `bar`.
    unit : str
        ``x`` for a ratio, ``%``, ``MB``, or empty for a count or a difference.
    note : str
        The numbers behind it.
    """

    suite: str
    what: str
    measured: float
    bar: float
    at_least: bool = True
    unit: str = "x"
    note: str = ""

    @property
    def holds(self) -> bool:
        """Return whether it was reached."""
        return self.measured >= self.bar if self.at_least else self.measured <= self.bar


@dataclass(frozen=True)
class Suite:
    """What one suite found.

    Attributes
    ----------
    contenders : tuple of Contender
        All that were timed.
    bars : tuple of Bar
        What was to be reached.
    curves : dict of str to list of (float, float)
        Cost against size, by what is scaled.
    notes : tuple of str
        What was left out, and why.
    failed : bool
        Whether something without which nothing can be said could not be run.
    """

    contenders: tuple[Contender, ...] = ()
    bars: tuple[Bar, ...] = ()
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    failed: bool = False


@dataclass(frozen=True)
class BenchReport:
    """A benchmark run.

    Attributes
    ----------
    created : str
        Date and time (ISO 8601, UTC).
    command : str
        What was asked, as one would type it.
    seconds : float
        How long it took.
    environment : dict
        Processor, cores, memory, GPUs where they were used, versions.
    suites : dict of str to Suite
        By name, in order.
    """

    created: str
    command: str
    seconds: float
    environment: dict[str, Any]
    suites: dict[str, Suite]

    @property
    def bars(self) -> tuple[Bar, ...]:
        """List all bars."""
        return tuple(bar for suite in self.suites.values() for bar in suite.bars)


def save_bench(path: Path, report: BenchReport) -> None:
    """Write a report as JSON."""
    document = asdict(report)
    for suite, found in zip(document["suites"].values(), report.suites.values(), strict=True):
        for row, bar in zip(suite["bars"], found.bars, strict=True):
            row["holds"] = bar.holds
    write_json(path, {"schema": SCHEMA_VERSION, **document})
