"""A report as one HTML page that needs nothing else."""

from collections.abc import Iterable
from html import escape

from genrebench.parity.rendering.content import ladder, number, state, summaries, surroundings
from genrebench.parity.rendering.figures import errors_by_layer, errors_by_step
from genrebench.parity.report import Comparison, Report, Row, Stage

_STYLE = """
:root { color-scheme: light dark; --text: #1b1f24; --quiet: #59636e; --line: #d0d7de; --back: #ffffff; --head: #f6f8fa;
  --good: #1a7f37; --bad: #cf222e; --warn: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --quiet: #9198a1; --line: #3d444d; --back: #0d1117;
  --head: #151b23; --good: #3fb950; --bad: #ff7b72; --warn: #d29922; } }
body { margin: 0 auto; padding: 1rem 1.25rem 4rem; max-width: 72rem; color: var(--text); background: var(--back);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: .5rem 0; } h2 { margin-top: 2.2rem; font-size: 1.2rem; }
.scroll { overflow-x: auto; } .quiet { color: var(--quiet); }
table { border-collapse: collapse; font-size: .87rem; } td, th { border: 1px solid var(--line); padding: .25rem .55rem;
  text-align: left; vertical-align: top; } th { background: var(--head); white-space: nowrap; }
td.n { font-family: ui-monospace, monospace; text-align: right; white-space: nowrap; } td.w { overflow-wrap: anywhere; }
.one { white-space: nowrap; }
.passed, .equal, .rounding { color: var(--good); } .FAILED, .DIVERGES { color: var(--bad); font-weight: 700; }
.inherits, .known { color: var(--warn); } .skipped, .information, .info { color: var(--quiet); }
#verdict { border-left: .35rem solid var(--good); padding: .4rem 1rem; background: var(--head); font-size: 1.05rem; }
[data-passed=false] #verdict { border-color: var(--bad); } li { margin: .5rem 0; overflow-wrap: anywhere; }
details { margin: .6rem 0; } summary { cursor: pointer; } figure { margin: 1rem 0; background: #fff; padding: .5rem;
  border: 1px solid var(--line); overflow-x: auto; } figure svg { display: block; width: 100%; height: auto;
  min-width: 34rem; }
#errors-by-step { max-width: 46rem; } a { color: inherit; }
"""

_LADDER = (
    "Relative L2 error in float64, the larger one of evaluation and training: <em>isolated</em>, the layer alone, "
    "given the backend's own input, and <em>cumulative</em>, with all that it inherited."
)


def page(report: Report) -> str:
    """Render a report.

    Returns
    -------
    str
        HTML without a reference to any other file, except for a mention of ``parity.json``.
    """
    title = f"Parity of {', '.join(report.backends)} with {report.reference}"
    sections = [
        f"<h1>{escape(title)}: {'holds' if report.passed else 'does not hold'}</h1>",
        f'<p id="verdict">{escape(report.verdict)}</p>',
        _findings(report),
        f'<h2>Stages</h2><div class="scroll">{_stages(report)}</div>',
        f'<h2>Layer by layer</h2><p class="quiet">{_LADDER}</p><div class="scroll">{_ladder(report)}</div>',
        f'<h2>Errors by layer</h2><figure id="errors-by-layer">{errors_by_layer(report)}</figure>',
        f'<h2>Errors by step</h2><figure id="errors-by-step">{errors_by_step(report)}</figure>',
        "<h2>All tensors</h2>",
        *map(_details, report.stages),
        f'<h2>Where and how</h2><div class="scroll">{_environment(report)}</div>',
        '<p class="quiet">The same in a form for programs: parity.json, beside this page.</p>',
    ]
    passed = str(report.passed).lower()
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">'
        f'\n<style>{_STYLE}</style></head>\n<body data-passed="{passed}">\n'
        + "\n".join(sections)
        + "\n</body></html>\n"
    )


def _findings(report: Report) -> str:
    """Render what is off.

    Returns
    -------
    str
        A section, which is empty of findings if nothing is off.
    """
    items = []
    for finding in report.findings:
        facts = []
        if finding.tolerance is not None:
            facts.append(f"smallest tolerance with which the stage would pass: {number(finding.tolerance)}")
        if finding.cause:
            facts.append(f"{finding.cause.title} [{finding.cause.id}]: {finding.cause.citation}")
        lines = "".join(f'<br><span class="quiet">{escape(fact)}</span>' for fact in facts)
        items.append(f"<li>{escape(finding.message)}{lines}</li>")
    body = f"<h2>What is off</h2><ol>{''.join(items)}</ol>" if items else ""
    return f'<section id="findings">{body}</section>'


