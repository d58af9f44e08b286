"""Figures of matplotlib as SVG and PNG, without pyplot: no window system, no global state."""

import io
import re
from typing import TYPE_CHECKING

from genrebench.system.files import escaped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Colors that matplotlib draws in, and the page's in their place, which are others in the dark.
_COLORS = {
    "#000000": "var(--text)",
    "#ffffff": "var(--back)",
    "#808080": "var(--quiet)",
    "#b0b0b0": "var(--quiet)",  # of grids, which are thin
    "#cccccc": "var(--line)",
    "#1f77b4": "var(--blue)",
    "#d62728": "var(--bad)",
}


def label(text: str) -> str:
    """Return a name that matplotlib draws as it is: ``$`` begins no formula, ``_`` hides nothing from a legend."""
    text = escaped(text).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def svg(figure: "Figure", prefix: str) -> str:
    """Render a figure as an SVG element that stands in a page, in the page's colors, the same for the same figure.

    Parameters
    ----------
    prefix : str
        What ids begin with, so that two figures fit into a page.
    """
    import matplotlib

    content = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "genrebench", "svg.fonttype": "path"}):
        figure.savefig(content, format="svg", metadata={"Date": None}, transparent=True)
    element = content.getvalue()
    element = element[element.index("<svg") :]
    element = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", element)
    element = re.sub(r"(?<=: )#[0-9a-f]{6}\b", lambda color: _COLORS.get(color[0], color[0]), element)
    return re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)


def png(figure: "Figure") -> bytes:
    """Render a figure as a PNG."""
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
