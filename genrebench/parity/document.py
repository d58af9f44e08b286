"""A parity report for people, made from the report alone: in a terminal, as Markdown, and as a page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from genrebench.parity.figures import errors_by_layer, errors_by_step
from genrebench.parity.report import DIVERGES, EQUAL, Comparison, Report, Row, Stage, largest_error
from genrebench.report import terminal
from genrebench.report.document import (
    Block,
    Cell,
    Column,
    Document,
    Figure,
    Fold,
    Heading,
    Item,
    Items,
    Source,
    Style,
    Table,
    Text,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text as Line

_PASSES = ("evaluation", "training")
# Verdicts and outcomes; any other verdict is one that an entry of the ledger expects.
_STYLES: dict[str, Style] = {
    **dict.fromkeys(("passed", "equal", "rounding"), "good"),
    **dict.fromkeys(("FAILED", "DIVERGES"), "bad"),
    **dict.fromkeys(("skipped", "information", "info", "-"), "quiet"),
}
_SEVERITY = {"equal": 0, "rounding": 1, "info": 1, "DIVERGES": 3}
_LAYERS = (
    "Relative L2 error in float64, the larger one of evaluation and training: isolated, the layer alone, given the "
    "backend's own input, and cumulative, with all that it inherited."
)


def show_report(report: Report, console: "Console") -> None:
    """Print the layer table, what is off, and the verdict."""
    verdict = Text(report.verdict, "good" if report.passed else "bad")
    findings = _findings(report)
    blocks: list[Block] = [_layer_table(report), *([Items(findings, numbered=True)] if findings else []), verdict]
    console.print()
    terminal.show(Document("", blocks), console)


def stage_line(stage: Stage) -> "Line":
    """Return one line such as ``evaluation  passed  torch 6.4e-15  keras 3.1e-15``."""
    outcome = stage_state(stage)
    found = stage.skipped or "  ".join(f"{who} {largest}" for who, largest in _largest_errors(stage))
    return terminal.line(f"{stage.id:<11} ", Cell(f"{outcome:<11} ", _STYLES[outcome]), found)


def parity_document(report: Report, *, every_row: bool = False) -> Document:
    """Arrange a report: with figures and every row of all stages, for a page, or with the most telling ones."""
    outcome = "holds" if report.passed else "does not hold"
    findings = _findings(report)
    return Document(
        f"Parity of {', '.join(report.backends)} with {report.reference}: {outcome}",
        [
            Text(report.verdict, "good" if report.passed else "bad", "verdict"),
            *([Heading("What is off")] if findings else []),
            Items(findings, numbered=True, id="findings"),
            Heading("Stages"),
            _stage_table(report),
            Heading("Layer by layer"),
            _layer_table(report, _LAYERS),
            *(_every_row(report) if every_row else _telling_rows(report)),
            Heading("Where and how"),
            Table(("what", "value"), _environment_rows(report), "environment"),
        ],
        passed=report.passed,
    )


def _telling_rows(report: Report) -> Iterator[Block]:
    """Arrange gradients and float32 tensor by tensor, without more than the error."""
    present = {stage.id for stage in report.stages}
    for title, identifier in (("Gradients", "gradients"), ("In float32, for information", "float32")):
        if identifier in present:
            yield Heading(title)
            yield _tensor_table(report, identifier)
    yield Text("All rows, with worst elements and distances in ulps, are in parity.json and parity.html.", "quiet")


def _every_row(report: Report) -> Iterator[Block]:
    """Arrange figures and all rows of all stages."""
    yield Heading("Errors by layer")
    for number, (stage, image) in enumerate(errors_by_layer(report).items()):
        words = f"Relative error of every layer, {stage} forward; the gate is red"
        yield Figure(image, words, f"errors-by-layer{number or ''}")
    if any((*report.losses.values(), report.control)):
        alt = "Relative error of the loss of every step; the gate is red"
        yield Heading("Errors by step")
        yield Figure(errors_by_step(report), alt, "errors-by-step")
    yield Heading("All tensors")
    yield from map(_all_rows, report.stages)
    yield Text("The same in a form for programs: parity.json, beside this page.", "quiet")


def stage_state(stage: Stage) -> str:
    """Return how a stage ended: ``passed``, ``FAILED``, ``skipped`` or ``information``."""
    if stage.skipped:
        return "skipped"
    return {True: "passed", False: "FAILED", None: "information"}[stage.passed]


def format_error(error: float | None) -> str:
    """Format a relative error: such as ``4.1e-15``; ``0`` for equal bits, a dash where nothing could be measured."""
    if error is None:
        return "-"
    return "0" if error == 0 else f"{error:.1e}"


def _error_cell(error: float | None) -> Cell:
    """Make a cell of an error."""
    return Cell(format_error(error), numeric=True)


def _verdict_cell(verdict: str) -> Cell:
    """Make a cell of a verdict or an outcome."""
    return Cell(verdict, _STYLES.get(verdict, "warn"))


def _findings(report: Report) -> list[Item]:
    """List what is off, each with its facts."""
    items = []
    for finding in report.findings:
        facts: list[str | Source] = []
        if finding.tolerance is not None:
            facts.append(f"smallest tolerance with which the stage would pass: {format_error(finding.tolerance)}")
        if finding.cause:
            facts.append(Source(f"{finding.cause.title} [{finding.cause.id}]: {finding.cause.citation}"))
        items.append(Item(finding.message, facts))
    return items


def _stage_table(report: Report) -> Table:
    """Arrange the stages, one per row."""
    rows = [
        (
            Cell(stage.title, target=f"stage-{stage.id}"),
            _verdict_cell(stage_state(stage)),
            stage.skipped or ", ".join(f"{who} {largest}" for who, largest in _largest_errors(stage)),
            stage.criterion,
        )
        for stage in report.stages
    ]
    return Table(("stage", "result", "largest error", "what passes"), rows, "stages")


def _largest_errors(stage: Stage) -> list[tuple[str, str]]:
    """List for each comparison of a stage who (and with whom, if not with the reference), and the largest error."""
    reference = stage.comparisons[0].against if stage.comparisons else ""
    errors = []
    for comparison in stage.comparisons:
        is_plain = comparison.against == reference or comparison.against == comparison.backend
        who = comparison.backend if is_plain else f"{comparison.backend}/{comparison.against}"
        errors.append((who, _largest_error(comparison)))
    return errors


def _largest_error(comparison: Comparison) -> str:
    """Format the largest error of a comparison."""
    if comparison.error:
        return "raised"
    if any(row.relative_l2 is None and row.diverges for row in comparison.rows):
        return "not comparable"
    if all(row.verdict == EQUAL for row in comparison.rows):
        return "equal"
    return format_error(comparison.largest)


@dataclass(frozen=True)
class LayerErrors:
    """The largest errors of one layer of one backend, its running statistics included, in evaluation and in training.

    The verdict is the worst one, ``inherits`` where only cumulative rows diverge, or ``-`` where nothing was compared.
    """

    isolated: float | None
    cumulative: float | None
    verdict: str


def layer_errors(report: Report, backend: str) -> dict[str, LayerErrors]:
    """Summarize the forward passes of a backend layer by layer."""
    rows: dict[str, list[Row]] = {name: [] for name in report.layers}
    is_whole = True
    for stage in report.stages:
        for comparison in stage.comparisons if stage.id in _PASSES else ():
            if comparison.backend == backend and comparison.against == report.reference:
                is_whole = is_whole and not comparison.error
                for row in comparison.rows:
                    rows.get(_layer_of(row, rows), []).append(row)
    is_whole = is_whole and any(rows.values())
    # What carries a mask alone is compared by what the mask does.
    return {
        name: LayerErrors(None, None, "-") if is_whole and not found else _sum_up(found) for name, found in rows.items()
    }


def _layer_of(row: Row, layers: Mapping[str, object]) -> str:
    """Name the layer that a row is about: layers may have ``/`` in their names, further outputs ``#1`` behind."""
    name = row.tensor.partition("#")[0]
    while name not in layers and "/" in name:
        name = name.rpartition("/")[0]
    return name


