"""Who is off, from which layer on, and why."""

from collections.abc import Iterable

from genrebench.parity.diagnosis import finding_of
from genrebench.parity.ledger.base import Case as Case
from genrebench.parity.ledger.base import Entry, explain
from genrebench.parity.ledger.entries import entries_for
from genrebench.parity.report import Comparison, Finding, Row, Stage
from genrebench.porting.proof.case import CallCase
from genrebench.porting.proof.causes.entries import call_entries

_FORWARD = ("evaluation", "training")
_MOST = 12


def diagnose(stages: Iterable[Stage]) -> tuple[Finding, ...]:
    """Explain what diverges, by side, the first layer of each first.

    In the forward passes all layers that are off by themselves are named, or the first one that is off at all; what
    follows from these is not.
    """
    found: dict[str, list[Finding]] = {}
    for stage in stages:
        if stage.passed is not False:
            continue
        for comparison in stage.comparisons:
            own = found.setdefault(comparison.backend, [])
            if comparison.error:
                if not any(each.row is None for each in own):
                    message = f"{comparison.backend}: could not be computed: {comparison.error}"
                    own.append(Finding(comparison.backend, stage.id, None, None, None, message))
                continue
            for row in _telling(stage, comparison, own):
                own.append(_finding(stage, comparison, row))
    return tuple(each for findings in found.values() for each in _joined(findings)[:_MOST])


def _telling(stage: Stage, comparison: Comparison, found: list[Finding]) -> list[Row]:
    """Choose rows that have errors of their own and of which nothing was said."""
    diverging = [row for row in comparison.rows if row.diverges]
    known = {each.row.tensor for each in found if each.row}
    if stage.id not in _FORWARD:
        # Gradients and steps follow from what is computed before them.
        return [] if known and stage.id in ("gradients", "steps") else diverging[:1]
    alone = [row for row in diverging if row.view == "isolated" or row.quantity == "statistic"]
    chosen = alone or ([] if known else diverging[:1])
    named: dict[str, Row] = {}
    for row in chosen:
        if row.tensor not in known:
            named.setdefault(row.tensor, row)
    return list(named.values())


def entries_of(case: Case) -> tuple[Entry[Case], ...]:
    """List the hypotheses for a case."""
    return call_entries(case) if isinstance(case, CallCase) else entries_for(case)


def _finding(stage: Stage, comparison: Comparison, row: Row) -> Finding:
    """Explain one row."""
    case = row.case
    adds_up = row.view == "cumulative" and isinstance(case, CallCase) and case.is_right
    cause = explain(entries_of(case), case) if case is not None and not adds_up else None
    size = f"off by {row.relative_l2:.1e}" if row.relative_l2 is not None else row.note or "cannot be compared"
    if row.note and row.relative_l2 in (None, 0.0):
        size = row.note
    if adds_up:
        size += ", though no layer by itself: what each of them is off adds up"
    return finding_of(stage, comparison, row, cause, size)


def _joined(findings: list[Finding]) -> list[Finding]:
    """Join findings of one stage and explanation to the first of them."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for number, each in enumerate(findings):
        groups.setdefault((each.stage, each.cause.explanation if each.cause else str(number)), []).append(each)
    joined = []
    for first, *others in groups.values():
        if others:
            message = f"{first.message}; likewise {', '.join(each.label for each in others)}"
            first = Finding(first.backend, first.stage, first.row, first.tolerance, first.cause, message)
        joined.append(first)
    return joined


def verdict(names: Iterable[str], stages: Iterable[Stage], findings: tuple[Finding, ...], notes: Iterable[str]) -> str:
    """Describe in a few sentences what was found."""
    ran = [stage for stage in stages if stage.passed is not None]
    failed = [stage.id for stage in ran if stage.passed is False]
    sides = list(names)
    sentences = []
    if not failed:
        agree = "agrees" if len(sides) == 1 else "agree"
        sentences.append(f"{' and '.join(sides)} {agree} with the definitions: all {len(ran)} gates hold.")
    for side in dict.fromkeys(each.backend for each in findings):
        first = next(each for each in findings if each.backend == side)
        cause = f" ({first.cause.explanation})" if first.cause else ""
        sentences.append(f"{side} is off against the definitions, first at {first.label}{cause}.")
    if failed and not findings:
        sentences.append(f"{', '.join(failed)} failed.")
    return " ".join((*sentences, *notes))
