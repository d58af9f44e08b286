"""Weights in an ``.h5``: names of every version, orders, and layouts that later versions convert."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from genrebench.reading.keras_file import read_keras
from tests.reading.files import Weights, functional, input_layer, layer, node, sequential, values, write_h5

pytestmark = pytest.mark.usefixtures("in_process")


def read(tmp_path: Path, config: Any, weights: Weights, version: str, **attributes: Any) -> dict[str, NDArray[Any]]:
    """Write and read a model of which everything should be understood."""
    model = read_keras(write_h5(tmp_path / "model.h5", config, weights, version, **attributes))
    assert model.problems == ()
    return model.weights


def test_gates_of_keras_1_come_into_order(tmp_path: Path) -> None:
    """An LSTM had twelve arrays in the order i, c, f, o; today it is one each in the order i, f, c, o."""
    config = sequential(layer("LSTM", "lstm_1", output_dim=2, inner_activation="hard_sigmoid"), shape=(5, 3))
    weights = {}
    for number, gate in enumerate("icfo"):
        for part, shape in (("W", (3, 2)), ("U", (2, 2)), ("b", (2,))):
            weights[f"lstm_1_{part}_{gate}"] = np.full(shape, number, "f4")
    found = read(tmp_path, config, {"lstm_1": weights}, "1.2.2")
    for part in ("kernel", "recurrent_kernel"):
        assert found[f"lstm_1/{part}"][0].tolist() == [0, 0, 2, 2, 1, 1, 3, 3]
    assert found["lstm_1/bias"].tolist() == [0, 0, 2, 2, 1, 1, 3, 3]


def test_gates_within_a_wrapper_of_keras_1_come_into_order(tmp_path: Path) -> None:
    """Both halves of a bidirectional GRU."""
    inner = layer("GRU", "gru_1", output_dim=2, inner_activation="sigmoid", return_sequences=True)
    config = sequential(layer("Bidirectional", "both", layer=inner, merge_mode="concat"), shape=(5, 3))
    weights = {}
    for way, base in (("forward", 0), ("backward", 10)):
        for number, gate in enumerate("zrh"):
            for part, shape in (("W", (3, 2)), ("U", (2, 2)), ("b", (2,))):
                weights[f"{way}_gru_1_{part}_{gate}"] = np.full(shape, base + number, "f4")
    found = read(tmp_path, config, {"both": weights}, "1.2.2")
    assert found["both/forward/bias"].tolist() == [0, 0, 1, 1, 2, 2]
    assert found["both/backward/kernel"][0].tolist() == [10, 10, 11, 11, 12, 12]


@pytest.mark.parametrize("stored", [(3, 1, 2, 4), (4, 2, 3, 1)])
def test_kernels_along_time_of_keras_1_are_turned(stored: tuple[int, ...], tmp_path: Path) -> None:
    """With an axis of 1, in the order of 1.2 and in that of 1.0."""
    config = sequential(layer("Convolution1D", "c", nb_filter=4, filter_length=3, border_mode="valid"), shape=(7, 2))
    kernel = values(3, 2, 4)
    old = kernel[:, None] if stored[1] == 1 else kernel.transpose(2, 1, 0)[..., None]
    found = read(tmp_path, config, {"c": {"c_W": old, "c_b": values(4)}}, "1.2.2")
    np.testing.assert_array_equal(found["c/kernel"], kernel)


def test_kernels_of_channels_first_are_turned(tmp_path: Path) -> None:
    """Keras 1 stored them as [out, in, height, width] where images had their channels first."""
    options = {"nb_filter": 4, "nb_row": 3, "nb_col": 5, "dim_ordering": "th"}
    config = sequential(layer("Convolution2D", "c", **options), shape=(2, 9, 9))
    kernel = values(3, 5, 2, 4)
    found = read(tmp_path, config, {"c": {"c_W": kernel.transpose(3, 2, 0, 1), "c_b": values(4)}}, "1.2.2")
    np.testing.assert_array_equal(found["c/kernel"], kernel)


def test_kernels_whose_axes_are_of_one_length_are_turned_all_the_same(tmp_path: Path) -> None:
    """It is the place of the channels that decides, not the shape."""
    for ordering, shape, turned in (("th", (3, 7, 7), True), ("tf", (7, 7, 3), False)):
        options = {"nb_filter": 3, "nb_row": 3, "nb_col": 3, "dim_ordering": ordering}
        config = sequential(layer("Convolution2D", "c", **options), shape=shape)
        stored = values(3, 3, 3, 3)
        found = read(tmp_path, config, {"c": {"c_W": stored, "c_b": values(3)}}, "1.2.2")
        np.testing.assert_array_equal(found["c/kernel"], stored.transpose(2, 3, 1, 0) if turned else stored)


@pytest.mark.parametrize("filters", [2, 3])
def test_transposed_kernels_of_keras_1_are_turned(filters: int, tmp_path: Path) -> None:
    """It stored them as [height, width, in, out], today's order is [height, width, out, in]."""
    options = {"nb_filter": filters, "nb_row": 3, "nb_col": 3, "dim_ordering": "tf", "subsample": [2, 2]}
    config = sequential(layer("Deconvolution2D", "d", **options, output_shape=[None, 9, 9, filters]), shape=(4, 4, 3))
    stored = values(3, 3, 3, filters)
    found = read(tmp_path, config, {"d": {"d_W": stored, "d_b": values(filters)}}, "1.2.2")
    np.testing.assert_array_equal(found["d/kernel"], stored.transpose(0, 1, 3, 2))


