"""Activations, by word and as layers."""

from collections.abc import Callable
from typing import Any

import numpy as np

from genrebench.network.types import Array
from genrebench.porting.definition import Given, defines
from genrebench.porting.primitives import (
    clip,
    cos,
    erf,
    exp,
    expm1,
    log,
    log1p,
    maximum,
    minimum,
    sigmoid,
    sin,
    softplus,
    tanh,
    where,
)
from genrebench.porting.tape import Value
from genrebench.reading.kinds import activation as kinds


def softmax(x: Value, axes: tuple[int, ...] = (-1,)) -> Value:
    """Compute exponentials that add up to 1 (Bishop, "Pattern recognition", 2006, equation 4.62)."""
    # Shifted by a constant, which changes nothing, so that no exponential overflows.
    most: Array = x.data.max(axis=axes, keepdims=True)
    powers = exp(x - most)
    return powers / powers.sum(axes, keepdims=True)


def log_softmax(x: Value) -> Value:
    """Compute the logarithm of softmax over the last axis."""
    most: Array = x.data.max(axis=-1, keepdims=True)
    shifted = x - most
    return shifted - log(exp(shifted).sum(-1, keepdims=True))


def relu(x: Value, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0) -> Value:
    """Compute ``x`` from a threshold on and at most ``max_value``, below it ``negative_slope * (x - threshold)``.

    The function that the layer ReLU of Keras documents (keras/src/layers/activations/relu.py).
    """
    above = x if max_value is None else minimum(x, max_value)
    return where(x.data > threshold, above, negative_slope * (x - threshold))


def elu(x: Value, alpha: float = 1.0) -> Value:
    """Compute ``x`` where it is positive, else ``alpha (exp(x) - 1)`` (Clevert et al., arXiv:1511.07289)."""
    return where(x.data > 0, x, alpha * (exp(where(x.data > 0, 0.0, x)) - 1.0))


def selu(x: Value) -> Value:
    """Compute the scaled ELU (Klambauer et al., arXiv:1706.02515)."""
    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    return elu(x, alpha) * scale


def gelu(x: Value) -> Value:
    """Compute ``x`` times the normal distribution's share below it (Hendrycks and Gimpel, arXiv:1606.08415)."""
    return x * (1.0 + erf(x / np.sqrt(2.0))) * 0.5


def gelu_tanh(x: Value) -> Value:
    """Compute GELU with tanh in the place of the error function (Hendrycks and Gimpel, arXiv:1606.08415, section 2)."""
    return x * (1.0 + tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3))) * 0.5


def softsign(x: Value) -> Value:
    """Compute ``x / (1 + abs(x))``."""
    return x / (1.0 + where(x.data > 0, x, -x))


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "linear": lambda x: x,
    "relu": relu,
    "relu6": lambda x: relu(x, 6.0),
    "leaky_relu": lambda x, negative_slope: relu(x, None, negative_slope),
    "sigmoid": sigmoid,
    "tanh": tanh,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "softplus": softplus,
    "softsign": softsign,
    "selu": selu,
    "elu": elu,
    "exponential": exp,
    "hard_sigmoid": lambda x: clip(x / 6.0 + 0.5, 0.0, 1.0),
    "hard_sigmoid_keras2": lambda x: clip(0.2 * x + 0.5, 0.0, 1.0),
    "silu": lambda x: x * sigmoid(x),
    "gelu": gelu,
    "mish": lambda x: x * tanh(softplus(x)),
    "hard_silu": lambda x: x * clip(x / 6.0 + 0.5, 0.0, 1.0),
    "log_sigmoid": lambda x: -softplus(-x),
    "celu": elu,
    "hard_tanh": lambda x: clip(x, -1.0, 1.0),
    # Of expressions and functions of tensors, which no layer names.
    "abs": lambda x: maximum(x, 0.0) + maximum(-x, 0.0),
    "square": lambda x: x * x,
    "sqrt": lambda x: x**0.5,
    "log": log,
    "gelu_tanh": gelu_tanh,
    "rsqrt": lambda x: x**-0.5,
    "reciprocal": lambda x: 1.0 / x,
    "sin": sin,
    "cos": cos,
    "erf": erf,
    "log1p": log1p,
    "expm1": expm1,
    # Steps, through which no gradient goes.
    "sign": lambda x: Value(np.sign(x.data)),
    "floor": lambda x: Value(np.floor(x.data)),
    "ceil": lambda x: Value(np.ceil(x.data)),
    "round": lambda x: Value(np.round(x.data)),
}


def activate(activation: str | dict[str, Any], x: Value) -> Value:
    """Apply an activation as `genrebench.reading.activations` makes it explicit."""
    if isinstance(activation, str):
        return FUNCTIONS[activation](x)
    settings = {key: value for key, value in activation.items() if key != "name"}
    return FUNCTIONS[activation["name"]](x, **settings)


@defines(kinds.Activation)
def _activation(kind: kinds.Activation, given: Given) -> Value:
    """Apply an activation."""
    return activate(kind.activation, given.x)


@defines(kinds.ReLU)
def _relu(kind: kinds.ReLU, given: Given) -> Value:
    """Compute `relu` with the layer's settings."""
    return relu(given.x, kind.max_value, kind.negative_slope, kind.threshold)


@defines(kinds.LeakyReLU)
def _leaky_relu(kind: kinds.LeakyReLU, given: Given) -> Value:
    """Compute ``x`` where it is positive, else ``negative_slope * x``."""
    return relu(given.x, None, kind.negative_slope)


@defines(kinds.PReLU)
def _prelu(_: kinds.PReLU, given: Given) -> Value:
    """Compute ``max(x, 0) - alpha max(-x, 0)`` (He et al., arXiv:1502.01852), alpha spread over shared axes."""
    return maximum(given.x, 0.0) - given.weights["alpha"] * maximum(-given.x, 0.0)


@defines(kinds.ELU)
def _elu(kind: kinds.ELU, given: Given) -> Value:
    """Compute `elu` with the layer's alpha."""
    return elu(given.x, kind.alpha)


@defines(kinds.ThresholdedReLU)
def _thresholded_relu(kind: kinds.ThresholdedReLU, given: Given) -> Value:
    """Compute ``x`` where it is above theta, else 0 (Konda et al., arXiv:1402.3337)."""
    return where(given.x.data > kind.theta, given.x, 0.0)


@defines(kinds.Softmax)
def _softmax(kind: kinds.Softmax, given: Given) -> Value:
    """Compute softmax over axes; what a mask of the same axes takes away is 0, as if its value were very small."""
    x, mask = given.x, given.mask
    if mask is None or mask.ndim != x.ndim:
        return softmax(x, kind.axis)
    return where(mask, softmax(where(mask, x, -1e9), kind.axis), 0.0)
