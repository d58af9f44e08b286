"""A benchmark as a document and as pictures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from genrebench.bench.results import BenchReport, Candidate, SuiteResult, Target
from genrebench.report.document import Block, Cell, Document, Heading, Table, Text
from genrebench.report.figures import png

if TYPE_CHECKING:
    from matplotlib.axis import Axis

_NO_VERSIONS = frozenset({"processor", "cores", "memory_bytes", "device", "gpus"})
_METHOD = (
    "Every candidate runs in processes of its own, in turns; medians over the rounds, with half the range. What is yes "
    "or no is tested, not timed (tests/bench/test_facts.py): training reads no file after its first epoch, a batch of "
    "64 takes no more of Python than one of 8, a second preprocessing imports no librosa, and --help nothing heavy."
)


def bench_document(report: BenchReport) -> Document:
    """Describe a benchmark run."""
    met = sum(target.met for target in report.targets)
    known = ", ".join(f"{key} {value}" for key, value in report.environment.items() if key not in _NO_VERSIONS)
    blocks: list[Block] = [
        Text(f"{_machine(report)}; {report.created}; {report.command}; {report.seconds:.0f} s"),
        Text(_METHOD),
    ]
    for name, suite in report.suites.items():
        blocks += [Heading(name.capitalize()), *suite_document(name, suite).blocks]
    verdict = f": {met} of {len(report.targets)} targets met" if report.targets else ""
    return Document(f"Benchmark{verdict}", (*blocks, Text(f"Versions: {known}.")))


def suite_document(name: str, suite: SuiteResult) -> Document:
    """Describe what one suite found."""
    blocks: list[Block] = []
    if suite.candidates:
        blocks.append(Table((name, "median", "+-", ""), tuple(map(_candidate_row, suite.candidates))))
    if suite.targets:
        blocks.append(Table(("target", "measured", "asked", "", ""), tuple(map(_target_row, suite.targets))))
    return Document("", (*blocks, *(Text(note, "quiet") for note in suite.notes)))


def _candidate_row(candidate: Candidate) -> tuple[str | Cell, ...]:
    """Format a candidate: name, median, spread, what else was measured."""
    is_short = candidate.unit.startswith("s") and candidate.median < 1
    median = (
        f"{1e3 * candidate.median:.0f} m{candidate.unit}" if is_short else f"{candidate.median:.3g} {candidate.unit}"
    )
    details, facts = candidate.details, []
    if "examples_per_second" in details:
        facts.append(f"{details['examples_per_second']:.0f} examples/s, {details['gflops']:.0f} GFLOP/s")
    if "share_of_peak" in details:
        facts.append(f"{100 * details['share_of_peak']:.0f} % of matrix products")
    if details.get("peak_memory_bytes"):
        facts.append(f"peak {details['peak_memory_bytes'] / 1e6:.0f} MB")
    if "grown_bytes" in details:
        facts.append(f"grown by {details['grown_bytes'] / 1e6:.1f} MB")
    facts += [f"{details[what] / candidate.median:.1f} {what}/s" for what in ("tracks", "files") if what in details]
    spread = Cell(f"{100 * candidate.spread:.0f} %", numeric=True)
    return candidate.name, Cell(median, numeric=True), spread, ", ".join(facts)


def _target_row(target: Target) -> tuple[str | Cell, ...]:
    """Format a target: what, measured, asked, whether it was met, the numbers behind it."""
    verdict = Cell("met", style="good") if target.met else Cell("MISSED", style="bad")
    measured = Cell(_quantity(target.measured, target.unit), numeric=True)
    return target.what, measured, Cell(_asked(target), numeric=True), verdict, target.note


def _asked(target: Target) -> str:
    """Format what a target asks for."""
    return f"{'>=' if target.at_least else '<='} {_quantity(target.target, target.unit)}"


def _quantity(value: float, unit: str) -> str:
    """Format a measured value, such as ``4.52 x``, ``73 %``, ``0``, ``2.1e-05``."""
    if not unit:
        return f"{value:.2g}" if 0 < abs(value) < 1 else f"{value:.0f}"
    return f"{value:.2f} {unit}" if unit in ("x", "power") else f"{value:.0f} {unit}"


def _machine(report: BenchReport) -> str:
    """Name processor, cores, memory, and GPUs where they were used."""
    environment = report.environment
    parts = [environment["processor"], f"{environment['cores']} cores"]
    if environment.get("memory_bytes"):
        parts.append(f"{environment['memory_bytes'] / 2**30:.0f} GiB")
    return ", ".join([*parts, *environment.get("gpus", [])])


def targets_picture(report: BenchReport) -> bytes:
    """Draw how far each target is exceeded or missed, as a PNG: to the right of the line it is met."""
    from matplotlib.figure import Figure

    targets = [(name, target) for name, suite in report.suites.items() for target in suite.targets][::-1]
    margins = [_margin(target) for _, target in targets]
    figure = Figure(figsize=(10, 1.2 + 0.42 * len(targets)), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.set_xscale("log")
    for place, ((_, target), margin) in enumerate(zip(targets, margins, strict=True)):
        style: dict[str, Any] = (
            {"color": "tab:green"} if target.met else {"color": "tab:red", "hatch": "///", "edgecolor": "white"}
        )
        axes.barh(place, margin - 1, left=1, height=0.6, **style)
        text = f" {'' if target.met else 'MISSED: '}{_quantity(target.measured, target.unit)} (asked {_asked(target)})"
        axes.text(max(margin, 1), place, text, va="center", fontsize=8)
    axes.axvline(1, color="black", linewidth=1)
    # Room for the words behind the longest bar.
    axes.set(xlabel="times better than asked", xlim=(min([0.5, *margins]) / 1.1, 4 * max([1.0, *margins])))
    _plain_ticks(axes.xaxis, [tick for tick in (0.1, 0.25, 0.5, 1, 2, 4, 8, 16) if _inside(tick, axes.get_xlim())])
    axes.set_yticks(range(len(targets)), [f"{name}: {target.what}" for name, target in targets], fontsize=8)
    met = sum(target.met for _, target in targets)
    figure.suptitle(f"{met} of {len(targets)} targets met; {_machine(report)}", fontsize=10)
    return png(figure)


def _margin(target: Target) -> float:
    """Divide what was measured by what was asked, or the other way round; 1 where there is no such ratio."""
    if not target.unit or target.measured <= 0 or target.target <= 0:
        return 1.0
    return target.measured / target.target if target.at_least else target.target / target.measured


def _inside(tick: float, limits: tuple[float, float]) -> bool:
    """Return whether a tick lies on an axis."""
    return limits[0] < tick < limits[1]


def cost_picture(report: BenchReport) -> bytes | None:
    """Draw cost against size, as a PNG; None if nothing was scaled."""
    from matplotlib.figure import Figure

    curves = {name: suite.curve for name, suite in report.suites.items() if suite.curve}
    if not curves:
        return None
    figure = Figure(figsize=(5 * len(curves), 4), dpi=120, layout="constrained")
    for axes, (name, curve) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True):
        sizes, seconds = zip(*curve.points, strict=True)
        axes.plot(sizes, [seconds[0] * size / sizes[0] for size in sizes], color="gray", linestyle=":", label="linear")
        axes.plot(sizes, seconds, color="tab:blue", marker="o", label="measured")
        axes.set(xlabel=curve.size, ylabel=f"seconds, {curve.cost}", title=name, xscale="log", yscale="log")
        _plain_ticks(axes.xaxis, sizes)
        _plain_ticks(axes.yaxis, seconds)
        axes.grid(alpha=0.3)
        axes.legend()
    return png(figure)


def _plain_ticks(axis: "Axis", places: Sequence[float]) -> None:
    """Label a logarithmic axis at some places only, and without powers of ten."""
    axis.set_ticks(list(places), [f"{place:.2g}" if place < 10 else f"{place:.0f}" for place in places])
    axis.set_ticks([], minor=True)