def test_kernels_of_theano_are_mirrored(tmp_path: Path) -> None:
    """Theano convolved, where TensorFlow correlates; other layers' kernels stay."""
    config = sequential(
        layer("Conv2D", "c", filters=2, kernel_size=[2, 3], padding="valid"),
        layer("Flatten", "f"),
        layer("Dense", "d", units=1),
        shape=(4, 5, 1),
    )
    weights = {
        "c": {"c/kernel:0": values(2, 3, 1, 2), "c/bias:0": values(2)},
        "d": {"d/kernel:0": values(18, 1), "d/bias:0": values(1)},
    }
    found = read(tmp_path, config, weights, "2.1.6", backend="theano")
    np.testing.assert_array_equal(found["c/kernel"], values(2, 3, 1, 2)[::-1, ::-1])
    np.testing.assert_array_equal(found["d/kernel"], values(18, 1))


def test_the_layout_of_cudnn_is_undone(tmp_path: Path) -> None:
    """As Keras 2.15 converts: kernels of each gate from Fortran's order, recurrent ones transposed, biases added."""
    config = sequential(layer("CuDNNLSTM", "lstm", units=2, return_sequences=False), shape=(5, 3))
    gates = [values(3, 2) + 10 * gate for gate in range(4)]
    recurrent = [values(2, 2) + 10 * gate for gate in range(4)]
    # The inverse of the conversion, as Keras' own has it.
    stored = np.hstack([gate.T.reshape(gate.shape, order="C") for gate in gates])
    weights = {
        "lstm/kernel:0": stored,
        "lstm/recurrent_kernel:0": np.hstack([gate.T for gate in recurrent]),
        "lstm/bias:0": values(16),
    }
    found = read(tmp_path, config, {"lstm": weights}, "2.2.4")
    np.testing.assert_array_equal(found["lstm/kernel"], np.hstack(gates))
    np.testing.assert_array_equal(found["lstm/recurrent_kernel"], np.hstack(recurrent))
    np.testing.assert_array_equal(found["lstm/bias"], values(16)[:8] + values(16)[8:])


def test_both_biases_of_a_cudnn_gru_stay(tmp_path: Path) -> None:
    """They become the rows of a GRU that resets after the product."""
    config = sequential(layer("CuDNNGRU", "gru", units=2), shape=(5, 3))
    weights = {"gru/kernel:0": values(3, 6), "gru/recurrent_kernel:0": values(2, 6), "gru/bias:0": values(12)}
    found = read(tmp_path, config, {"gru": weights}, "2.2.4")
    np.testing.assert_array_equal(found["gru/bias"], values(2, 6))


def test_names_count_more_than_order(tmp_path: Path) -> None:
    """A frozen layer's weights stand behind the others; names of a copied session have other numbers."""
    config = sequential(layer("BatchNormalization", "bn", axis=[1], momentum=0.9, epsilon=1e-3), shape=(3,))
    names = ("moving_mean", "moving_variance", "beta", "gamma")
    weights = {f"bn_1_1/{name}:0": np.full(3, number, "f4") for number, name in enumerate(names)}
    found = read(tmp_path, config, {"bn": weights}, "2.4.0")
    assert [found[f"bn/{name}"][0] for name in names] == [0, 1, 2, 3]


def test_weights_of_nested_models_are_found_by_layer(tmp_path: Path) -> None:
    """Also where two layers have the same shape, and what is not trained stands at the end."""
    inner = functional(
        input_layer("in", 3),
        node("Dense", "a", ["in"], units=3, trainable=False),
        node("Dense", "b", ["a"], units=3),
        inputs=["in"],
        outputs=["b"],
    )
    inner["config"]["name"] = "enc"
    outer = functional(
        input_layer("x", 3),
        {**inner, "name": "enc", "inbound_nodes": [[["x", 0, 0, {}]]]},
        inputs=["x"],
        outputs=[["enc", 1, 0]],
    )
    stored = {"b/kernel:0": values(3, 3), "b/bias:0": values(3), "a/kernel:0": -values(3, 3), "a/bias:0": -values(3)}
    found = read(tmp_path, outer, {"enc": stored}, "2.4.0")
    assert found["enc/a/bias"].tolist() == [-1, -2, -3]
    plain = {f"w{number}": value for number, value in enumerate(stored.values())}
    found = read(tmp_path, outer, {"enc": plain}, "2.4.0")
    assert found["enc/a/bias"].tolist() == [-1, -2, -3]
    assert found["enc/b/bias"].tolist() == [1, 2, 3]


def test_layers_with_slashes_in_their_names_are_found(tmp_path: Path) -> None:
    """HDF5 takes them for groups."""
    config = sequential(layer("Dense", "block/a", units=2), layer("Dense", "block/b", units=2), shape=(2,))
    weights = {
        name: {f"{name}/kernel:0": values(2, 2) * sign, f"{name}/bias:0": values(2) * sign}
        for name, sign in (("block/a", 1), ("block/b", -1))
    }
    found = read(tmp_path, config, weights, "2.4.0")
    assert found["block/b/bias"].tolist() == [-1, -2]
