"""What all renderings say, in the words and the order in which they say it."""

from dataclasses import dataclass
from typing import Any

from genrebench.parity.report import DIVERGES, EQUAL, Comparison, Report, Row, Stage

_PASSES = ("evaluation", "training")
_RANK = {EQUAL: 0, "rounding": 1, "info": 1, DIVERGES: 3}


def number(error: float | None) -> str:
    """Spell an error.

    Parameters
    ----------
    error : float or None
        A relative error; None if it could not be measured.

    Returns
    -------
    str
        Such as ``4.1e-15``; ``0`` for equal bits, a dash for None.
    """
    if error is None:
        return "-"
    return "0" if error == 0 else f"{error:.1e}"


def state(stage: Stage) -> str:
    """Say how a stage ended.

    Returns
    -------
    str
        ``passed``, ``FAILED``, ``skipped`` or ``information``.
    """
    if stage.skipped:
        return "skipped"
    return {True: "passed", False: "FAILED", None: "information"}[stage.passed]


def summaries(stage: Stage) -> list[tuple[str, str]]:
    """Summarize each comparison of a stage.

    Returns
    -------
    list of tuple of str
        Who (and with whom, if not with the reference), and the largest error.
    """
    reference = stage.comparisons[0].against if stage.comparisons else ""
    sums = []
    for comparison in stage.comparisons:
        is_plain = comparison.against == reference or comparison.against == comparison.backend
        who = comparison.backend if is_plain else f"{comparison.backend}/{comparison.against}"
        sums.append((who, _sum_up(comparison)))
    return sums


def _sum_up(comparison: Comparison) -> str:
    """Summarize a comparison."""
    if comparison.error:
        return "raised"
    if any(row.relative_l2 is None and row.diverges for row in comparison.rows):
        return "not comparable"
    if all(row.verdict == EQUAL for row in comparison.rows):
        return "equal"
    return number(comparison.largest)


def stage_of(report: Report, identifier: str) -> Stage | None:
    """Look up a stage.

    Returns
    -------
    Stage or None
        The stage, if the report has it.
    """
    return next((stage for stage in report.stages if stage.id == identifier), None)


@dataclass(frozen=True)
class Rung:
    """One layer of the ladder, for one backend.

    Attributes
    ----------
    isolated, cumulative : float or None
        Largest error of the layer's output and running statistics, in evaluation and in training.
    verdict : str
        The worst verdict of the isolated rows, or ``inherits`` where only cumulative ones diverge.
    """

    isolated: float | None
    cumulative: float | None
    verdict: str


def ladder(report: Report) -> list[tuple[str, str, dict[str, Rung]]]:
    """Arrange the forward passes by layer.

    Returns
    -------
    list of tuple
        For each layer its name, its kind, and a rung for each backend.
    """
    chosen = [stage for stage in (stage_of(report, each) for each in _PASSES) if stage is not None]
    rungs = []
    for layer in report.architecture["layers"]:
        found: dict[str, Rung] = {}
        for backend in report.backends:
            rows = [
                row
                for stage in chosen
                for comparison in stage.comparisons
                if comparison.backend == backend and comparison.against == report.reference
                for row in comparison.rows
                if row.node == layer["name"]
            ]
            found[backend] = _rung(rows)
        rungs.append((layer["name"], layer["kind"], found))
    return rungs


def _rung(rows: list[Row]) -> Rung:
    """Summarize the rows of one layer."""
    views = {view: [row for row in rows if row.view == view] for view in ("isolated", "cumulative")}
    worst = {
        view: max((row.relative_l2 for row in each if row.relative_l2 is not None), default=None)
        for view, each in views.items()
    }
    if any(row.diverges for row in views["isolated"]) or not rows:
        verdict = DIVERGES
    elif any(row.diverges for row in views["cumulative"]):
        verdict = "inherits" if views["isolated"] else DIVERGES
    else:
        verdict = max((row.verdict_label for row in rows), key=lambda each: _RANK.get(each, 2))
    return Rung(worst["isolated"], worst["cumulative"], verdict)


def surroundings(report: Report) -> list[tuple[str, str]]:
    """List in what a report was made."""
    environment = report.environment
    lines = [
        ("command", report.command),
        ("created", report.created),
        ("seconds", f"{report.seconds:g}"),
        ("inputs", report.inputs),
        ("weights", report.weights),
        *((f"SHA-256 of {name}", value) for name, value in report.hashes.items()),
        ("processor", f"{environment.get('processor')}, {environment.get('cores')} cores"),
        ("flags", _joined(environment.get("flags", {}), "=") or "none"),
    ]
    for name, worker in report.workers.items():
        peak = worker.get("peak_memory_bytes")
        parts = [
            _joined(worker.get("versions", {}), " "),
            f"device {worker.get('device')}",
            f"threads {_joined(worker.get('threads', {}), '=') or 'not set'}",
            f"{sum(worker.get('seconds', {}).values()):.1f} s",
            f"peak memory {peak / 2**20:.0f} MiB" if peak else "",
        ]
        lines.append((name, "; ".join(filter(None, parts))))
    return lines


def _joined(values: dict[str, Any], by: str) -> str:
    """Spell a mapping."""
    return ", ".join(f"{name}{by}{value}" for name, value in values.items())