def _sum_up(rows: list[Row]) -> LayerErrors:
    """Summarize the rows of one layer."""
    isolated, cumulative = ([row for row in rows if row.view == view] for view in ("isolated", "cumulative"))
    if any(row.diverges for row in isolated) or not rows:
        verdict = DIVERGES
    elif any(row.diverges for row in cumulative):
        verdict = "inherits" if isolated else DIVERGES
    else:
        verdict = max((row.verdict_label for row in rows), key=lambda each: _SEVERITY.get(each, 2))
    return LayerErrors(largest_error(isolated), largest_error(cumulative), verdict)


def _layer_table(report: Report, caption: str = "") -> Table:
    """Arrange the layers, one per row, and for each backend its verdict, the layer's own error, and all up to it."""
    found = [layer_errors(report, backend) for backend in report.backends]
    titles: list[Column] = [Column("layer"), Column("kind", optional=True)]
    for backend in report.backends:
        titles += [Column(backend, backend), Column("isolated", backend, optional=True), Column("cumulative", backend)]
    rows = []
    for layer in report.architecture["layers"]:
        row = [Cell(layer["name"]), Cell(layer["kind"])]
        for each in (errors[layer["name"]] for errors in found):
            row += [_verdict_cell(each.verdict), _error_cell(each.isolated), _error_cell(each.cumulative)]
        rows.append(row)
    return Table(titles, rows, "layers", caption)


