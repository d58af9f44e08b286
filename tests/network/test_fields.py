"""What an error says of a wrong field."""

import pickle

import numpy as np
import pytest

from genrebench.errors import ConfigError
from genrebench.network.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Layer, MaxPooling2D


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        (Conv2D, {"filters": 0, "kernel_size": (3, 3)}, "filters to be a positive whole number, received 0"),
        (Conv2D, {"filters": True, "kernel_size": (3, 3)}, "filters to be a positive whole number, received True"),
        (Conv2D, {"filters": 2.0, "kernel_size": (3, 3)}, "filters to be a positive whole number, received 2.0"),
        (Conv2D, {"filters": 2, "kernel_size": 3}, "kernel_size to be two positive whole numbers, received 3"),
        (Conv2D, {"filters": 2, "kernel_size": {}}, "kernel_size to be two positive whole numbers, received {}"),
        (Conv2D, {"filters": 2, "kernel_size": "33"}, "kernel_size to be two positive whole numbers, received '33'"),
        (Conv2D, {"filters": 2, "kernel_size": [3]}, "kernel_size to be two positive whole numbers, received [3]"),
        (Conv2D, {"filters": 2}, "kernel_size to be two positive whole numbers, received nothing"),
        (Conv2D, {"filters": 2, "kernel_size": (3, 3), "padding": "SAME"}, "padding to be valid or same"),
        (Conv2D, {"filters": 2, "kernel_size": (3, 3), "activation": ["relu"]}, "activation to be linear or relu"),
        (MaxPooling2D, {"pool_size": (2, 2), "strides": (0, 2)}, "strides to be two positive whole numbers"),
        (BatchNormalization, {"momentum": 1.5}, "momentum to be at least 0 and below 1, received 1.5"),
        (BatchNormalization, {"epsilon": float("nan")}, "epsilon to be at least 0, received nan"),
        (BatchNormalization, {"epsilon": float("inf")}, "epsilon to be at least 0, received inf"),
        (BatchNormalization, {"epsilon": "1e-3"}, "epsilon to be at least 0, received '1e-3'"),
        (BatchNormalization, {"running_variance": "unbiased"}, "running_variance to be biased, received 'unbiased'"),
        (Dropout, {"rate": 1.0}, "rate to be at least 0 and below 1, received 1.0"),
        (Dropout, {"rate": False}, "rate to be at least 0 and below 1, received False"),
        (Flatten, {"order": "channels_first"}, "order to be channels_last, received 'channels_first'"),
        (Dense, {"units": 2, "name": "a/b"}, "name to be a word without '/', received 'a/b'"),
        (Dense, {"units": 2, "use_bias": False}, "only name, units, activation, .+, received use_bias"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_expected(
    kind: type[Layer], parameters: dict[str, object], message: str
) -> None:
    """Whatever its type, given by name."""
    pattern = message if ".+" in message else message.replace("[", r"\[").replace("{", r"\{")
    with pytest.raises(ConfigError, match=f"{kind.__name__}: expected {pattern}"):
        kind(**parameters)  # type: ignore[arg-type]


def test_positional_arguments_are_named_too() -> None:
    """The message has the name of the field and the whole value; what is too much is refused."""
    with pytest.raises(ConfigError, match=r"expected kernel_size to be two positive whole numbers, received \(3, 0\)"):
        Conv2D(2, (3, 0))
    with pytest.raises(ConfigError, match="expected filters to be a positive whole number"):
        Conv2D(np.int64(2), (3, 3))  # type: ignore[arg-type]  # not what JSON holds
    with pytest.raises(ConfigError, match="Flatten: expected only name, order, received 7"):
        Flatten("channels_last", 7)  # type: ignore[call-arg, arg-type]


def test_what_json_holds_becomes_what_python_holds() -> None:
    """A list becomes a tuple, a whole number a float where one is expected; so equal layers are written equally."""
    layer = Conv2D(2, [3, 2], strides=[1, 2])  # type: ignore[arg-type]
    assert layer == Conv2D(2, (3, 2), strides=(1, 2))
    assert hash(layer) == hash(Conv2D(2, (3, 2), strides=(1, 2)))
    assert isinstance(Dropout(0).rate, float)
    assert pickle.loads(pickle.dumps(layer)) == layer
