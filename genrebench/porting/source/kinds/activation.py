"""Activations, in a call of their own or around another layer's."""

from collections.abc import Sequence
from typing import Any

from genrebench.errors import ConfigError
from genrebench.porting.source.places import axes, reshaped
from genrebench.porting.source.scope import Order
from genrebench.porting.source.site import Site
from genrebench.porting.source.table import writes
from genrebench.reading.kinds import activation as kinds
from genrebench.reading.kinds.base import axis_of

# Elementwise functions of PyTorch that are Keras' own.
_FUNCTIONS = {
    "relu": "F.relu",
    "relu6": "F.relu6",
    "sigmoid": "torch.sigmoid",
    "tanh": "torch.tanh",
    "softplus": "F.softplus",
    "softsign": "F.softsign",
    "selu": "F.selu",
    "elu": "F.elu",
    "exponential": "torch.exp",
    "silu": "F.silu",
    "gelu": "F.gelu",
    "mish": "F.mish",
    "hard_silu": "F.hardswish",
    "log_sigmoid": "F.logsigmoid",
    "celu": "F.celu",
    "hard_tanh": "F.hardtanh",
    "abs": "torch.abs",
    "square": "torch.square",
    "sqrt": "torch.sqrt",
    "log": "torch.log",
    **{
        word: f"torch.{word}"
        for word in ("rsqrt", "reciprocal", "sin", "cos", "erf", "log1p", "expm1", "sign", "floor", "ceil", "round")
    },
}


def activate(site: Site, text: str, activation: Any, order: Order, rank: int) -> str:
    """Write an activation around an expression.

    Parameters
    ----------
    text : str
        The expression.
    activation : str or dict
        As `genrebench.reading.activations.read_activation` gives it.
    order : {'keras', 'torch'}
        How the expression's value lies.
    rank : int
        Number of its axes beside the batch.
    """
    name, settings = (activation, {}) if isinstance(activation, str) else (activation["name"], dict(activation))
    if name == "linear":
        return text
    if name in ("softmax", "log_softmax"):
        dim = 1 if order == "torch" and rank > 1 else -1
        return f"F.{name}({text}, dim={dim})"
    if name == "gelu_tanh":
        return f'F.gelu({text}, approximate="tanh")'
    if name == "leaky_relu":
        return f"F.leaky_relu({text}, {settings['negative_slope']!r})"
    if name == "elu" and settings.get("alpha", 1.0) != 1:
        return f"F.elu({text}, {settings['alpha']!r})"
    if name == "relu" and settings:
        return rectify(site, text, settings)
    if name == "hard_sigmoid":
        return f"F.relu6({text} + 3) / 6"  # F.hardsigmoid has a sixth in float32 in its gradient
    if name == "hard_sigmoid_keras2":
        return f"{site.part(name)}({text})"
    return f"{_FUNCTIONS[name]}({text})"


def function_of(site: Site, activation: Any) -> str:
    """Write an activation as something that is called, for cells.

    Raises
    ------
    ConfigError
        If it has settings that need more than that.
    """
    name, settings = (activation, {}) if isinstance(activation, str) else (activation["name"], dict(activation))
    if name in ("hard_sigmoid", "hard_sigmoid_keras2"):
        return site.part(name)
    if name in ("softmax", "log_softmax"):
        return f"nn.{'LogSoftmax' if name.startswith('log') else 'Softmax'}(dim=-1)"
    if name == "leaky_relu":
        return f"nn.LeakyReLU({settings['negative_slope']!r})"
    if name == "elu" and settings:
        return f"nn.ELU({settings['alpha']!r})"
    if name == "relu" and settings and rectify(site, "", settings) != "F.relu()":
        raise ConfigError(f"expected an activation without a threshold in a cell, received {activation}")
    return "nn.Identity()" if name == "linear" else _FUNCTIONS[name]


