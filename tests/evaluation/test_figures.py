"""Figures of an evaluation show the numbers that they are made from."""

import matplotlib.patches
import numpy as np

from genrebench.audio.mel import MelConfig
from genrebench.evaluation.figures import confusion_figure, reliability_figure, spectrogram_figure

PART = {
    "genres": {"blues": {}, "jazz": {}, "$x$": {}},
    "track_confusion": [[3, 1, 0], [0, 0, 2], [0, 0, 0]],
    "track_calibration": {"ece": 0.1, "bins": [{"count": 2, "confidence": 0.4, "accuracy": 0.5}]},
}


def test_the_matrix_has_a_number_in_each_cell_that_is_not_empty() -> None:
    """Rows true, columns predicted; a cell is as full as its share of the row."""
    axes = confusion_figure(PART, "test").axes[0]
    assert {(text.get_position(), text.get_text()) for text in axes.texts} == {
        ((0, 0), "3"), ((1, 0), "1"), ((2, 1), "2"),
    }  # fmt: skip
    cells = [patch for patch in axes.patches if isinstance(patch, matplotlib.patches.Rectangle)]
    assert [cell.get_alpha() for cell in cells] == [0.75, 0.25, 1.0]
    assert [each.get_text() for each in axes.get_yticklabels()] == ["blues", "jazz", r"\$x\$"]


def test_reliability_has_a_line_for_each_part() -> None:
    """They differ by their marks, too."""
    lines = reliability_figure({"a": PART, "b": PART}, "x").axes[0].get_lines()
    assert len(lines) == 3
    assert np.asarray(lines[1].get_xdata()).tolist() == [0.4]
    assert len({line.get_marker() for line in lines[1:]}) == 2


def test_a_spectrogram_is_averaged_to_what_a_page_shows() -> None:
    """Time in seconds where it is known, in frames otherwise; nothing is left out at the end."""
    values = np.zeros((4, 1001), np.float32)
    values[:, -1] = -40
    axes = spectrogram_figure(values, MelConfig()).axes[0]
    shown = np.asarray(axes.images[0].get_array())
    assert shown.shape == (4, 251)
    assert shown[0, -1] < 0 == shown[0, 0]
    assert axes.get_xlim()[1] == 1001 * 512 / 22050
    assert axes.get_xlabel() == "seconds"
    plain = spectrogram_figure(values, None).axes[0]
    assert (plain.get_xlabel(), plain.get_xlim()[1]) == ("frames", 1001)
