"""The architecture: shapes, parameters, names, initial weights, JSON."""

import dataclasses
import json

import numpy as np
import pytest

from genrebench.errors import ConfigError
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.layers import (
    LAYER_KINDS,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPooling2D,
    same_padding,
)


def test_genre_network_has_the_specified_parameters() -> None:
    """For 128 x 130 inputs and ten genres, 475,594 parameters, of which 475,402 are trained."""
    rows = genre_cnn((128, 130), 10).summary()
    assert sum(row.parameters for row in rows) == 475_594
    assert sum(row.trainable for row in rows) == 475_402


def test_genre_network_has_the_specified_shapes() -> None:
    """Each layer gives what Keras prints for it; 15 x 15 x 32 = 7,200 values are flattened."""
    assert genre_cnn().shapes() == (
        (128, 130, 1),
        *((126, 128, 32), (63, 64, 32), (63, 64, 32)),
        *((61, 62, 32), (31, 31, 32), (31, 31, 32)),
        *((30, 30, 32), (15, 15, 32), (15, 15, 32)),
        *((7200,), (64,), (64,), (10,)),
    )


def test_unnamed_layers_are_numbered_as_keras_does() -> None:
    """The first of a kind has the bare name, the second _1."""
    assert [layer.name for layer in genre_cnn().layers][::3] == [
        *("conv2d", "conv2d_1", "conv2d_2"),
        *("flatten", "dense_1"),
    ]
    assert "batch_normalization_2/moving_variance" in genre_cnn().weight_specs()


def test_a_given_name_is_kept() -> None:
    """A layer that a user named keeps its name in the weights."""
    network = Architecture((4, 4, 1), (Flatten(), Dense(3, name="genre")))
    assert list(network.weight_specs()) == ["genre/kernel", "genre/bias"]


@pytest.mark.parametrize("size", range(1, 41))
def test_same_padding_is_the_least_that_gives_every_window(size: int) -> None:
    """The definition, brute force: as little padding as leaves ceil(size / stride) windows, the odd one high."""
    for window in range(1, 6):
        for stride in range(1, 5):
            low, high = same_padding(size, window, stride)
            wanted = -(-size // stride)
            enough = [pad for pad in range(20) if size + pad >= (wanted - 1) * stride + window]
            assert (low + high, high - low) == (enough[0], enough[0] % 2)


def test_initial_weights_are_glorot_uniform_and_repeat_with_their_seed() -> None:
    """Kernels fill +-sqrt(6 / (fan_in + fan_out)) evenly, biases are zero, another seed gives other kernels."""
    network = genre_cnn()
    weights = network.initial_weights(3)
    kernel = weights["conv2d_1/kernel"]
    limit = np.sqrt(6 / (9 * 32 + 9 * 32))
    assert kernel.dtype == np.float32
    assert kernel.shape == (3, 3, 32, 32)
    assert 0.999 * limit < np.abs(kernel).max() <= limit
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)
    assert not weights["conv2d_1/bias"].any()
    assert (weights["batch_normalization/gamma"] == 1).all()
    assert (weights["batch_normalization/moving_variance"] == 1).all()
    again, other = network.initial_weights(3), network.initial_weights(4)
    assert all(np.array_equal(weights[name], again[name]) for name in weights)
    assert not np.array_equal(kernel, other["conv2d_1/kernel"])


def test_json_round_trip_keeps_everything() -> None:
    """What is written as JSON text reads back as an equal architecture with an equal fingerprint."""
    network = genre_cnn((96, 34), 7)
    again = Architecture.from_json(json.loads(json.dumps(network.to_json())))
    assert again == network
    assert again.fingerprint() == network.fingerprint()
    assert genre_cnn((96, 34), 8).fingerprint() != network.fingerprint()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": [{"kind": "LSTM"}]}, "LSTM"),
        ({"layers": [{"kind": "Dense", "units": 3, "use_bias": False}]}, "use_bias"),
        ({"layers": [{"kind": "Dense"}]}, "units"),
        ({"layers": [{"kind": "Conv2D", "filters": 2, "kernel_size": {}}]}, "kernel_size"),
        ({"layers": {}}, "list of layers"),
        ({"layers": []}, "at least one layer"),
        ({"input_shape": [4, 4]}, "input shape"),
        ({"prediction": "sigmoid"}, "sigmoid"),
        ({"extra": 1}, "extra"),
    ],
)
def test_json_that_is_not_an_architecture_is_refused(change: dict[str, object], message: str) -> None:
    """The message names what is wrong."""
    document = Architecture((4, 4, 1), (Flatten(), Dense(2))).to_json() | change
    with pytest.raises(ConfigError, match=message):
        Architecture.from_json(document)


