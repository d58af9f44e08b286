"""The architecture: shapes, parameters, names, initial weights, JSON."""

import json
from itertools import pairwise

import numpy as np
import pytest

from genrebench.errors import ConfigError
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.layers import (
    Conv2D,
    Dense,
    Dropout,
    Flatten,
)
from genrebench.network.node import INPUT


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


def test_initial_weights_are_glorot_uniform_and_repeat_with_their_seed() -> None:
    """The kernels fill +-sqrt(6 / (fan_in + fan_out)) evenly, biases are zero, another seed gives other kernels."""
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
        ({"layers": [{"kind": ["Dense"]}]}, "expected a layer with a kind of .*Dense.*, received {'kind': "),
        ({"layers": [{"units": 2}]}, "expected a layer with a kind of"),
        ({"layers": ["Dense"]}, "received 'Dense'"),
        ({"layers": {}}, "layers to be a list of at least one layer, received {}"),
        ({"layers": []}, r"layers to be a list of at least one layer, received \[\]"),
        ({"input_shape": [4, 4]}, r"input_shape to be an input shape \(height, width, channels\), received \[4, 4\]"),
        ({"input_shape": [4, 4, True]}, "input_shape"),
        ({"prediction": "sigmoid"}, "prediction to be softmax, received 'sigmoid'"),
        ({"extra": 1}, "extra"),
    ],
)
def test_json_that_is_not_an_architecture_is_refused(change: dict[str, object], message: str) -> None:
    """The message names what is wrong."""
    document = Architecture((4, 4, 1), (Flatten(), Dense(2))).to_json() | change
    with pytest.raises(ConfigError, match=message):
        Architecture.from_json(document)


def test_layers_that_do_not_fit_are_refused() -> None:
    """A dense layer on a feature map, an end that is no vector, and a name used twice."""
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
    with pytest.raises(ConfigError, match="dense/bias: expected floating-point weights, received int64"):
        network.check_weights(weights | {"dense/bias": np.zeros(3, np.int64)})


def test_what_is_no_document_is_refused() -> None:
    """Neither a list nor a document without one of the keys is an architecture."""
    document = Architecture((4, 4, 1), (Flatten(), Dense(2))).to_json()
    for wrong in ([document], {key: document[key] for key in ("input_shape", "layers")}):
        with pytest.raises(
            ConfigError, match=r"architecture: expected the keys \['input_shape', 'layers', 'prediction'"
        ):
            Architecture.from_json(wrong)


def test_walking_says_what_each_layer_reads_and_holds() -> None:
    """The first reads the network's input, every other the one before; weights are listed in the network's order."""
    network = genre_cnn((33, 20), 4)
    nodes = network.walk()
    assert nodes[0].inputs == (INPUT,)
    assert nodes[0].input_shape == network.input_shape
    for before, node in pairwise(nodes):
        assert (node.inputs, node.input_shapes) == ((before.name,), (before.output_shape,))
        assert node.output_shape == node.layer.output_shape(before.output_shape)
    specs = network.weight_specs()
    assert [name for node in nodes for name in node.weights] == list(specs)
    assert {*network.trainable} | {*network.statistics} == specs.keys()
    assert {name.rpartition("/")[2] for name in network.statistics} == {"moving_mean", "moving_variance"}
    assert (network.output, network.classes) == (nodes[-1].name, 4)


def test_a_node_knows_its_weights() -> None:
    """By their names within the layer, and how many values they hold."""
    network = genre_cnn((33, 20), 4)
    node, weights = network.node("batch_normalization_1"), network.initial_weights(0)
    own = node.own(weights)
    assert list(own) == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert own["moving_mean"] is weights["batch_normalization_1/moving_mean"]
    assert (node.kind, node.parameters, node.trainable_parameters) == ("BatchNormalization", 128, 64)


def test_no_layer_can_be_called_like_the_networks_input() -> None:
    """So that names of nodes are never ambiguous."""
    with pytest.raises(ConfigError, match="name"):
        Flatten(name=INPUT)


def test_the_first_layers_are_a_network() -> None:
    """Each prefix has the shapes of the whole; a flattening layer is put behind a feature map, and named."""
    network = genre_cnn((33, 20), 4)
    for count, node in enumerate(network.walk(), start=1):
        first, helper = network.prefix(count)
        assert first.walk()[:count] == network.walk()[:count]
        assert bool(helper) == (len(node.output_shape) == 3)
        assert [each.name for each in first.walk()[count:]] == ([helper] if helper else [])
        assert helper not in [each.name for each in network.walk()]


def test_without_dropout_only_the_rates_differ() -> None:
    """Names, order and weights stay."""
    network = genre_cnn((33, 20), 4)
    plain = network.without_dropout()
    assert [layer.name for layer in plain.layers] == [layer.name for layer in network.layers]
    assert [layer.rate for layer in plain.layers if isinstance(layer, Dropout)] == [0.0]
    assert plain.weight_specs() == network.weight_specs()
