"""Pictures of results."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genrebench.training.checkpoint import Epoch


def training_curves(epochs: "Sequence[Epoch]", *, title: str) -> bytes:
    """Draw loss and accuracy over the epochs of a run.

    Parameters
    ----------
    epochs : sequence of Epoch
        Rows of the log, at least one.
    title : str
        Name of the run.

    Returns
    -------
    bytes
        A PNG.
    """
    from matplotlib.figure import Figure  # without pyplot: no window system, no global state

    numbers = [row.epoch for row in epochs]
    best = max((row for row in epochs if row.saved), key=lambda row: row.epoch)
    figure = Figure(figsize=(10, 4), dpi=120, layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, quantity in zip(panels, ("loss", "accuracy"), strict=True):
        for part, color in (("train", "tab:blue"), ("validation", "tab:orange")):
            values = [getattr(row, f"{part}_{quantity}") for row in epochs]
            axes.plot(numbers, values, color=color, label=part, linewidth=1.2, marker="." if len(epochs) < 30 else "")
        axes.axvline(best.epoch, color="gray", linestyle=":", label=f"saved (epoch {best.epoch})")
        axes.set(xlabel="epoch", ylabel=quantity)
        axes.grid(alpha=0.3)
        axes.legend(loc="lower left" if quantity == "loss" else "lower right")
    panels[0].set(yscale="log", ylabel="cross-entropy in nats")
    panels[1].set(ylim=(0, 1.02))
    figure.suptitle(title)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
