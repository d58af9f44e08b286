"""The curves of a training run."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from genrebench.report.figures import label, png
from genrebench.training.history import EpochMetrics, last_saved

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

QUANTITIES = ("loss", "accuracy")


def curve_figure(history: Sequence[EpochMetrics], quantity: str) -> "Figure":
    """Draw the loss or the accuracy over the epochs of a run.

    Parameters
    ----------
    history : sequence of EpochMetrics
        At least one row, and one that was saved.
    quantity : {'loss', 'accuracy'}
        Which of them.
    """
    from matplotlib.figure import Figure  # without pyplot: no window system, no global state

    figure = Figure(figsize=(4.6, 3.4), layout="constrained")
    _draw(figure.subplots(), history, quantity)
    return figure


def training_curves(history: Sequence[EpochMetrics], *, title: str, facts: str) -> bytes:
    """Draw loss and accuracy over the epochs of a run, as a PNG.

    Parameters
    ----------
    history : sequence of EpochMetrics
        At least one row, and one that was saved.
    title : str
        What was trained.
    facts : str
        In a line, on what, by what, and how it ended.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.4), dpi=120, layout="constrained")
    for axes, quantity in zip(figure.subplots(1, 2), QUANTITIES, strict=True):
        _draw(axes, history, quantity)
    figure.suptitle(f"{label(title)}\n{label(facts)}", fontsize=11)
    return png(figure)


def _draw(axes: "Axes", history: Sequence[EpochMetrics], quantity: str) -> None:
    """Draw one quantity of both parts."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    best = last_saved(history)
    assert best is not None
    style: dict[str, Any] = {"linewidth": 1.2, "marker": "." if len(history) < 30 else ""}
    numbers = [row.epoch for row in history]
    for part, color, line in (("train", "tab:blue", "-"), ("validation", "tab:orange", "--")):
        values = [getattr(row, f"{part}_{quantity}") for row in history]
        axes.plot(numbers, values, color=color, linestyle=line, label=part, **style)
    if quantity == "accuracy" and (by_track := [row.validation_track_accuracy for row in history])[-1] is not None:
        known = [math.nan if value is None else value for value in by_track]
        axes.plot(numbers, known, color="tab:green", label="by track", **style)
    axes.axvline(best.epoch, color="gray", linestyle=":", label=f"saved (epoch {best.epoch})")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    if quantity == "loss":
        axes.set(xlabel="epoch", ylabel="cross-entropy in nats", yscale="log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))  # which takes others where these are too few
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set(xlabel="epoch", ylabel="accuracy", ylim=(0, 1.02))
    # Above the panel, where no line runs.
    axes.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1),
        ncols=4,
        columnspacing=1,
        handlelength=1.5,
        frameon=False,
        fontsize=9,
    )
