"""Activations, in a call of their own or around another layer's."""

from typing import Any

from genrebench.porting.source.scope import Order
from genrebench.porting.source.site import Site
from genrebench.porting.source.table import writes
from genrebench.reading.kinds import activation as kinds

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
    "hard_sigmoid": "F.hardsigmoid",
    "silu": "F.silu",
    "gelu": "F.gelu",
    "mish": "F.mish",
    "hard_silu": "F.hardswish",
    "log_sigmoid": "F.logsigmoid",
    "celu": "F.celu",
    "hard_tanh": "F.hardtanh",
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
    if name == "leaky_relu":
        return f"F.leaky_relu({text}, {settings['negative_slope']!r})"
    if name == "elu" and settings.get("alpha", 1.0) != 1:
        return f"F.elu({text}, {settings['alpha']!r})"
    if name == "relu" and settings:
        return rectify(site, text, settings)
    if name == "hard_sigmoid_keras2":
        return f"{site.part('hard_sigmoid')}({text})"
    return f"{_FUNCTIONS[name]}({text})"


def rectify(site: Site, text: str, settings: dict[str, Any]) -> str:
    """Write a ReLU with an upper bound, a slope and a threshold."""
    most, slope, threshold = settings["max_value"], settings["negative_slope"], settings["threshold"]
    if most is None and not threshold:
        return f"F.leaky_relu({text}, {slope!r})" if slope else f"F.relu({text})"
    if not slope and not threshold:
        return f"F.relu6({text})" if most == 6 else f"{text}.clamp(0.0, {most!r})"
    given = f"max_value={most!r}, negative_slope={slope!r}, threshold={threshold!r}"
    return f"{site.part('rectify')}({text}, {given})"


@writes("Activation")
def write_activation(site: Site) -> None:
    """Write an activation of any input."""
    assert isinstance(site.kind, kinds.Activation)
    order = site.order()
    if site.kind.activation == "linear":
        site.pass_on()
        return
    site.give(activate(site, site.take(order), site.kind.activation, order, len(site.shapes[0])), order)
