"""Activations, as functions and as a layer of their own."""

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.network.layers.base import Forward, Layer
from genrebench.network.types import Array, Shape, Weights

__all__ = ["Activation"]

# What follows a kernel and a bias within one layer.
Rectifier = Annotated[Literal["linear", "relu"], Field(description="linear or relu")]


def _softmax(z: Array) -> Array:
    """Exponentiate and normalize over the last axis; with the largest value at 0 no exponential overflows."""
    powers = np.exp(z - z.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


# By name: the function, and from the gradient with respect to its value and that value, the one before.
_FUNCTIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    "linear": (lambda z: z, lambda dy, y: dy),
    # The gradient at 0 is 0, as in TensorFlow and PyTorch.
    "relu": (lambda z: np.maximum(z, 0), lambda dy, y: dy * (y > 0)),
    # 1 / (1 + exp(-z)), where neither exponential overflows.
    "sigmoid": (lambda z: np.exp(-np.logaddexp(0, -z)), lambda dy, y: dy * y * (1 - y)),
    "tanh": (np.tanh, lambda dy, y: dy * (1 - y**2)),
    "softmax": (_softmax, lambda dy, y: y * (dy - (dy * y).sum(-1, keepdims=True))),
}


def activate(z: Array, activation: str) -> tuple[Array, Callable[[Array], Array]]:
    """Apply an activation; also give what takes a gradient with respect to the values after it back through it."""
    function, gradient = _FUNCTIONS[activation]
    y = function(z)
    return y, lambda dy: gradient(dy, y)


@dataclass(frozen=True)
class Activation(Layer):
    """An activation alone, element by element; ``softmax`` over the last axis.

    Attributes
    ----------
    activation : str
        ``linear``, ``relu``, ``sigmoid``, ``tanh`` or ``softmax``.

    Examples
    --------
    >>> Activation("relu").forward(np.array([[-1.0, 2.0]]), {}).y
    array([[0., 2.]])
    """

    activation: Annotated[
        Literal["linear", "relu", "sigmoid", "tanh", "softmax"],
        Field(description="linear, relu, sigmoid, tanh or softmax"),
    ]

    @classmethod
    def examples(cls) -> tuple[tuple[Layer, Shape], ...]:
        """See `Layer.examples`."""
        return tuple((cls(name), shape) for name in _FUNCTIONS for shape in ((2, 3, 4), (5,)))  # type: ignore[arg-type]

    def forward(self, x: Array, weights: Weights, *, training: bool = False, mask: Array | None = None) -> Forward:
        """Apply the activation; see `Layer.forward`."""
        y, gradient = activate(x, self.activation)
        return Forward(y, lambda dy: (gradient(dy), {}))
