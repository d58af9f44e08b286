"""The border between canonical weights and PyTorch's: names and layouts."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genrebench.network.types import Weights
from genrebench_torch.layers import Layers

Axes = tuple[int, ...]


class Located(NamedTuple):
    """Where a canonical weight lies: PyTorch's tensor, and the axes that turn the canonical layout into its layout."""

    tensor: Tensor
    axes: Axes


def locate(layers: Layers) -> dict[str, Located]:
    """Find the tensor of every canonical weight."""
    located = {}
    for node, module in layers.places():
        for name, (attribute, axes) in getattr(module, "WEIGHTS", {}).items():
            owner, _, tensor = attribute.rpartition(".")
            located[f"{node.name}/{name}"] = Located(getattr(module.get_submodule(owner), tensor), axes)
    return located


def from_canonical(array: NDArray[Any], axes: Axes, like: Tensor) -> Tensor:
    """Bring a canonical weight, or what has its layout, into PyTorch's.

    `like` is the weight itself, which says dtype, device and the order in memory: a step of Adam goes through a weight
    and its moments side by side.
    """
    return torch.empty_like(like).copy_(torch.from_numpy(array.transpose(axes).copy()))


def to_canonical(tensor: Tensor, axes: Axes) -> NDArray[Any]:
    """Copy a weight, or what has its layout, into the canonical layout."""
    array: NDArray[Any] = tensor.detach().cpu().numpy().transpose(np.argsort(axes)).copy()
    return array


def set_weights(layers: Layers, weights: Mapping[str, NDArray[Any]]) -> None:
    """Copy canonical weights, all of them, into the layers."""
    with torch.no_grad():
        for name, (tensor, axes) in locate(layers).items():
            tensor.copy_(from_canonical(weights[name], axes, tensor))


def get_weights(layers: Layers) -> Weights:
    """Copy the layers' weights into canonical ones."""
    return {name: to_canonical(*located) for name, located in locate(layers).items()}
