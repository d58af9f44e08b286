"""Dense layers, embeddings, noise, and layers that only move values."""

from collections.abc import Sequence
from typing import Any

from genrebench.errors import ConfigError
from genrebench.porting.source.kinds.activation import activate, places
from genrebench.porting.source.kinds.convolution import bias, bias_place
from genrebench.porting.source.places import SAME, axes
from genrebench.porting.source.scope import Order
from genrebench.porting.source.site import Site, Weights
from genrebench.porting.source.table import writes
from genrebench.reading.kinds import core as kinds
from genrebench.reading.kinds.base import Shape, known, product


@writes("Dense")
def write_dense(site: Site) -> None:
    """Write a matrix product over the last axis."""
    assert isinstance(site.kind, kinds.Dense)
    kind = site.kind
    x = site.take("keras")
    weights: Weights = {"kernel": ("weight", axes(1, 0)), **bias_place(kind)}
    module = site.module(f"nn.Linear({known(site.shapes[0], -1)}, {kind.units}{bias(kind)})", weights)
    site.give(activate(site, f"{module}({x})", kind.activation, "keras", len(site.shapes[0])), "keras")


@writes("Embedding")
def write_embedding(site: Site) -> None:
    """Write a table, and the mask that marks what is there."""
    assert isinstance(site.kind, kinds.Embedding)
    kind, x = site.kind, site.take()
    weights: Weights = {"embeddings": ("weight", SAME)}
    module = site.module(f"nn.Embedding({kind.input_dim}, {kind.output_dim})", weights)
    if kind.mask_zero:
        site.give_mask(site.step(f"{x} != 0", name=f"{site.name}_mask"))
    site.give(f"{module}({x}.long())")


@writes("Masking")
def write_masking(site: Site) -> None:
    """Write the mask of the steps that are there, and zeros for the others."""
    assert isinstance(site.kind, kinds.Masking)
    x = site.take()
    mask = site.step(f"({x} != {site.kind.mask_value!r}).any(dim=-1)", name=f"{site.name}_mask")
    site.give_mask(mask)
    site.give(f"{x} * {mask}.unsqueeze(-1)")


def write_random(site: Site, text: str, order: Order) -> None:
    """Write a module that draws at random in training; one that always does has a name that says so."""
    fixed = site.call.arguments.get("training")
    if fixed is False:
        site.pass_on()
        return
    if fixed is True:
        if len(site.calls) > 1 or not text.startswith("nn.Dropout("):
            raise ConfigError(f"expected random layers in evaluation, received `{site.call.name:.80}` always training")
        text = f"{site.part('AlwaysDropout')}({text.partition('(')[2]}"
    module = site.draws(site.module(text), order)
    site.give(f"{module}({site.take(order)})", order)


@writes("Dropout")
def write_dropout(site: Site) -> None:
    """Write dropout; one whose mask has a shape of its own as a local module."""
    assert isinstance(site.kind, kinds.Dropout)
    rate, shape = site.kind.rate, site.kind.noise_shape
    if not rate:
        site.pass_on()
    elif shape is None:
        write_random(site, f"nn.Dropout({rate!r})", site.order())
    else:
        write_shared_dropout(site, rate, shape)


def write_shared_dropout(site: Site, rate: float, shape: Sequence[int | None]) -> None:
    """Write dropout whose mask has axes of length 1."""
    rank = len(site.shapes[0])
    lengths = tuple(shape[1:]) if len(shape) > rank else tuple(shape)
    if len(lengths) != rank or any(each is not None and not isinstance(each, int) for each in lengths):
        raise ConfigError(f"expected a noise_shape of the input's rank, received {shape!r:.60}")
    order: Order = site.order() if len(site.calls) == 1 else "keras"
    if order == "torch":
        lengths = (lengths[-1], *lengths[:-1])
    write_random(site, f"{site.part('SharedDropout')}({rate!r}, {lengths!r})", order)


@writes("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
def write_spatial_dropout(site: Site) -> None:
    """Write dropout of whole channels."""
    kind: Any = site.kind
    if not kind.rate:
        site.pass_on()
        return
    is_first = getattr(kind, "data_format", "channels_last") == "channels_first"
    write_random(site, f"nn.Dropout{kind.name[-2]}d({kind.rate!r})", "keras" if is_first else "torch")


@writes("GaussianNoise", "GaussianDropout", "AlphaDropout")
def write_noise(site: Site) -> None:
    """Write noise as a module."""
    kind: Any = site.kind
    amount = kind.stddev if isinstance(kind, kinds.GaussianNoise) else kind.rate
    if not amount or (isinstance(kind, kinds.GaussianDropout) and amount == 1):
        site.pass_on()
        return
    name = "nn.AlphaDropout" if isinstance(kind, kinds.AlphaDropout) else site.part(kind.name)
    write_random(site, f"{name}({amount!r})", site.order())


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


@writes("Reshape")
def write_reshape(site: Site) -> None:
    """Write a reshaping, which goes through the values in Keras' order."""
    assert isinstance(site.kind, kinds.Reshape)
    before, after = site.shapes[0], site.after[0]
    if before == after and None not in before:
        site.pass_on()
        return
    lengths = tuple(-1 if each is None else each for each in after)
    if _is_vector(before) and _is_vector(after) and before:
        # A vector is one in any order of axes: the one that the next layer takes.
        order: Order = "keras" if len(after) < 2 or "Dense" in site.readers() else "torch"
        shape = (-1, lengths[-1], *lengths[:-1]) if order == "torch" else (-1, *lengths)
        site.give(f"{site.take(site.order())}.reshape{shape!r}", order)
    elif len(before) == 1 and lengths.count(-1) < 2:
        site.give(f"{site.take()}.unflatten(1, {lengths!r})")
    elif -1 in lengths:
        x = site.take()
        site.give(f"{x}.reshape({x}.shape[0], {', '.join(map(str, lengths))})")
    else:
        site.give(f"{site.take()}.reshape{(-1, *lengths)!r}")


def _is_vector(shape: Shape) -> bool:
    """Return whether all axes but the last have length 1."""
    return all(each == 1 for each in shape[:-1]) and None not in shape


@writes("Permute")
def write_permute(site: Site) -> None:
    """Write another order of axes."""
    assert isinstance(site.kind, kinds.Permute)
    dims, rank = site.kind.dims, len(site.shapes[0])
    if rank < 2 or dims == tuple(range(1, rank + 1)):
        site.pass_on()
        return
    order = site.order()
    axes_ = places(dims, rank, order)
    shown = ", ".join(str(rank if each == -1 else each) for each in (0, *axes_))
    site.give(f"{site.take(order)}.permute({shown})")


@writes("RepeatVector")
def write_repeat_vector(site: Site) -> None:
    """Write a repetition."""
    assert isinstance(site.kind, kinds.RepeatVector)
    site.give(f"{site.take()}.unsqueeze(1).expand(-1, {site.kind.n}, -1)")
