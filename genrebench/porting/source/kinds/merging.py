"""Layers with several inputs, and arithmetic between tensors."""

from genrebench.porting.source.site import Site
from genrebench.porting.source.table import writes

_OPERATORS = {"Add": "+", "Subtract": "-", "Multiply": "*"}


def merged(site: Site) -> tuple[list[str], str]:
    """Read inputs in one order of axes; of unequal rank, the smaller get axes of 1 behind the batch, as in Keras."""
    rank = max(map(len, site.shapes))
    orders = [site.order(index) for index, shape in enumerate(site.shapes) if len(shape) == rank]
    order = "torch" if rank > 1 and "torch" in orders else "keras"
    found = []
    for index, shape in enumerate(site.shapes):
        text = site.take(order, index) if len(shape) > 1 else site.take("keras", index)
        if missing := rank - len(shape):
            # Channels first, the new axes come behind the channels.
            text += "[:, :" if order == "torch" and shape else "[:"
            text += ", None" * missing + "]"
        found.append(text)
    return found, order


@writes("Add", "Subtract", "Multiply")
def write_operator(site: Site) -> None:
    """Write inputs joined by an operator, two at a time."""
    inputs, order = merged(site)
    sign = _OPERATORS[site.kind.name]
    first, *others = inputs
    for other in others[:-1]:
        first = site.step(f"{first} {sign} {other}")
    site.give(f"{first} {sign} {others[-1]}", "torch" if order == "torch" else "keras")
