"""A port of a small Keras model as people write it, with a mistake, and what is to be found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from genrebench.network.types import Array

State = Callable[[Mapping[str, Array]], dict[str, Array]]


@dataclass(frozen=True)
class Mistake:
    """A model, a port of it, and the cause that is to be named.

    Attributes
    ----------
    cause : str
        Id of the entry of the ledger.
    config : dict
        Of the Keras model.
    made : str
        Lines of the port's ``__init__``.
    forward : str
        Lines of its ``forward``; the last one gives back ``x``.
    state : callable
        The port's weights, of those of the model.
    at : str
        The layer that is to be named first.
    version : str
        Of the Keras that saved the model.
    parameters : dict
        Some parameters of the cause.
    """

    cause: str
    config: dict[str, Any]
    made: str
    forward: str
    state: State
    at: str
    version: str = "2.4.0"
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """Write the port's file."""
        lines = ["import math", "import torch", "from torch import nn", "from torch.nn import functional as F", "", ""]
        lines += ["class Network(nn.Module):", "    def __init__(self):", "        super().__init__()"]
        lines += [f"        {line}" for line in self.made.splitlines()]
        lines += ["", "    def forward(self, x, *others):"]
        lines += [f"        {line}" for line in self.forward.splitlines()]
        return "\n".join([*lines, "        return x", ""])


def conv(name: str, kernel: Array, bias: Array) -> dict[str, Array]:
    """Lay out a convolution's weights as PyTorch has them."""
    return {f"{name}.weight": kernel.transpose(3, 2, 0, 1), f"{name}.bias": bias}


def linear(name: str, w: Mapping[str, Array], key: str) -> dict[str, Array]:
    """Lay out a dense layer's weights as PyTorch has them."""
    return {f"{name}.weight": w[f"{key}/kernel"].T, f"{name}.bias": w[f"{key}/bias"]}


def recurrent(
    name: str, w: Mapping[str, Array], key: str, bias: tuple[Array, Array], end: str = ""
) -> dict[str, Array]:
    """Lay out a recurrent layer's weights as PyTorch has them, gates in Keras' order."""
    return {
        f"{name}.weight_ih_l0{end}": w[f"{key}/kernel"].T,
        f"{name}.weight_hh_l0{end}": w[f"{key}/recurrent_kernel"].T,
        f"{name}.bias_ih_l0{end}": bias[0],
        f"{name}.bias_hh_l0{end}": bias[1],
    }
