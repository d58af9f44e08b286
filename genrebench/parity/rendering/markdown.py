"""A report as Markdown, narrow enough to be read as plain text."""

from collections.abc import Iterable, Sequence

from genrebench.parity.rendering.content import ladder, number, stage_of, state, summaries, surroundings
from genrebench.parity.report import Report

_LADDER = (
    "Relative L2 error in float64, the larger one of evaluation and training: *isolated*, the layer alone, given the "
    "backend's own input, and *cumulative*, with all that it inherited."
)


def markdown(report: Report) -> str:
    """Render a report.

    Returns
    -------
    str
        Markdown as GitHub reads it.
    """
    outcome = "holds" if report.passed else "does not hold"
    parts = [
        _plain(f"# Parity of {', '.join(report.backends)} with {report.reference}: {outcome}"),
        _plain(report.verdict),
        *_findings(report),
        "## Stages",
        _table(
            ("stage", "result", "largest error", "what passes"),
            (
                (
                    stage.title,
                    state(stage),
                    stage.skipped or ", ".join(f"{who} {largest}" for who, largest in summaries(stage)),
                    stage.criterion,
                )
                for stage in report.stages
            ),
        ),
        "## Layer by layer",
        _LADDER,
        _ladder(report),
        "## Gradients",
        _tensors(report, "gradients"),
        "## In float32, for information",
        _tensors(report, "float32"),
        "## Where and how",
        _table(("what", "value"), surroundings(report)),
        "All rows, with worst elements and distances in ulps, are in `parity.json` and `parity.html`.",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _findings(report: Report) -> list[str]:
    """Render what is off."""
    if not report.findings:
        return []
    items = []
    for number_, finding in enumerate(report.findings, 1):
        lines = [f"{number_}. {_plain(finding.message)}"]
        if finding.tolerance is not None:
            lines.append(f"   - smallest tolerance with which the stage would pass: {number(finding.tolerance)}")
        if finding.cause:
            lines.append(f"   - {_plain(finding.cause.title)} (`{finding.cause.id}`): {_plain(finding.cause.citation)}")
        items.append("\n".join(lines))
    return ["## What is off", "\n".join(items)]


def _ladder(report: Report) -> str:
    """Render the ladder."""
    titles = [f"{backend} {view}" for backend in report.backends for view in ("", "isolated", "cumulative")]
    rows = [
        (
            name,
            *(
                cell
                for rung in found.values()
                for cell in (rung.verdict, number(rung.isolated), number(rung.cumulative))
            ),
        )
        for name, _, found in ladder(report)
    ]
    return _table(("layer", *(title.strip() for title in titles)), rows)


def _tensors(report: Report, identifier: str) -> str:
    """Render a stage tensor by tensor."""
    stage = stage_of(report, identifier)
    comparisons = [each for each in stage.comparisons if each.against == report.reference] if stage else []
    if not any(comparison.rows for comparison in comparisons):
        return "Not computed."
    names = list(dict.fromkeys(row.label for comparison in comparisons for row in comparison.rows))
    by_name = [{row.label: row for row in comparison.rows} for comparison in comparisons]
    rows = (
        (name, *(f"{number(row.relative_l2)} {row.verdict_label}" if row else "-" for row in found))
        for name, found in ((name, [each.get(name) for each in by_name]) for name in names)
    )
    return _table(("tensor", *(comparison.backend for comparison in comparisons)), rows)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Render a table."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(map(_plain, line))} |" for line in lines)


def _plain(text: str) -> str:
    """Spell text so that nothing in it is taken for markup.

    Returns
    -------
    str
        The same on one line, with what Markdown and HTML would read escaped.
    """
    escaped = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    return escaped.replace("*", "\\*").replace("_", "\\_") if "://" not in escaped else escaped
