"""Normalizations."""

import numpy as np

from genrebench.errors import ConfigError
from genrebench.porting.source.places import SAME
from genrebench.porting.source.scope import Order
from genrebench.porting.source.site import Site, Weights
from genrebench.porting.source.table import writes
from genrebench.reading.kinds import normalization as kinds
from genrebench.reading.kinds.base import axis_of, known


@writes("BatchNormalization")
def write_batch_norm(site: Site) -> None:
    """Write batch normalization."""
    assert isinstance(site.kind, kinds.BatchNormalization)
    kind, shape = site.kind, site.shapes[0]
    rank = len(shape)
    if len(kind.axis) != 1:
        raise ConfigError(f"expected BatchNormalization along one axis, received {kind.axis}")
    place = axis_of(kind.axis[0], rank)
    order: Order = "torch" if place == rank - 1 and rank > 1 else "keras"
    channels = known(shape, place)
    is_unbiased = kind.running_variance == "unbiased" or (kind.running_variance == "unbiased_images" and rank == 3)
    is_fixed = not site.is_trained or site.call.arguments.get("training") is False
    name = f"BatchNorm{max(1, rank - 1)}d"
    if is_fixed:
        name = site.part(f"Frozen{name}")
    elif is_unbiased:
        name = f"nn.{name}"
    else:
        site.part(name)
    text = f"{name}({channels}, eps={kind.epsilon!r}, momentum={float(f'{1 - kind.momentum:.12g}')!r}"
    weights: Weights = {"moving_mean": ("running_mean", SAME), "moving_variance": ("running_var", SAME)}
    constants, more = {}, []
    if kind.scale or kind.center:
        for weight, its_name, has, value in (("gamma", "weight", kind.scale, 1), ("beta", "bias", kind.center, 0)):
            if has:
                weights = {**weights, weight: (its_name, SAME)}
            else:
                constants[its_name] = np.full(channels, value, np.float32)
                more.append(f"{{}}.{its_name}.requires_grad_(False)  # Keras has no {weight} here")
    else:
        text += ", affine=False"
    site.give(f"{site.module(f'{text})', weights, constants=constants, more=more)}({site.take(order)})", order)