def rectify(site: Site, text: str, settings: dict[str, Any]) -> str:
    """Write a ReLU with an upper bound, a slope and a threshold."""
    most, slope, threshold = settings["max_value"], settings["negative_slope"], settings["threshold"]
    if most is None and not threshold:
        return f"F.leaky_relu({text}, {slope!r})" if slope else f"F.relu({text})"
    if not slope and not threshold:
        return f"F.relu6({text})" if most == 6 else f"{text}.clamp(0.0, {most!r})"
    given = f"max_value={most!r}, negative_slope={slope!r}, threshold={threshold!r}"
    return f"{site.part('rectify')}({text}, {given})"


def elementwise(site: Site, text: str) -> None:
    """Write an expression in which ``{}`` stands for the input, in whatever order that lies."""
    order = site.order()
    site.give(text.format(site.take(order)), order)


@writes("Activation")
def write_activation(site: Site) -> None:
    """Write an activation of any input."""
    assert isinstance(site.kind, kinds.Activation)
    order = site.order()
    if site.kind.activation == "linear":
        site.pass_on()
        return
    site.give(activate(site, site.take(order), site.kind.activation, order, len(site.shapes[0])), order)


@writes("ReLU")
def write_relu(site: Site) -> None:
    """Write a ReLU with its settings."""
    assert isinstance(site.kind, kinds.ReLU)
    elementwise(site, rectify(site, "{}", site.kind.settings()))


@writes("LeakyReLU")
def write_leaky_relu(site: Site) -> None:
    """Write a leaky ReLU."""
    assert isinstance(site.kind, kinds.LeakyReLU)
    elementwise(site, f"F.leaky_relu({{}}, {site.kind.negative_slope!r})")


@writes("ELU")
def write_elu(site: Site) -> None:
    """Write an ELU."""
    assert isinstance(site.kind, kinds.ELU)
    elementwise(site, "F.elu({})" if site.kind.alpha == 1 else f"F.elu({{}}, {site.kind.alpha!r})")


@writes("ThresholdedReLU")
def write_thresholded_relu(site: Site) -> None:
    """Write a ReLU that begins at a threshold."""
    assert isinstance(site.kind, kinds.ThresholdedReLU)
    elementwise(site, f"F.threshold({{}}, {site.kind.theta!r}, 0.0)")


@writes("PReLU")
def write_prelu(site: Site) -> None:
    """Write a PReLU: PyTorch's where there is a slope per channel, else one with a slope per element."""
    assert isinstance(site.kind, kinds.PReLU)
    shape = site.shapes[0]
    (weight,) = site.kind.weights(site.shapes)
    order = site.order()
    channels = weight.shape[-1]
    if shape[-1] == channels and all(each == 1 for each in weight.shape[:-1]):
        layout = reshaped(weight.shape, (channels,))
        order = "torch" if len(shape) > 1 else "keras"
        module = site.module(f"nn.PReLU({channels})", {"alpha": ("weight", layout)})
    else:
        order = site.order() if len(site.calls) == 1 else "keras"
        moved = order == "torch" and len(shape) > 1
        layout = axes(len(shape) - 1, *range(len(shape) - 1)) if moved else axes(*range(len(shape)))
        lengths = (channels, *weight.shape[:-1]) if moved else weight.shape
        module = site.module(f"{site.part('PReLU')}({lengths!r})", {"alpha": ("alpha", layout)})
    site.give(f"{module}({site.take(order)})", order)


@writes("Softmax")
def write_softmax(site: Site) -> None:
    """Write a softmax over one axis or several."""
    assert isinstance(site.kind, kinds.Softmax)
    order = site.order()
    dims = places(site.kind.axis, len(site.shapes[0]), order)
    x = site.take(order)
    if len(dims) == 1:
        site.give(f"F.softmax({x}, dim={dims[0]})", order)
    else:
        site.give(f"({x} - {x}.logsumexp(dim={dims!r}, keepdim=True)).exp()", order)


def places(kept: Sequence[int], rank: int, order: Order) -> tuple[int, ...]:
    """Find where axes, which count the batch, lie in an order."""
    found = (axis_of(axis, rank) for axis in kept)
    if order == "keras" or rank < 2:
        return tuple(-1 if axis == rank - 1 else axis + 1 for axis in found)
    return tuple(1 if axis == rank - 1 else axis + 2 for axis in found)
