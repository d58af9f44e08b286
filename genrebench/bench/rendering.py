"""A benchmark as tables for a terminal and for Markdown, and as pictures."""

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from genrebench.bench.results import Bar, BenchReport, Contender, Suite
from genrebench.system.files import escaped

if TYPE_CHECKING:
    from matplotlib.axis import Axis


_NO_VERSIONS = frozenset({"processor", "cores", "memory_bytes", "device", "gpus"})


def spell(value: float, unit: str) -> str:
    """Spell a measured value.

    Returns
    -------
    str
        Such as ``4.52 x``, ``73 %``, ``0``, ``2.1e-05``.
    """
    if not unit:
        return f"{value:.2g}" if 0 < abs(value) < 1 else f"{value:.0f}"
    return f"{value:.2f} {unit}" if unit == "x" else f"{value:.0f} {unit}"


def bar_cells(bar: Bar) -> tuple[str, str, str, str, str]:
    """Spell a bar.

    Returns
    -------
    tuple of str
        What, measured, bar, whether it holds, the numbers behind it.
    """
    limit = f"{'>=' if bar.at_least else '<='} {spell(bar.bar, bar.unit)}"
    return bar.what, spell(bar.measured, bar.unit), limit, "holds" if bar.holds else "MISSED", bar.note


def contender_cells(each: Contender) -> tuple[str, str, str, str]:
    """Spell a contender.

    Returns
    -------
    tuple of str
        Name, median, spread, what else was measured.
    """
    is_short = each.unit.startswith("s") and each.median < 1
    median = f"{1e3 * each.median:.0f} m{each.unit}" if is_short else f"{each.median:.3g} {each.unit}"
    facts = []
    if "examples_per_second" in each.details:
        facts.append(f"{each.details['examples_per_second']:.0f} examples/s, {each.details['gflops']:.0f} GFLOP/s")
    if "share_of_peak" in each.details:
        facts.append(f"{100 * each.details['share_of_peak']:.0f} % of matrix products")
    if each.details.get("peak_memory_bytes"):
        facts.append(f"peak {each.details['peak_memory_bytes'] / 1e6:.0f} MB")
    facts += [
        f"{each.details[what] / each.median:.1f} {what}/s" for what in ("tracks", "files") if what in each.details
    ]
    return each.name, median, f"{100 * each.spread:.0f} %", ", ".join(facts)