def _tensor_table(report: Report, identifier: str) -> Block:
    """Arrange the tensors of a stage, one per row, and what each backend has there."""
    stage = report.stage(identifier)
    comparisons = [each for each in stage.comparisons if each.against == report.reference]
    found = [{row.label: row for row in comparison.rows} for comparison in comparisons]
    if not any(found):
        return Text("Not computed.")
    names = dict.fromkeys(name for each in found for name in each)
    rows = [(name, *(_error_and_verdict(each.get(name)) for each in found)) for name in names]
    return Table(("tensor", *(comparison.backend for comparison in comparisons)), rows)


def _error_and_verdict(row: Row | None) -> str:
    """Format what a backend has of a tensor."""
    return f"{format_error(row.relative_l2)} {row.verdict_label}" if row else "-"


def _all_rows(stage: Stage) -> Fold:
    """Arrange all tensors of a stage, folded up unless something diverges."""
    blocks: list[Block] = [Text(stage.criterion, "quiet")]
    for comparison in stage.comparisons:
        blocks.append(Heading(comparison.title, 3))
        if comparison.error:
            blocks.append(Text(comparison.error, "bad"))
        if comparison.rows:
            titles = "tensor,view,shape,verdict,relative L2,tolerance,scaled max,worst element,ulps,note".split(",")
            blocks.append(Table(titles, list(map(_row_cells, comparison.rows))))
    if not stage.comparisons:
        blocks.append(Text(stage.skipped))
    outcome = _verdict_cell(stage_state(stage))
    return Fold(f"{stage.title} ({stage.dtype})", blocks, outcome, stage.passed is False, f"stage-{stage.id}")


def _row_cells(row: Row) -> list[str | Cell]:
    """Make the cells of one tensor."""
    worst = ""
    if row.worst:
        values = (("not finite" if each is None else f"{each:.17g}") for each in (row.worst.value, row.worst.expected))
        worst = f"[{', '.join(map(str, row.worst.index))}]: {', expected '.join(values)}"
    return [
        row.label,
        row.view,
        " x ".join(map(str, row.shape)) or "scalar",
        _verdict_cell(row.verdict_label),
        _error_cell(row.relative_l2),
        Cell("" if row.tolerance is None else format_error(row.tolerance), numeric=True),
        _error_cell(row.scaled_max),
        Cell(worst, numeric=True),
        Cell("" if row.ulps is None else f"{row.ulps:,}", numeric=True),
        row.note,
    ]


def _environment_rows(report: Report) -> list[tuple[str, str]]:
    """List where and how a report was made."""
    environment = report.environment
    rows = [
        ("command", report.command),
        ("created", report.created),
        ("seconds", f"{report.seconds:g}"),
        ("inputs", report.inputs),
        ("weights", report.weights),
        *((f"SHA-256 of {name}", value) for name, value in report.hashes.items()),
        ("processor", f"{environment.get('processor')}, {environment.get('cores')} cores"),
        ("flags", _join(environment.get("flags", {}), "=") or "none"),
    ]
    for name, worker in report.workers.items():
        peak = worker.get("peak_memory_bytes")
        parts = [
            _join(worker.get("versions", {}), " "),
            f"device {worker['device']}" if worker.get("device") else "",
            f"threads {_join(worker.get('threads', {}), '=') or 'not set'}",
            _seconds(worker.get("seconds", {})),
            f"peak memory {peak / 2**20:.0f} MiB" if peak else "",
        ]
        rows.append((name, "; ".join(filter(None, parts))))
    return rows


def _seconds(taken: Any) -> str:
    """Format what a worker took, in all or for each of its tasks."""
    return f"{sum(taken.values()) if isinstance(taken, Mapping) else taken:.1f} s"


def _join(values: Mapping[str, Any], by: str) -> str:
    """Format a mapping."""
    return ", ".join(f"{name}{by}{value}" for name, value in values.items())
