"""A report in a terminal: one line a stage while it runs, then the ladder, what is off, and the verdict."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from genrebench.files import printable
from genrebench.parity.rendering.content import ladder, number, state, summaries
from genrebench.parity.results import DIVERGES, Report, Stage

_STYLES = {"passed": "green", "FAILED": "bold red", "skipped": "dim", "information": "dim"}
_VERDICTS = {DIVERGES: "bold red", "inherits": "yellow", "equal": "green", "rounding": "green"}


def stage_line(stage: Stage) -> Text:
    """Say in one line how a stage ended.

    Parameters
    ----------
    stage : Stage
        The stage.

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
    """Print the ladder, what is off, and the verdict.

    Parameters
    ----------
    report : Report
        The report.
    console : Console
        Where.
    """
    console.print()
    console.print(_ladder(report, console))
    for finding in report.findings:
        console.print()
        console.print(Text(printable(finding.message)), soft_wrap=not console.is_terminal)
        facts = []
        if finding.tolerance is not None:
            facts.append(f"smallest tolerance that would pass: {number(finding.tolerance)}")
        if finding.cause:
            facts.append(f"{finding.cause.title} [{finding.cause.id}]: {finding.cause.citation}")
        for fact in facts:
            console.print(Text(f"  {printable(fact)}", style="dim"), soft_wrap=not console.is_terminal)
    console.print()
    console.print(
        Text(printable(report.verdict), style="bold green" if report.passed else "bold red"),
        soft_wrap=not console.is_terminal,
    )


def _ladder(report: Report, console: Console) -> Table:
    """Arrange the layers in a table.

    Parameters
    ----------
    report : Report
        The report.
    console : Console
        Where it is shown, which says how much fits.

    Returns
    -------
    Table
        One row a layer; for each backend the error of the layer alone and, where there is room, of all up to it.
    """
    rungs = ladder(report)
    names = max(len(name) for name, _, _ in rungs) + 2
    has_room = names + 33 * len(report.backends) <= console.width
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
    table.add_column("Layer", no_wrap=True)
    for backend in report.backends:
        table.add_column(printable(backend), no_wrap=True)
        if has_room:
            table.add_column("isolated", justify="right", no_wrap=True)
        table.add_column("cumulative", justify="right", no_wrap=True)
    for name, _, found in rungs:
        cells: list[Text | str] = [Text(printable(name))]
        for rung in found.values():
            cells.append(Text(rung.verdict, style=_VERDICTS.get(rung.verdict, "")))
            cells += [number(rung.isolated)] if has_room else []
            cells.append(number(rung.cumulative))
        table.add_row(*cells)
    return table