def show_suite(name: str, suite: Suite, console: Console) -> None:
    """Print what a suite found."""
    console.print()
    titles = (name, "median", "+-", "")
    console.print(_table(titles, map(contender_cells, suite.contenders)))
    if suite.bars:
        console.print()
        console.print(_table(("bar", "measured", "asked", "", ""), map(bar_cells, suite.bars)))
    for note in suite.notes:
        console.print(Text(escaped(note)), style="dim", soft_wrap=True)


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Table:
    """Arrange cells in a table.

    Returns
    -------
    Table
        Numbers to the right; what a bar's result says is colored.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    words = (1, 2, 3) if len(titles) > 4 else (1, 2)
    for index, title in enumerate(titles):
        table.add_column(Text(title), justify="right" if index in (1, 2) else "left", no_wrap=index in words)
    styles = {"holds": "green", "MISSED": "bold red"}
    for row in rows:
        table.add_row(*(Text(escaped(cell), style=styles.get(cell, "")) for cell in row))
    return table


def markdown(report: BenchReport) -> str:
    """Render a report."""
    held = sum(bar.holds for bar in report.bars)
    environment = report.environment
    parts = [
        f"# Benchmark: {held} of {len(report.bars)} bars hold",
        (f"{_machine(report)}; {report.created}; `{report.command}`, {report.seconds:.0f} s"),
        "Every contender runs in processes of its own, in turns; medians over the rounds, with half the range.",
    ]
    for name, suite in report.suites.items():
        parts += [f"## {name.capitalize()}", _rows(("", "median", "+-", ""), map(contender_cells, suite.contenders))]
        if suite.bars:
            parts.append(_rows(("bar", "measured", "asked", "", ""), map(bar_cells, suite.bars)))
        parts += suite.notes
    known = ", ".join(f"{key} {value}" for key, value in environment.items() if key not in _NO_VERSIONS)
    return "\n\n".join([*parts, f"Versions: {known}."]) + "\n"


def _machine(report: BenchReport) -> str:
    """Name the machine.

    Returns
    -------
    str
        Processor, cores, memory, and GPUs where they were used.
    """
    environment = report.environment
    parts = [environment["processor"], f"{environment['cores']} cores"]
    if environment.get("memory_bytes"):
        parts.append(f"{environment['memory_bytes'] / 2**30:.0f} GiB")
    return ", ".join([*parts, *environment.get("gpus", [])])


def _rows(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Render a Markdown table."""
    lines = [titles, ("---",) * len(titles), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def bars_picture(report: BenchReport) -> bytes:
    """Draw how far each ratio is from its bar."""
    from matplotlib.figure import Figure

    bars = [bar for bar in reversed(report.bars) if bar.unit and bar.measured > 0]
    margins = [bar.measured / bar.bar if bar.at_least else bar.bar / bar.measured for bar in bars]
    figure = Figure(figsize=(10, 1.2 + 0.42 * len(bars)), dpi=120, layout="constrained")
    axes = figure.subplots()
    colors = ["tab:green" if bar.holds else "tab:red" for bar in bars]
    axes.barh(range(len(bars)), margins, color=colors, height=0.6)
    for place, (bar, margin) in enumerate(zip(bars, margins, strict=True)):
        text = f" {spell(bar.measured, bar.unit)} (asked {'>=' if bar.at_least else '<='} {spell(bar.bar, bar.unit)})"
        axes.text(margin, place, text, va="center", fontsize=8)
    axes.axvline(1, color="black", linewidth=1)
    axes.set(xlabel="times better than asked", xscale="log", xlim=(0.5, 3 * max([1.0, *margins])))
    _plain_ticks(axes.xaxis, [tick for tick in (0.5, 1, 2, 4, 8, 16) if tick < axes.get_xlim()[1]])
    axes.set_yticks(range(len(bars)), [f"{bar.suite}: {bar.what}" for bar in bars], fontsize=8)
    figure.suptitle(_machine(report), fontsize=10)
    return _png(figure)


def cost_picture(report: BenchReport) -> bytes | None:
    """Draw cost against size.

    Returns
    -------
    bytes or None
        A PNG; None if nothing was scaled.
    """
    from matplotlib.figure import Figure

    curves = {name: points for suite in report.suites.values() for name, points in suite.curves.items()}
    if not curves:
        return None
    figure = Figure(figsize=(5 * len(curves), 4), dpi=120, layout="constrained")
    for axes, (name, points) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True):
        sizes, seconds = zip(*points, strict=True)
        linear = [seconds[0] * size / sizes[0] for size in sizes]
        axes.plot(sizes, linear, color="gray", linestyle=":", label="linear")
        axes.plot(sizes, seconds, color="tab:blue", marker="o", label="measured")
        what = {"training": ("segments", "reading and an epoch"), "preprocess": ("tracks", "after start-up")}[name]
        axes.set(xlabel=what[0], ylabel=f"seconds, {what[1]}", title=name, xscale="log", yscale="log")
        _plain_ticks(axes.xaxis, sizes)
        _plain_ticks(axes.yaxis, seconds)
        axes.grid(alpha=0.3)
        axes.legend()
    return _png(figure)


def _plain_ticks(axis: "Axis", places: Sequence[float]) -> None:
    """Label a logarithmic axis at some places only, and without powers of ten."""
    axis.set_ticks(list(places), [f"{place:.2g}" if place < 10 else f"{place:.0f}" for place in places])
    axis.set_ticks([], minor=True)


def _png(figure: object) -> bytes:
    """Save a figure."""
    content = io.BytesIO()
    figure.savefig(content, format="png")  # type: ignore[attr-defined]
    return content.getvalue()
