"""What a benchmark found, as data: ``bench.json`` is this."""

import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from genrebench.system.files import write_json

SCHEMA_VERSION = 2


@dataclass(frozen=True)
class Candidate:
    """One way of doing something, timed.

    Attributes
    ----------
    unit : str
        What `values` are, such as ``s`` or ``examples/s``.
    values : tuple of float
        One per round.
    details : dict
        What else was measured, such as GFLOP/s and peak memory.
    """

    name: str
    unit: str
    values: tuple[float, ...]
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """Take the median of the rounds."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """Divide half the distance from the smallest to the largest value by the median."""
        return (max(self.values) - min(self.values)) / 2 / self.median


@dataclass(frozen=True)
class Target:
    """Something that is to be reached.

    Attributes
    ----------
    what : str
        What was measured, in words.
    measured, target : float
        The ratio, or whatever `unit` says, and what it is to be.
    at_least : bool
        Whether `measured` is to be at least, or at most, `target`.
    unit : str
        ``x`` for a ratio, ``%``, ``MB``, or empty for a difference.
    note : str
        The numbers behind it.
    """

    what: str
    measured: float
    target: float
    at_least: bool = True
    unit: str = "x"
    note: str = ""

    @property
    def met(self) -> bool:
        """Return whether it was reached; what is no number never is."""
        return self.measured >= self.target if self.at_least else self.measured <= self.target


@dataclass(frozen=True)
class Curve:
    """Cost against size.

    Attributes
    ----------
    size, cost : str
        What grows, and what takes the time.
    points : tuple of (int, float)
        Size and seconds, from the smallest to the largest.
    """

    size: str
    cost: str
    points: tuple[tuple[int, float], ...]

    @property
    def growth(self) -> float:
        """Compare the cost of the largest size with linear growth from the smallest: 1 if it is linear."""
        (small, cheap), (large, dear) = self.points[0], self.points[-1]
        return (dear / large) / (cheap / small)


@dataclass(frozen=True)
class SuiteResult:
    """What one suite found.

    Attributes
    ----------
    notes : tuple of str
        What was left out, and why.
    failed : bool
        Whether something without which nothing can be said could not be run.
    """

    candidates: tuple[Candidate, ...] = ()
    targets: tuple[Target, ...] = ()
    curve: Curve | None = None
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
    environment : dict
        Processor, cores, memory, device, GPUs where they were used, versions.
    suites : dict of str to SuiteResult
        By name, in order.
    """

    created: str
    command: str
    seconds: float
    environment: dict[str, Any]
    suites: dict[str, SuiteResult]

    @property
    def targets(self) -> tuple[Target, ...]:
        """List all targets."""
        return tuple(target for suite in self.suites.values() for target in suite.targets)


def save_bench(path: Path, report: BenchReport) -> None:
    """Write a report as JSON, medians, spreads and verdicts included."""
    document = asdict(report)
    for suite, found in zip(document["suites"].values(), report.suites.values(), strict=True):
        for row, candidate in zip(suite["candidates"], found.candidates, strict=True):
            row |= {"median": candidate.median, "spread": candidate.spread}
        for row, target in zip(suite["targets"], found.targets, strict=True):
            row["met"] = target.met
    write_json(path, {"schema": SCHEMA_VERSION, **document})
