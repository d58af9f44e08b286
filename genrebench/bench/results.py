"""What a benchmark found, as data: ``bench.json`` is this."""

import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from genrebench.system.files import write_json

SCHEMA_VERSION = 2


@dataclass(frozen=True)
class Candidate:
    """One way of doing something, timed once per round; `details` is what else was measured, such as peak memory."""

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
    """Something that is to be reached: `measured` at least, or at most, `target`.

    The unit is ``x`` for a ratio, ``power`` for an exponent, ``%``, ``MB``, or empty for a
    difference; `note` has the numbers behind it.
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
    """Cost against size: what grows, what takes the time, and seconds by size from the smallest to the largest."""

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
    """What one suite found, and what was left out, and why.

    It failed if something without which nothing can be said could not be run.
    """

    candidates: tuple[Candidate, ...] = ()
    targets: tuple[Target, ...] = ()
    curve: Curve | None = None
    notes: tuple[str, ...] = ()
    failed: bool = False


@dataclass(frozen=True)
class BenchReport:
    """A benchmark run: date and time (ISO 8601, UTC), the command as one would type it, where, and what was found."""

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