@pytest.mark.parametrize(
    ("kind", "parameters", "field"),
    [
        (Conv2D, {"filters": 0, "kernel_size": (3, 3)}, "filters"),
        (Conv2D, {"filters": True, "kernel_size": (3, 3)}, "filters"),
        (Conv2D, {"filters": 2, "kernel_size": 3}, "kernel_size"),
        (Conv2D, {"filters": 2, "kernel_size": (3, 3), "padding": "SAME"}, "padding"),
        (Conv2D, {"filters": 2, "kernel_size": (3, 3), "activation": ["relu"]}, "activation"),
        (MaxPooling2D, {"pool_size": (2, 2), "strides": (0, 2)}, "strides"),
        (BatchNormalization, {"momentum": 1.5}, "momentum"),
        (BatchNormalization, {"epsilon": float("nan")}, "epsilon"),
        (BatchNormalization, {"running_variance": "unbiased"}, "running_variance"),
        (Dropout, {"rate": 1.0}, "rate"),
        (Flatten, {"order": "channels_first"}, "order"),
        (Dense, {"units": 2, "name": "a/b"}, "name"),
    ],
)
def test_layer_parameters_are_checked(kind: type, parameters: dict[str, object], field: str) -> None:
    """A wrong parameter is refused by name, whatever its type."""
    with pytest.raises(ConfigError, match=f"expected {field} to be"):
        kind(**parameters)


def test_every_parameter_of_every_kind_is_checked() -> None:
    """A nonsense value for any parameter of any layer kind is refused."""
    for kind in LAYER_KINDS.values():
        example, _ = kind.examples()[0]
        for field in dataclasses.fields(kind):
            with pytest.raises(ConfigError, match=f"{kind.__name__}: expected {field.name} to be"):
                dataclasses.replace(example, **{field.name: object()})  # type: ignore[arg-type]


def test_layers_that_do_not_fit_are_refused() -> None:
    """Too small inputs, a dense layer on a feature map, an end that is no vector, and a name used twice."""
    with pytest.raises(ConfigError, match=r"conv2d_2.*at least 2 x 2"):
        genre_cnn((12, 8))
    with pytest.raises(ConfigError, match="dense"):
        Architecture((4, 4, 1), (Dense(2),))
    with pytest.raises(ConfigError, match="one axis"):
        Architecture((4, 4, 1), (Conv2D(2, (2, 2)),))
    with pytest.raises(ConfigError, match="conv2d"):
        Architecture((4, 4, 1), (Flatten(), Conv2D(2, (2, 2))))
    with pytest.raises(ConfigError, match="twice"):
        Architecture((4, 4, 1), (Flatten(), Dense(2, name="a"), Dense(2, name="a")))


def test_weights_of_another_network_are_refused() -> None:
    """Missing, unknown, misshapen and non-finite tensors are named."""
    network = Architecture((2, 2, 1), (Flatten(), Dense(3)))
    weights = network.initial_weights(0)
    network.check_weights(weights)
    with pytest.raises(ConfigError, match=r"missing dense/bias.*unknown other"):
        network.check_weights({"dense/kernel": weights["dense/kernel"], "other": weights["dense/bias"]})
    with pytest.raises(ConfigError, match=r"dense/kernel: expected shape \(4, 3\), received \(3, 4\)"):
        network.check_weights(weights | {"dense/kernel": weights["dense/kernel"].T})
    with pytest.raises(ConfigError, match="NaN"):
        network.check_weights(weights | {"dense/bias": np.array([0, np.nan, 0])})


def test_the_first_layers_are_a_network() -> None:
    """Each prefix has the shapes of the whole; a flattening layer is put behind a feature map, and named."""
    network = genre_cnn((33, 20), 4)
    for count in range(1, len(network.layers) + 1):
        first, helper = network.prefix(count)
        assert first.layers[:count] == network.layers[:count]
        assert first.shapes()[: count + 1] == network.shapes()[: count + 1]
        assert bool(helper) == (len(network.shapes()[count]) == 3)
        assert [layer.name for layer in first.layers[count:]] == ([helper] if helper else [])
        assert helper not in [layer.name for layer in network.layers]


def test_without_dropout_only_the_rates_differ() -> None:
    """Names, order and weights stay."""
    network = genre_cnn((33, 20), 4)
    plain = network.without_dropout()
    assert [layer.name for layer in plain.layers] == [layer.name for layer in network.layers]
    assert [layer.rate for layer in plain.layers if isinstance(layer, Dropout)] == [0.0]
    assert plain.weight_specs() == network.weight_specs()
