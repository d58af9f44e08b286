"""Normalizations."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from genrebench.errors import ConfigError
from genrebench.network.types import Array
from genrebench.porting.source.kinds.activation import places
from genrebench.porting.source.places import SAME, reshaped
from genrebench.porting.source.scope import Order
from genrebench.porting.source.site import Site, Weights
from genrebench.porting.source.table import writes
from genrebench.reading.kinds import normalization as kinds
from genrebench.reading.kinds.base import axis_of, known


@writes("BatchNormalization")
def write_batch_norm(site: Site) -> None:
    """Write batch normalization, its channels behind the batch."""
    assert isinstance(site.kind, kinds.BatchNormalization)
    rank = len(site.shapes[0])
    if site.call.arguments.get("training") is True:
        raise ConfigError(
            f"expected batch statistics in training alone, received `{site.call.name:.80}` always training"
        )
    axes_ = sorted(axis_of(axis, rank) for axis in site.kind.axis)
    # Keras 3 leaves out the steps that a mask takes away, earlier versions did not.
    is_masking = _is_trained(site) and site.kind.running_variance == "biased" and axes_ == [rank - 1]
    mask = site.mask() if is_masking else None
    if mask:
        site.give(f"{batch_norm_module(site, 'MaskedBatchNorm')}({site.take()}, {mask})")
    elif len(axes_) > 1 or rank > 4:
        normalize_flat(site, batch_norm_module(site, dims=1), axes_)
    elif axes_[0] in (0, rank - 1):
        order: Order = "torch" if axes_[0] == rank - 1 and rank > 1 else "keras"
        site.give(f"{batch_norm_module(site)}({site.take(order)})", order)
    else:
        x = site.step(f"{batch_norm_module(site)}({site.take()}.movedim({axes_[0] + 1}, 1))")
        site.give(f"{x}.movedim(1, {axes_[0] + 1})")


def _is_trained(site: Site) -> bool:
    """Return whether batch statistics are ever used."""
    return site.is_trained and site.call.arguments.get("training") is not False


def batch_norm_module(site: Site, name: str = "", *, dims: int = 0) -> str:
    """Make the module: PyTorch's own where its running variance is Keras'.

    Parameters
    ----------
    name : str
        A local module to make instead.
    dims : int
        How many dimensions besides batch and channels it is to normalize, if not those of the input.
    """
    assert isinstance(site.kind, kinds.BatchNormalization)
    kind, shape = site.kind, site.shapes[0]
    lengths = tuple(known(shape, axis) for axis in sorted(axis_of(axis, len(shape)) for axis in kind.axis))
    channels = math.prod(lengths)
    is_image = kind.running_variance == "unbiased_images" and len(shape) == 3
    own = f"BatchNorm{dims or max(1, len(shape) - 1)}d"
    if name:
        site.part(name)
    elif not _is_trained(site):
        name = site.part(f"Frozen{own}")
    else:
        name = f"nn.{own}" if kind.running_variance == "unbiased" or is_image else site.part(own)
    text = f"{name}({channels}, eps={kind.epsilon!r}, momentum={float(f'{1 - kind.momentum:.12g}')!r}"
    weights, constants, more = affine(kind, channels)
    text += "" if weights else ", affine=False"
    layout = reshaped(lengths, (channels,))
    trained = {weight: (str(place[0]), layout) for weight, place in weights.items()}
    found = {**trained, "moving_mean": ("running_mean", layout), "moving_variance": ("running_var", layout)}
    return site.module(f"{text})", found, constants=constants, more=more)


def normalize_flat(site: Site, module: str, axes_: Sequence[int]) -> None:
    """Write a normalization along axes that become one, all others the batch."""
    rank = len(site.shapes[0])
    there = [0, *(axis + 1 for axis in range(rank) if axis not in axes_), *(axis + 1 for axis in axes_)]
    moved = site.step(f"{site.take()}.permute({', '.join(map(str, there))})", "what is normalized last", name="moved")
    x = site.step(f"{module}({moved}.reshape(-1, {math.prod(known(site.shapes[0], axis) for axis in axes_)}))")
    x = site.step(f"{x}.reshape({moved}.shape)")
    site.give(f"{x}.permute({', '.join(str(there.index(axis)) for axis in range(rank + 1))})")


@writes("LayerNormalization")
def write_layer_norm(site: Site) -> None:
    """Write layer normalization, the axes that it is over last."""
    assert isinstance(site.kind, kinds.LayerNormalization)
    kind, shape = site.kind, site.shapes[0]
    axes_ = sorted(axis_of(axis, len(shape)) for axis in kind.axis)
    lengths = tuple(known(shape, axis) for axis in axes_)
    shown = repr(lengths[0] if len(lengths) == 1 else lengths)
    names = {"gamma": "weight", "beta": "bias"}
    weights: Weights = {each.name: (names[each.name], SAME) for each in kind.weights(site.shapes)}
    if kind.rms_scaling:
        text = f"{site.part('VarianceScaling')}({shown}, eps={kind.epsilon!r})"
        over_last(site, axes_, lambda: site.module(text, weights))
        return
    text = f"nn.LayerNorm({shown}, eps={kind.epsilon!r}"
    constants, more = {}, []
    if not weights:
        text += ", elementwise_affine=False"
    elif "beta" not in weights:
        text += ", bias=False"
    elif "gamma" not in weights:
        constants["weight"] = np.ones(lengths, np.float32)
        more = ["{}.weight.requires_grad_(False)  # Keras has no gamma here"]
    over_last(site, axes_, lambda: site.module(f"{text})", weights, constants=constants, more=more))


def over_last(site: Site, axes_: Sequence[int], module: Callable[[], str]) -> None:
    """Write a module that works on the last axes, with whatever permutation it takes."""
    rank = len(site.shapes[0])
    x = site.take()
    others = [axis for axis in range(rank) if axis not in axes_]
    there = [0, *(axis + 1 for axis in (*others, *axes_))]
    if there == list(range(rank + 1)):
        site.give(f"{module()}({x})")
        return
    x = site.step(f"{x}.permute({', '.join(map(str, there))})", "what is normalized last")
    x = site.step(f"{module()}({x})")
    site.give(f"{x}.permute({', '.join(str(there.index(axis)) for axis in range(rank + 1))})")


@writes("RMSNormalization")
def write_rms_norm(site: Site) -> None:
    """Write the division by the root mean square."""
    assert isinstance(site.kind, kinds.RMSNormalization)
    shape = site.shapes[0]
    axes_ = sorted(axis_of(axis, len(shape)) for axis in site.kind.axis)
    lengths = tuple(known(shape, axis) for axis in axes_)
    shown = repr(lengths[0] if len(lengths) == 1 else lengths)
    text = f"nn.RMSNorm({shown}, eps={site.kind.epsilon!r})"
    over_last(site, axes_, lambda: site.module(text, {"scale": ("weight", SAME)}))


@writes("GroupNormalization")
def write_group_norm(site: Site) -> None:
    """Write group normalization, the channels behind the batch."""
    assert isinstance(site.kind, kinds.GroupNormalization)
    kind, shape = site.kind, site.shapes[0]
    rank, place = len(shape), axis_of(kind.axis, len(shape))
    channels = known(shape, place)
    groups = channels if kind.groups == -1 else kind.groups
    text = f"nn.GroupNorm({groups}, {channels}, eps={kind.epsilon!r}"
    weights, constants, more = affine(kind, channels)
    text += "" if weights else ", affine=False"
    make = f"{text})"
    if place in (0, rank - 1):
        order: Order = "torch" if place == rank - 1 and rank > 1 else "keras"
        module = site.module(make, weights, constants=constants, more=more)
        site.give(f"{module}({site.take(order)})", order)
        return
    x = site.step(f"{site.take()}.movedim({place + 1}, 1)")
    x = site.step(f"{site.module(make, weights, constants=constants, more=more)}({x})")
    site.give(f"{x}.movedim(1, {place + 1})")


def affine(kind: Any, channels: int) -> tuple[Weights, dict[str, Array], list[str]]:
    """Place gamma and beta; where Keras has but one, the other stands still at the value that does nothing."""
    weights: Weights = {}
    constants: dict[str, Array] = {}
    more = []
    for weight, its_name, has, value in (("gamma", "weight", kind.scale, 1), ("beta", "bias", kind.center, 0)):
        if has:
            weights = {**weights, weight: (its_name, SAME)}
        elif kind.scale or kind.center:
            constants[its_name] = np.full(channels, value, np.float32)
            more.append(f"{{}}.{its_name}.requires_grad_(False)  # Keras has no {weight} here")
    return weights, constants, more


@writes("UnitNormalization")
def write_unit_norm(site: Site) -> None:
    """Write the division by the Euclidean length."""
    assert isinstance(site.kind, kinds.UnitNormalization)
    order = site.order()
    dims = places(site.kind.axis, len(site.shapes[0]), order)
    x = site.take(order)
    if len(dims) == 1:
        site.give(f"F.normalize({x}, dim={dims[0]})", order)
    else:
        length = site.step(f"{x}.square().sum(dim={dims!r}, keepdim=True).sqrt()", name="length")
        site.give(f"{x} / {length}.clamp(min=1e-12)", order)


@writes("Normalization")
def write_normalization(site: Site) -> None:
    """Write the subtraction of a mean and the division by a deviation."""
    assert isinstance(site.kind, kinds.Normalization)
    kind, shape = site.kind, site.shapes[0]
    kept = {axis_of(axis, len(shape)) for axis in kind.axis}
    lengths = tuple(known(shape, axis) if axis in kept else 1 for axis in range(len(shape)))
    own = tuple(lengths[axis] for axis in sorted(kept))
    name = site.part("Denormalization" if kind.invert else "Normalization")
    if kind.mean is None:
        layout = reshaped(own, lengths)
        weights: Weights = {"mean": ("mean", layout), "variance": ("variance", layout)}
        module = site.module(f"{name}({lengths!r})", weights, freezes=False)
    else:
        constants = {}
        for each in ("mean", "variance"):
            said = np.asarray(getattr(kind, each), np.float32)
            spread = np.broadcast_to(said.reshape(()) if said.size == 1 else said, own)
            constants[each] = np.ascontiguousarray(spread.reshape(lengths))
        module = site.module(f"{name}({lengths!r})", constants=constants)
    site.give(f"{module}({site.take()})")


@writes("LayerScale")
def write_layer_scale(site: Site) -> None:
    """Write a factor for each channel."""
    assert isinstance(site.kind, kinds.LayerScale)
    module = site.module(f"{site.part('Scale')}({site.kind.projection_dim})", {"gamma": ("weight", SAME)})
    site.give(f"{module}({site.take()})")
