"""The border between canonical weights and PyTorch's: names and layouts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from genrebench.network.architecture import Architecture
from genrebench.network.types import Weights

# PyTorch's parameter of each canonical weight, and the axes that turn the canonical layout into PyTorch's.
WEIGHTS: dict[str, dict[str, tuple[str, tuple[int, ...]]]] = {
    "Conv2D": {"kernel": ("conv.weight", (3, 2, 0, 1)), "bias": ("conv.bias", (0,))},
    "Dense": {"kernel": ("linear.weight", (1, 0)), "bias": ("linear.bias", (0,))},
    "BatchNormalization": {
        "gamma": ("weight", (0,)),
        "beta": ("bias", (0,)),
        "moving_mean": ("running_mean", (0,)),
        "moving_variance": ("running_var", (0,)),
    },
}


def tensors(architecture: Architecture, modules: nn.Sequential) -> dict[str, tuple[Tensor, tuple[int, ...]]]:
    """Pair canonical names with PyTorch's tensors.

    Parameters
    ----------
    architecture : Architecture
        The architecture.
    modules : Sequential
        What `build_layers` made of it.

    Returns
    -------
    dict of str to tuple
        Tensor, and the axes that turn the canonical layout into its layout.
    """
    pairs = {}
    for index, layer in enumerate(architecture.layers):
        for weight, (attribute, axes) in WEIGHTS.get(layer.kind, {}).items():
            owner, _, name = f"{index}.{attribute}".rpartition(".")
            pairs[f"{layer.name}/{weight}"] = getattr(modules.get_submodule(owner), name), axes
    return pairs


def from_canonical(array: NDArray[Any], axes: tuple[int, ...], like: Tensor) -> Tensor:
    """Bring a canonical weight, or what has its layout, into PyTorch's.

    Parameters
    ----------
    array : ndarray
        In canonical layout.
    axes : tuple of int
        As `tensors` gives them.
    like : Tensor
        What says dtype and device.

    Returns
    -------
    Tensor
        A copy.
    """
    return torch.from_numpy(array.transpose(axes).copy()).to(like)


def to_canonical(tensor: Tensor, axes: tuple[int, ...]) -> NDArray[Any]:
    """Bring a weight, or what has its layout, into the canonical one.

    Parameters
    ----------
    tensor : Tensor
        In PyTorch's layout.
    axes : tuple of int
        As `tensors` gives them.

    Returns
    -------
    ndarray
        A copy.
    """
    array: NDArray[Any] = tensor.detach().cpu().numpy().transpose(np.argsort(axes)).copy()
    return array


def set_weights(architecture: Architecture, modules: nn.Sequential, weights: Mapping[str, NDArray[Any]]) -> None:
    """Copy canonical weights into the modules.

    Parameters
    ----------
    architecture : Architecture
        The architecture.
    modules : Sequential
        What `build_layers` made of it.
    weights : mapping of str to ndarray
        Canonical weights, all of them.
    """
    with torch.no_grad():
        for name, (tensor, axes) in tensors(architecture, modules).items():
            tensor.copy_(from_canonical(weights[name], axes, tensor))


def get_weights(architecture: Architecture, modules: nn.Sequential) -> Weights:
    """Copy the modules' weights into canonical ones.

    Parameters
    ----------
    architecture : Architecture
        The architecture.
    modules : Sequential
        What `build_layers` made of it.

    Returns
    -------
    dict of str to ndarray
        Canonical weights.
    """
    return {name: to_canonical(tensor, axes) for name, (tensor, axes) in tensors(architecture, modules).items()}
