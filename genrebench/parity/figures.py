"""The plots of a report, as SVG that stands in a page."""

from typing import TYPE_CHECKING, Any

from genrebench.parity.report import Report
from genrebench.report.figures import label, svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Where an error of exactly zero is drawn, below everything that float64 can show.
_FLOOR = 1e-18
_COLORS = ("tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:brown", "tab:cyan")


def errors_by_layer(report: Report) -> str:
    """Draw the error of every layer, isolated and cumulative, in evaluation and in training."""
    figure, panels = _figure(2)
    layers = report.layers
    for axes, identifier in zip(panels, ("evaluation", "training"), strict=True):
        stage = report.stage(identifier)
        for index, backend in enumerate(report.backends):
            for view, line, marker in (("cumulative", "-", "o"), ("isolated", ":", "x")):
                errors = {
                    row.tensor: row.relative_l2
                    for comparison in stage.comparisons
                    if comparison.backend == backend and (view == "isolated" or comparison.against == report.reference)
                    for row in comparison.rows
                    if row.view == view and row.tensor in layers and row.relative_l2 is not None
                }
                axes.plot(
                    [layers.index(name) for name in errors],
                    [max(error, _FLOOR) for error in errors.values()],
                    line,
                    marker=marker,
                    color=_COLORS[index % len(_COLORS)],
                    label=label(f"{backend} {view}"),
                    linewidth=1.2,
                    markersize=5,
                )
        if stage.gate:
            axes.axhline(stage.gate, color="tab:red", linewidth=1, label=f"gate {stage.gate:g}")
        axes.set_xticks(range(len(layers)), list(map(label, layers)), rotation=45, ha="right", fontsize=8)
        axes.set_title(f"{identifier} forward", fontsize=10)
        _finish(axes)
    panels[0].set_ylabel(f"relative L2 error ({_FLOOR:g}: equal bits)")
    panels[0].legend(fontsize=8)
    return svg(figure, "layer")


def errors_by_step(report: Report) -> str:
    """Draw the error of the loss in every step of the short run."""
    figure, (axes,) = _figure(1)
    runs = [(name, label(name), _COLORS[index % len(_COLORS)]) for index, name in enumerate(report.backends)]
    for name, title, color in [*runs, (None, "control, one ulp away at the start", "gray")]:
        errors = report.control if name is None else report.losses[name]
        if not errors:
            continue
        steps = [(step, error) for step, error in enumerate(errors, 1) if error is not None]
        axes.plot(
            [step for step, _ in steps],
            [max(error, _FLOOR) for _, error in steps],
            "--" if name is None else "-",
            marker="o",
            markersize=4,
            color=color,
            label=title,
        )
    stage = report.stage("steps")
    if stage.gate:
        axes.axhline(stage.gate, color="tab:red", linewidth=1, label=f"gate {stage.gate:g}")
    axes.set(xlabel="step", ylabel=f"relative error of the loss ({_FLOOR:g}: equal)")
    axes.xaxis.get_major_locator().set_params(integer=True)
    _finish(axes)
    axes.legend(fontsize=8)
    return svg(figure, "step")


def _figure(panels: int) -> "tuple[Figure, list[Any]]":
    """Make an empty figure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11 if panels > 1 else 7, 4.2), layout="constrained")
    return figure, list(figure.subplots(1, panels, squeeze=False, sharey=True)[0])


def _finish(axes: Any) -> None:
    """Give a panel its scale and grid."""
    axes.set_yscale("log")
    axes.grid(alpha=0.3)