def _table(identifier: str, titles: Iterable[str], rows: Iterable[str]) -> str:
    """Render a table."""
    name = f' id="{identifier}"' if identifier else ""
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table{name}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _whole(text: str) -> str:
    """Keep a text on one line, since browsers break 1e-16 behind the hyphen."""
    return f'<span class="one">{escape(text)}</span>'


def _word(word: str) -> str:
    """Render a verdict in words and color."""
    return f'<td class="{escape(word.partition(":")[0])}">{escape(word)}</td>'


def _stages(report: Report) -> str:
    """Render the table of stages."""
    rows = (
        f'<td><a href="#stage-{stage.id}">{escape(stage.title)}</a></td>{_word(state(stage))}<td class="w">'
        f"{escape(stage.skipped) or ', '.join(_whole(f'{who} {largest}') for who, largest in summaries(stage))}</td>"
        f"<td>{escape(stage.criterion)}</td>"
        for stage in report.stages
    )
    return _table("stages", ("stage", "result", "largest error", "what passes"), rows)


def _ladder(report: Report) -> str:
    """Render the ladder."""
    titles = ["layer", "kind"]
    for backend in report.backends:
        titles += [backend, "isolated", "cumulative"]
    rows = (
        f"<td>{escape(name)}</td><td>{escape(kind)}</td>"
        + "".join(
            f'{_word(rung.verdict)}<td class="n">{number(rung.isolated)}</td>'
            f'<td class="n">{number(rung.cumulative)}</td>'
            for rung in found.values()
        )
        for name, kind, found in ladder(report)
    )
    return _table("ladder", titles, rows)


def _details(stage: Stage) -> str:
    """Render all tensors of a stage, folded up unless something diverges."""
    tables = "".join(map(_comparison, stage.comparisons)) or f"<p>{escape(stage.skipped)}</p>"
    word = state(stage)
    return (
        f'<details id="stage-{stage.id}"{" open" if stage.passed is False else ""}><summary>{escape(stage.title)} '
        f'({stage.dtype}): <span class="{word}">{word}</span></summary><p class="quiet">{escape(stage.criterion)}</p>'
        f"{tables}</details>"
    )


def _comparison(comparison: Comparison) -> str:
    """Render all rows of a comparison."""
    titles = "tensor,view,shape,verdict,relative L2,tolerance,scaled max,worst element,ulps,note".split(",")
    heading = f"<h3>{escape(comparison.backend)} against {escape(comparison.against)}</h3>"
    if comparison.error:
        heading += f'<p class="FAILED">{escape(comparison.error)}</p>'
    table = _table("", titles, map(_row, comparison.rows)) if comparison.rows else ""
    return f'{heading}<div class="scroll">{table}</div>'


def _row(row: Row) -> str:
    """Render one tensor."""
    worst = ""
    if row.worst:
        values = (("not finite" if each is None else f"{each:.17g}") for each in (row.worst.value, row.worst.expected))
        worst = f"[{', '.join(map(str, row.worst.index))}]: {', expected '.join(values)}"
    shape = " x ".join(map(str, row.shape)) or "scalar"
    asked = "" if row.tolerance is None else number(row.tolerance)
    ulps = "" if row.ulps is None else f"{row.ulps:,}"
    return (
        f"<td>{escape(row.label)}</td><td>{row.view}</td><td>{shape}</td>{_word(row.verdict_label)}"
        f'<td class="n">{number(row.relative_l2)}</td><td class="n">{asked}</td>'
        f'<td class="n">{number(row.scaled_max)}</td><td class="n">{escape(worst)}</td><td class="n">{ulps}</td>'
        f"<td>{escape(row.note)}</td>"
    )


def _environment(report: Report) -> str:
    """Render where and how the report was made."""
    rows = (f'<td>{escape(what)}</td><td class="w">{escape(value)}</td>' for what, value in surroundings(report))
    return _table("environment", ("what", "value"), rows)
