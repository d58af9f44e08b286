"""Functions of tensors that stand between layers."""

from genrebench.porting.source.site import Site
from genrebench.porting.source.table import writes
from genrebench.reading.kinds import operations as kinds
from genrebench.reading.kinds.base import axis_of


@writes("Unmask")
def write_unmask(site: Site) -> None:
    """Write nothing: a mask ends."""
    site.pass_on()


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
    """Write the mean, sum, largest or smallest value along axes."""
    assert isinstance(site.kind, kinds.Reduce)
    kind, rank = site.kind, len(site.shapes[0])
    name = {"max": "amax", "min": "amin"}.get(kind.function, kind.function)
    axes = sorted(axis_of(axis, rank) + 1 for axis in kind.axis)
    dim = str(axes[0]) if len(axes) == 1 else repr(tuple(axes))
    site.give(f"{site.take()}.{name}(dim={dim}{', keepdim=True' if kind.keepdims else ''})")
