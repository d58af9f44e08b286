"""The functions that a config names by a word, by a dictionary, or by a layer: one word each, explicit settings."""

from collections.abc import Mapping
from typing import Any

from genrebench.errors import ConfigError
from genrebench.reading.problems import SAY_ACTIVATION, UnreadableError
from genrebench.reading.version import KerasVersion

# An activation is a word, or a word with settings: {"name": "leaky_relu", "negative_slope": 0.2}.
Activation = str | dict[str, Any]

# Elementwise, or over the last axis (softmax and log_softmax); each has one meaning in every version.
_PLAIN = frozenset(
    """linear relu relu6 sigmoid tanh softmax log_softmax softplus softsign selu elu exponential hard_sigmoid
    hard_sigmoid_keras2 silu gelu mish leaky_relu hard_silu log_sigmoid celu hard_tanh""".split()
)
_ALIASES = {
    "swish": "silu",
    "hard_swish": "hard_silu",
    "LeakyReLU": "leaky_relu",
    "lrelu": "leaky_relu",
    "relu_6": "relu6",
    # What TensorFlow calls its own functions.
    "softmax_v2": "softmax",
    "log_softmax_v2": "log_softmax",
}
_LAYERS = {"ReLU", "LeakyReLU", "ELU", "Softmax", "Activation"}


def is_known(name: str) -> bool:
    """Return whether a word is one of Keras' own activations."""
    return name in _PLAIN or name in _ALIASES


def read_activation(value: object, version: KerasVersion) -> Activation:
    """Make an activation explicit.

    Parameters
    ----------
    value : object
        A word, None, a dictionary that names a function of Keras, or one that holds a layer without weights.
    version : KerasVersion
        Up to 2.15 ``hard_sigmoid`` is clip(0.2 x + 0.5, 0, 1), then relu6(x + 3) / 6.

    Raises
    ------
    ConfigError
        If it is none that Keras has.
    """
    if isinstance(value, Mapping):
        return _from_document(value, version)
    name = "linear" if value is None else value
    if not isinstance(name, str):
        raise ConfigError(f"expected an activation, received {value!r:.100}")
    name = _ALIASES.get(name, name)
    if name == "hard_sigmoid" and version.numbers < (3,):
        return "hard_sigmoid_keras2"
    if name == "hard_sigmoid_keras2" or name not in _PLAIN:
        reason = f"expected an activation of Keras, received {name!r:.100}, a function of somebody's own"
        raise UnreadableError(reason, SAY_ACTIVATION)
    return {"name": name, "negative_slope": 0.2} if name == "leaky_relu" else name


def _from_document(value: Mapping[str, Any], version: KerasVersion) -> Activation:
    """Read a serialized function or layer."""
    name, config, owner = value.get("class_name"), value.get("config"), str(value.get("registered_name") or "")
    if ">" in owner:
        reason = f"expected an activation of Keras, received {owner!r:.100}, a function of somebody's own"
        raise UnreadableError(reason, SAY_ACTIVATION)
    if name == "function" and isinstance(config, str):
        return read_activation(config, version)
    if isinstance(name, str) and name in _LAYERS and isinstance(config, Mapping):
        return _from_layer(name, config, version)
    if isinstance(name, str) and not config:
        return read_activation(name, version)
    raise ConfigError(f"expected an activation of Keras, received {name!r:.100}")


def _from_layer(name: str, config: Mapping[str, Any], version: KerasVersion) -> Activation:
    """Read a layer that serves as an activation."""
    if name == "Activation":
        return read_activation(config.get("activation"), version)
    if name == "Softmax":
        if config.get("axis", -1) not in (-1, [-1]):
            raise ConfigError(
                f"expected Softmax over the last axis as an activation, received {config.get('axis')!r:.50}"
            )
        return "softmax"
    if name == "LeakyReLU":
        return {"name": "leaky_relu", "negative_slope": number(config.get("negative_slope", config.get("alpha", 0.3)))}
    if name == "ELU":
        return {"name": "elu", "alpha": number(config.get("alpha", 1.0))}
    most = config.get("max_value")
    return {
        "name": "relu",
        "max_value": None if most is None else number(most),
        "negative_slope": number(config.get("negative_slope") or 0.0),
        "threshold": number(config.get("threshold") or 0.0),
    }


def number(value: object) -> float:
    """Read a number, which Keras 2 may have written as an array.

    Raises
    ------
    ConfigError
        If it is none.
    """
    if isinstance(value, Mapping):
        inner = value.get("config", value)
        value = inner.get("value", inner) if isinstance(inner, Mapping) else inner
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"expected a number, received {value!r:.100}")
    return float(value)
