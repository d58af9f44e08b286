"""Dense layers, embeddings, noise, and layers that only move values."""

from typing import Any

from genrebench.porting.source.kinds.activation import activate
from genrebench.porting.source.kinds.convolution import bias, bias_place
from genrebench.porting.source.places import axes
from genrebench.porting.source.site import Site, Weights
from genrebench.porting.source.table import writes
from genrebench.reading.kinds import core as kinds
from genrebench.reading.kinds.base import known, product


@writes("Dense")
def write_dense(site: Site) -> None:
    """Write a matrix product over the last axis."""
    assert isinstance(site.kind, kinds.Dense)
    kind = site.kind
    x = site.take("keras")
    weights: Weights = {"kernel": ("weight", axes(1, 0)), **bias_place(kind)}
    module = site.module(f"nn.Linear({known(site.shapes[0], -1)}, {kind.units}{bias(kind)})", weights)
    site.give(activate(site, f"{module}({x})", kind.activation, "keras", len(site.shapes[0])), "keras")


@writes("Dropout")
def write_dropout(site: Site) -> None:
    """Write dropout as a module."""
    kind: Any = site.kind
    if not kind.rate:
        site.pass_on()
        return
    order = site.order()
    module = site.draws(site.module(f"nn.Dropout({kind.rate!r})"), order)
    site.give(f"{module}({site.take(order)})", order)


@writes("Identity", "ActivityRegularization")
def write_nothing(site: Site) -> None:
    """Write nothing: the values pass."""
    site.pass_on()


@writes("Flatten")
def write_flatten(site: Site) -> None:
    """Write a flattening with the channels last, as Keras flattens."""
    assert isinstance(site.kind, kinds.Flatten)
    shape = site.shapes[0]
    if len(shape) < 2:
        site.pass_on() if shape else site.give(f"{site.take()}.unsqueeze(1)")
        return
    order, rank = site.order(), len(shape)
    is_first = site.kind.data_format == "channels_first"
    channels, rest = (shape[0], shape[1:]) if is_first else (shape[-1], shape[:-1])
    if channels == 1 or product(rest) == 1:  # in any order the values are the same
        site.give(f"{site.take(order)}.flatten(1)")
    elif is_first or order == "torch":
        x, axes_ = site.take("keras" if is_first else "torch"), ", ".join(map(str, (0, *range(2, rank + 1), 1)))
        site.give(f"{x}.permute({axes_}).flatten(1)", comment="channels last, as Keras flattens")
    else:
        site.give(f"{site.take('keras')}.flatten(1)")
