"""A report in a terminal: one line a stage while it runs, then the ladder, what is off, and the verdict."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from genrebench.parity.rendering.content import Rung, ladder, number, state, summaries
from genrebench.parity.report import DIVERGES, Report, Stage
from genrebench.system.files import escaped

_STYLES = {"passed": "green", "FAILED": "bold red", "skipped": "dim", "information": "dim"}
_VERDICTS = {DIVERGES: "bold red", "inherits": "yellow", "equal": "green", "rounding": "green"}

# Columns of the longest verdict, of an error under its heading, and between two columns.
_VERDICT_WIDTH, _ERROR_WIDTH, _GAP = len("DIVERGES"), len("cumulative"), 2


def stage_line(stage: Stage) -> Text:
    """Say in one line how a stage ended.

    Returns
    -------
    Text
        Such as ``evaluation  passed  torch 6.4e-15  keras 3.1e-15``.
    """
    word = state(stage)
    line = Text(f"{stage.id:<11} ")
    line.append(f"{word:<11} ", style=_STYLES[word])
    if stage.skipped:
        line.append(stage.skipped)
    line.append("  ".join(f"{who} {largest}" for who, largest in summaries(stage)))
    return line


def show_report(report: Report, console: Console) -> None:
    """Print the ladder, what is off, and the verdict."""
    for table in _ladders(report, console):
        console.print()
        console.print(table)
    for finding in report.findings:
        console.print()
        console.print(Text(escaped(finding.message)), soft_wrap=not console.is_terminal)
        facts = []
        if finding.tolerance is not None:
            facts.append(f"smallest tolerance that would pass: {number(finding.tolerance)}")
        if finding.cause:
            facts.append(f"{finding.cause.title} [{finding.cause.id}]: {finding.cause.citation}")
        for fact in facts:
            console.print(Text(f"  {escaped(fact)}", style="dim"), soft_wrap=not console.is_terminal)
    console.print()
    console.print(
        Text(escaped(report.verdict), style="bold green" if report.passed else "bold red"),
        soft_wrap=not console.is_terminal,
    )


def _ladders(report: Report, console: Console) -> Iterator[Table]:
    """Arrange the layers in tables.

    Parameters
    ----------
    console : Console
        Where they are shown, which says how much fits.

    Yields
    ------
    Table
        One row a layer; for each backend the error of the layer alone, if there is room, and of all up to it. Backends
        that do not fit beside each other stand below each other.
    """
    rungs = ladder(report)
    names = max(len(name) for name, _, _ in rungs) + _GAP
    widths = [max(len(escaped(name)), _VERDICT_WIDTH) + 2 * _GAP + _ERROR_WIDTH for name in report.backends]
    has_room = names + sum(widths) + (_GAP + _ERROR_WIDTH) * len(widths) <= console.width
    at_a_time = len(widths) if has_room else max(1, (console.width - names) // max(widths))
    for start in range(0, len(widths), at_a_time):
        yield _ladder(rungs, report.backends[start : start + at_a_time], has_room=has_room)


def _ladder(rungs: list[tuple[str, str, dict[str, Rung]]], backends: Sequence[str], *, has_room: bool) -> Table:
    """Arrange the layers in one table.

    Parameters
    ----------
    has_room : bool
        Whether there is room for the layer's own error.
    """
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    table.add_column("Layer", no_wrap=True)
    for backend in backends:
        table.add_column(Text(escaped(backend)), no_wrap=True)
        if has_room:
            table.add_column("isolated", justify="right", no_wrap=True)
        table.add_column("cumulative", justify="right", no_wrap=True)
    for name, _, found in rungs:
        cells: list[Text | str] = [Text(escaped(name))]
        for rung in (found[backend] for backend in backends):
            cells.append(Text(rung.verdict, style=_VERDICTS.get(rung.verdict, "")))
            cells += [number(rung.isolated)] if has_room else []
            cells.append(number(rung.cumulative))
        table.add_row(*cells)
    return table
