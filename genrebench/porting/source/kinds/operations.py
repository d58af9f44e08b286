"""Functions of tensors that stand between layers."""

import numpy as np

from genrebench.porting.source.kinds.activation import elementwise
from genrebench.porting.source.kinds.merging import constant
from genrebench.porting.source.site import Site
from genrebench.porting.source.table import writes
from genrebench.reading.kinds import operations as kinds
from genrebench.reading.kinds.base import axis_of


@writes("Unmask")
def write_unmask(site: Site) -> None:
    """Write nothing: a mask ends."""
    site.pass_on()


@writes("Pad")
def write_pad(site: Site) -> None:
    """Write a number around, or the ends of axes turned around, in whatever order the input lies."""
    assert isinstance(site.kind, kinds.Pad)
    kind, order = site.kind, site.order()
    x = site.take(order)
    widths = kind.widths if order == "keras" else (kind.widths[-1], *kind.widths[:-1])
    if not any(map(any, widths)):
        site.pass_on()
    elif kind.mode == "constant":
        last = max(index for index, sides in enumerate(reversed(widths)) if any(sides))
        numbers = [each for sides in list(reversed(widths))[: last + 1] for each in sides]
        value = f", value={kind.number!r}" if kind.number else ""
        site.give(f"F.pad({x}, ({', '.join(map(str, numbers))}){value})", order)
    else:
        axes = [axis for axis, sides in enumerate(widths, start=1) if any(sides)]
        for axis in axes:
            before, behind = widths[axis - 1]
            text = f"{site.part('mirror')}({x}, {axis}, {before}, {behind}, skip={kind.skip})"
            if axis == axes[-1]:
                site.give(text, order)
            else:
                x = site.step(text)


@writes("Slice")
def write_slice(site: Site) -> None:
    """Write a slice; PyTorch has no negative steps, and axes are turned around instead."""
    assert isinstance(site.kind, kinds.Slice)
    x, taken, turned = site.take(), [":"], []
    for axis, part in enumerate(site.kind.parts, start=1):
        if isinstance(part, int):
            taken.append(str(part))
            continue
        start, stop, step = part
        if step is not None and step < 0:
            turned.append(axis)
            start, stop = (None if each is None else -1 - each for each in (start, stop))
            step = -step
        text = f"{'' if start is None else start}:{'' if stop is None else stop}"
        taken.append(text if step in (None, 1) else f"{text}:{step}")
    if turned:
        x = site.step(f"{x}.flip({', '.join(map(str, turned))})")
    while taken and taken[-1] == ":":
        taken.pop()
    if taken:
        site.give(f"{x}[{', '.join(taken)}]")
    elif turned:
        site.enter(x)
    else:
        site.pass_on()


@writes("Reduce")
def write_reduce(site: Site) -> None:
    """Write what values along axes come to."""
    assert isinstance(site.kind, kinds.Reduce)
    kind, rank = site.kind, len(site.shapes[0])
    name = {"max": "amax", "min": "amin"}.get(kind.function, kind.function)
    axes = sorted(axis_of(axis, rank) + 1 for axis in kind.axis)
    dim = str(axes[0]) if len(axes) == 1 else repr(tuple(axes))
    x, kept = site.take(), ", keepdim=True" if kind.keepdims else ""
    if kind.function in ("any", "all", "prod") and (kind.function != "prod" or site.holds_floats()):
        # PyTorch takes one axis at a time here.
        for axis in axes[:0:-1]:
            x = site.step(f"{x}.{name}(dim={axis}{kept})")
        site.give(f"{x}.{name}(dim={axes[0]}{kept})")
        return
    if not site.holds_floats():
        x = site.step(f"{x}.to({site.scope.dtype})")
    biased = ", correction=0" if kind.function in ("var", "std") else ""
    site.give(f"{x}.{name}(dim={dim}{biased}{kept})")


@writes("Cast")
def write_cast(site: Site) -> None:
    """Write truth values and whole numbers as floats; nothing of what are floats."""
    if site.holds_floats():
        site.pass_on()
    else:
        order = site.order()
        site.give(f"{site.take(order)}.to({site.scope.dtype})", order)


@writes("Fill")
def write_fill(site: Site) -> None:
    """Write one number everywhere."""
    assert isinstance(site.kind, kinds.Fill)
    names = {0.0: "torch.zeros_like({})", 1.0: "torch.ones_like({})"}
    elementwise(site, names.get(site.kind.number, f"torch.full_like({{}}, {site.kind.number!r})"))


@writes("StopGradient")
def write_stop_gradient(site: Site) -> None:
    """Write that no gradient goes back."""
    elementwise(site, "{}.detach()")


@writes("Product")
def write_product(site: Site) -> None:
    """Write a product with a matrix of constants."""
    assert isinstance(site.kind, kinds.Product)
    x, matrix = site.take(), constant(site, np.array(site.kind.matrix))
    site.give(f"{matrix} @ {x}" if site.kind.reverse else f"{x} @ {matrix}")
