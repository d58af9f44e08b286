"""The plots of a report, as SVG that stands in a page."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from genrebench.parity.report import Report
from genrebench.report.figures import label, svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Where an error of exactly zero is drawn, below everything that float64 can show.
_FLOOR = 1e-18
_COLORS = ("tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:brown", "tab:cyan")


def errors_by_layer(report: Report) -> dict[str, str]:
    """Draw the error of every layer, isolated and cumulative, in evaluation and in training."""
    return {identifier: _layers(report, identifier) for identifier in ("evaluation", "training")}


def _layers(report: Report, identifier: str) -> str:
    """Draw the error of every layer in a stage."""
    figure, axes = _figure()
    layers = report.layers
    stage = report.stage(identifier)
    for index, backend in enumerate(report.backends):
        for view, line, marker in (("cumulative", "-", "o"), ("isolated", ":", "x")):
            errors: dict[int, float | None] = {}
            for comparison in stage.comparisons:
                if comparison.backend != backend or (view != "isolated" and comparison.against != report.reference):
                    continue
                for row in comparison.rows:
                    if row.view == view and row.tensor in layers and row.relative_l2 is not None:
                        place = layers.index(row.tensor)
                        errors[place] = max(errors.get(place) or 0.0, row.relative_l2)
            _plot(axes, errors, line, marker=marker, color=_color(index), label=label(f"{backend} {view}"))
    axes.set_xticks(range(len(layers)), list(map(label, layers)), rotation=60, ha="right", rotation_mode="anchor")
    axes.set_ylabel(f"{identifier}: relative L2 error ({_FLOOR:g}: equal bits)", fontsize=8)
    _finish(axes, stage.gate)
    return svg(figure, f"layer-{identifier}")


def errors_by_step(report: Report) -> str:
    """Draw the error of the loss in every step of the short run."""
    figure, axes = _figure()
    runs = [(report.losses[name], "-", _color(index), label(name)) for index, name in enumerate(report.backends)]
    for errors, line, color, title in [*runs, (report.control, "--", "gray", "control, one ulp away at the start")]:
        if errors:
            _plot(axes, dict(enumerate(errors, 1)), line, marker="o", color=color, label=title)
    axes.set_xlabel("step")
    axes.set_ylabel(f"relative error of the loss ({_FLOOR:g}: equal)", fontsize=8)
    axes.xaxis.get_major_locator().set_params(integer=True)
    _finish(axes, report.stage("steps").gate)
    return svg(figure, "step")


def _figure() -> "tuple[Figure, Any]":
    """Make an empty figure, whose letters can be read on a phone."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 4.4), layout="constrained")
    return figure, figure.subplots()


def _color(index: int) -> str:
    """Choose a backend's color."""
    return _COLORS[index % len(_COLORS)]


def _plot(axes: Any, errors: Mapping[int, float | None], line: str, **style: str) -> None:
    """Draw errors by position; what could not be measured is left out."""
    known = {place: max(error, _FLOOR) for place, error in errors.items() if error is not None}
    axes.plot(list(known), list(known.values()), line, linewidth=1.2, markersize=4.5, **style)


def _finish(axes: Any, gate: float | None) -> None:
    """Give a panel its gate, scale, grid and legend."""
    if gate:
        axes.axhline(gate, color="tab:red", linewidth=1, label=f"gate {gate:g}")
    axes.set_yscale("log")
    axes.grid(alpha=0.3)
    axes.tick_params(labelsize=8)
    # Above the panel, where no line runs.
    axes.figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize=8)
