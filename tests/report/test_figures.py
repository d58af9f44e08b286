"""Pictures are the same for the same figure, fit beside each other into a page, and draw any name."""

import re
import xml.etree.ElementTree as ET

import matplotlib
import pytest
from matplotlib.figure import Figure

from genrebench.report.figures import label, png, svg
from tests.report.hostile import HOSTILE


def figure(name: str = "a") -> Figure:
    """Draw a line."""
    made = Figure(figsize=(2, 1))
    axes = made.subplots()
    axes.plot([1, 2], [1, 3], label=label(name))
    axes.set_title(label(name))
    axes.legend()
    return made


def test_an_svg_stands_in_a_page() -> None:
    """One element, the same each time, whose ids begin with the prefix; settings of matplotlib stay as they were."""
    before = dict(matplotlib.rcParams)
    made = svg(figure(), "one")
    assert dict(matplotlib.rcParams) == before
    assert made == svg(figure(), "one")
    assert ET.fromstring(made).tag.endswith("svg")
    ids, used = set(re.findall(r'\bid="([^"]+)"', made)), set(re.findall(r'(?:href="#|url\(#)([^")]+)', made))
    assert used <= ids
    assert ids.isdisjoint(re.findall(r'\bid="([^"]+)"', svg(figure(), "two")))
    assert "metadata" not in made


def test_an_svg_has_the_colors_of_the_page() -> None:
    """Of text, background and lines, which are others in the dark; a color that means something stays."""
    made = Figure(figsize=(2, 1))
    axes = made.subplots()
    axes.plot([1, 2], [1, 3], color="tab:blue", label="a")
    axes.plot([1, 2], [1, 4], color="#2f6fb3", label="b")
    axes.grid()
    axes.legend()
    found = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", svg(made, "x")))
    assert {"var(--text)", "var(--back)", "var(--blue)", "var(--quiet)", "#2f6fb3"} <= found
    assert not found & {"#000000", "#ffffff", "#1f77b4"}


def test_a_png_is_one() -> None:
    """It begins as they do."""
    assert png(figure()).startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize("name", [*HOSTILE, "$", "$x$ and $y", r"$\frac$", "_hidden", "100 %", r"\alpha"])
def test_any_name_is_drawn(name: str) -> None:
    """No name is a formula that fails or markup in the SVG, and none is left out of a legend."""
    made = figure(name)
    texts = made.axes[0].get_legend().get_texts()  # type: ignore[union-attr]
    assert len(texts) == 1
    root = ET.fromstring(svg(made, "x"))
    assert not [element for element in root.iter() if element.tag.endswith(("script", "image", "}a"))]
