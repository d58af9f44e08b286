"""Figures of matplotlib as SVG and PNG, without pyplot: no window system, no global state."""

import io
import re
from typing import TYPE_CHECKING

from genrebench.system.files import escaped

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def label(text: str) -> str:
    """Return a name that matplotlib draws as it is: ``$`` begins no formula, ``_`` hides nothing from a legend."""
    text = escaped(text).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def svg(figure: "Figure", prefix: str) -> str:
    """Render a figure as an SVG element that stands in a page, the same for the same figure.

    Parameters
    ----------
    prefix : str
        What ids begin with, so that two figures fit into a page.
    """
    import matplotlib

    content = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "genrebench", "svg.fonttype": "path"}):
        figure.savefig(content, format="svg", metadata={"Date": None})
    element = content.getvalue()
    element = element[element.index("<svg") :]
    element = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", element)
    return re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)


def png(figure: "Figure") -> bytes:
    """Render a figure as a PNG."""
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
