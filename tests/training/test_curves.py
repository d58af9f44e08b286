"""The curves of a run: a picture of its epochs, with what was trained on what."""

import io
import re
from dataclasses import replace

import matplotlib.image
import numpy as np

from genrebench.report.figures import svg
from genrebench.training import EpochMetrics
from genrebench.training.curves import QUANTITIES, curve_figure, training_curves

ROW = EpochMetrics(1, 1.0, 0.3, validation_loss=1.0, validation_accuracy=0.5, seconds=0.25, saved=True)
ROWS = [ROW, replace(ROW, epoch=2, train_loss=0.5, saved=False)]


def test_curves_are_a_picture_of_the_epochs() -> None:
    """A PNG that changes with what was measured, and with what it is about."""
    picture = training_curves(ROWS, title="run", facts="torch on music")
    assert np.ptp(matplotlib.image.imread(io.BytesIO(picture))[..., :3]) > 0.5
    assert training_curves([ROW, replace(ROWS[1], train_loss=0.1)], title="run", facts="torch on music") != picture
    assert training_curves(ROWS, title="run", facts="torch on others") != picture


def test_each_quantity_has_its_panel_and_its_scale() -> None:
    """Training and validation differ by line, not by color alone; the saved epoch is marked."""
    for quantity in QUANTITIES:
        axes = curve_figure(ROWS, quantity).axes[0]
        train, validation, saved = axes.get_lines()
        assert list(map(float, np.asarray(train.get_ydata()))) == [getattr(row, f"train_{quantity}") for row in ROWS]
        assert train.get_linestyle() != validation.get_linestyle()
        assert list(map(float, np.asarray(saved.get_xdata()))) == [1, 1]
        assert axes.get_yscale() == ("log" if quantity == "loss" else "linear")


def test_what_an_axis_shows_is_inside_the_picture() -> None:
    """Also where the loss changes so little that its scale has no whole decade and its ticks are long."""
    rows = [replace(ROW, train_loss=3.3, validation_loss=2.5), replace(ROWS[1], train_loss=2.7, validation_loss=2.9)]
    for quantity in QUANTITIES:
        figure = curve_figure(rows, quantity)
        element = svg(figure, "curve")  # whose room is shared out before its ticks are known
        place = re.search(r"<!-- (?:cross-entropy in nats|accuracy) -->\s*<g transform=\"translate\(([-.\d]+)", element)
        assert place
        assert float(place[1]) > 8, "a letter's height from the left"
        texts = [each.get_text() for each in figure.axes[0].get_yticklabels() if each.get_text()]
        assert not any("times" in text for text in texts)
        assert quantity == "accuracy" or {"2.6", "2.8"} <= set(texts)
