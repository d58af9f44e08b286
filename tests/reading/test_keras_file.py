"""Files of each version and form, from the file to the weights."""

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from genrebench.errors import ModelError
from genrebench.reading.keras_file import KerasModel, read_keras
from tests.reading.files import (
    dense_h5,
    functional,
    input_layer,
    layer,
    node,
    sequential,
    values,
    write_h5,
    write_keras,
)


def _empty() -> bytes:
    """Write an HDF5 file with nothing in it."""
    buffer = BytesIO()
    h5py.File(buffer, "w").close()
    return buffer.getvalue()


HDF5 = _empty()
pytestmark = pytest.mark.usefixtures("in_process")


def understood(path: Path, **options: Any) -> KerasModel:
    """Read a file of which everything should be understood."""
    model = read_keras(path, **options)
    assert model.problems == ()
    return model


def test_an_h5_is_read(tmp_path: Path) -> None:
    """Version, layers, weights under canonical names, and the loss that it was trained with."""
    model = understood(dense_h5(tmp_path / "model.h5"))
    assert (model.container, model.version.numbers) == ("h5", (2, 4, 0))
    assert model.graph.parameters == 10
    assert list(model.weights) == ["dense/kernel", "dense/bias"]
    np.testing.assert_array_equal(model.weights["dense/kernel"], values(4, 2))
    assert model.loss == {"name": "mean_squared_error"}


@pytest.mark.parametrize("group", ["layers", "_layer_checkpoint_dependencies", "layers\\", "backslash"])
def test_both_layouts_of_keras_files_are_read(group: str, tmp_path: Path) -> None:
    """The group of 2.12 and 2.13, that of later ones, and the backslashes of Windows; numbers are not names."""
    config = sequential(
        layer("Dense", "second", units=3), layer("Dense", "first", units=2), layer("ReLU", "relu"), shape=(4,)
    )
    tensors = {"dense/vars/0": values(4, 3), "dense/vars/1": values(3), "dense_1/vars/0": values(3, 2)}
    tensors["dense_1/vars/1"] = values(2)
    mark = "\\" if group in ("layers\\", "backslash") else "/"
    name = group.rstrip("\\").replace("backslash", "_layer_checkpoint_dependencies")
    path = write_keras(tmp_path / "model.keras", config, {f"{name}{mark}{key}": each for key, each in tensors.items()})
    weights = understood(path).weights
    assert [weights[key].shape for key in ("second/kernel", "first/kernel")] == [(4, 3), (3, 2)]


def test_a_name_in_the_file_tells_layers_apart(tmp_path: Path) -> None:
    """Since 3.6 groups say whose they are, which counts more than their order."""
    config = sequential(layer("Dense", "a", units=4), layer("Dense", "b", units=4), shape=(4,))
    tensors: dict[str, Any] = {}
    for group, sign in (("dense", 1), ("dense_1", -1)):
        tensors |= {f"layers/{group}/vars/0": sign * values(4, 4), f"layers/{group}/vars/1": sign * values(4)}
    swapped = {"layers/dense/vars": "b", "layers/dense_1/vars": "a"}
    path = write_keras(tmp_path / "model.keras", config, tensors, names=swapped)
    assert understood(path).weights["a/kernel"][0, 0] == -1


def test_layers_without_weights_do_not_shift_the_others(tmp_path: Path) -> None:
    """Keras 2.12 counts twice: what holds nothing, or a random generator's state, is no layer's weights."""
    layers = (layer("Dense", "a", units=2), layer("Dropout", "drop", rate=0.5), layer("Dense", "b", units=1))
    config = sequential(*layers, shape=(3,))
    tensors = {"dense/vars/0": values(3, 2), "dense/vars/1": values(2), "dense_2/vars/0": values(2, 1)}
    tensors |= {"dense_2/vars/1": values(1), "dropout/seed_generator/vars/0": np.zeros(2, "u4")}
    path = write_keras(tmp_path / "m.keras", config, {f"layers/{key}": each for key, each in tensors.items()})
    assert understood(path).weights["b/kernel"].shape == (2, 1)


def test_a_nested_model_without_weights_has_no_group(tmp_path: Path) -> None:
    """Augmentation mostly is one; a layer whose name begins as another's does not lie in it."""
    augmentation = sequential(layer("RandomFlip", "flip"), layer("Rescaling", "scale", scale=0.5), shape=(4,))
    augmentation["config"]["name"] = "augmentation"
    config = sequential(
        augmentation, layer("ReLU", "block"), layer("Dense", "block/dense", units=2), layer("ReLU", "r"), shape=(4,)
    )
    tensors = {"layers/dense/vars/0": values(4, 2), "layers/dense/vars/1": values(2)}
    tensors |= {"layers/sequential/layers/random_flip/seed_generator/vars/0": np.zeros(2, "u4")}
    weights = understood(write_keras(tmp_path / "m.keras", config, tensors)).weights
    assert list(weights) == ["block/dense/kernel", "block/dense/bias"]


def test_parts_of_layers_are_told_apart(tmp_path: Path) -> None:
    """Forward and backward cells, and the projections of attention, which 2.x wrote with an underscore."""
    inner = layer("LSTM", "lstm", units=2, return_sequences=True, recurrent_activation="sigmoid")
    config = functional(
        input_layer("x", 5, 3),
        node("Bidirectional", "both", ["x"], layer=inner),
        node("MultiHeadAttention", "heads", [["both", 0, 0, {"value": ["both", 0, 0]}]], num_heads=2, key_dim=3),
        inputs=["x"],
        outputs=["heads"],
    )
    tensors: dict[str, Any] = {}
    for number, way in enumerate(("forward_layer", "backward_layer")):
        for index, shape in enumerate([(3, 8), (2, 8), (8,)]):
            tensors[f"layers/bidirectional/{way}/cell/vars/{index}"] = values(*shape) + 100 * number
    for number, part in enumerate(("_key_dense", "_output_dense", "_query_dense", "_value_dense")):
        shapes = [(2, 3, 4), (4,)] if part == "_output_dense" else [(4, 2, 3), (2, 3)]
        for index, shape in enumerate(shapes):
            tensors[f"layers/multi_head_attention/{part}/vars/{index}"] = values(*shape) + 100 * number
    weights = understood(write_keras(tmp_path / "model.keras", config, tensors, version="2.15.0")).weights
    assert [weights[f"both/{way}/bias"][0] for way in ("forward", "backward")] == [1, 101]
    parts = ("key", "attention_output", "query", "value")
    assert [weights[f"heads/{part}/bias"].flat[0] for part in parts] == [1, 101, 201, 301]


def test_weights_alone_ask_for_the_configuration(tmp_path: Path) -> None:
    """Without one there is one line that says how to give it; with one all is well, also under other names."""
    tensors = {"dense_7": {"dense_7/kernel:0": values(4, 2), "dense_7/bias:0": values(2)}}
    path = write_h5(tmp_path / "weights.h5", None, tensors)
    (problem,) = read_keras(path).problems
    assert "weights only" in str(problem)
    assert "--config FILE.json" in str(problem)
    config = sequential(layer("Dense", "dense", units=2), shape=(4,))
    (tmp_path / "model.json").write_text(json.dumps({**config, "keras_version": "2.3.1", "backend": "tensorflow"}))
    model = understood(path, config=tmp_path / "model.json")
    assert model.weights["dense/bias"].tolist() == [1, 2]
    assert "matched by order" in model.notes[0]


def test_a_list_of_layers_is_a_sequential(tmp_path: Path) -> None:
    """Up to 2.2 a Sequential's config was a bare list."""
    config = {"class_name": "Sequential", "config": [layer("Dense", "dense", units=2, batch_input_shape=[None, 4])]}
    tensors = {"dense": {"dense/kernel:0": values(4, 2), "dense/bias:0": values(2)}}
    understood(write_h5(tmp_path / "model.h5", config, tensors, version="2.1.6"))


def test_a_configuration_encoded_twice_is_read(tmp_path: Path) -> None:
    """As some files have it."""
    config = sequential(layer("Dense", "dense", units=2), shape=(4,))
    tensors = {"dense": {"dense/kernel:0": values(4, 2), "dense/bias:0": values(2)}}
    understood(write_h5(tmp_path / "model.h5", json.dumps(json.dumps(config)), tensors))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"class_name": "Network>Mine", "config": {}}, "a subclassed model"),
        ({"class_name": "Sequential", "config": {"layers": []}}, "expected a model with layers"),
        ({"class_name": "Sequential", "config": {"layers": [3]}}, "expected a layer, received 3"),
        (sequential(layer("Dense", "dense", units=2)), "expected the shape of the input"),
        (sequential(layer("Dense", "dense", units=10**9), shape=(10**6,)), r"at most 1,073,741,824 parameters"),
        (sequential(layer("RepeatVector", "r", n=10**9), shape=(4,)), r"tensors of at most 2,147,483,648 values"),
        (sequential(layer("Dense", "dense", units=-1), shape=(4,)), "units to be a positive whole number"),
        (sequential(layer("Dense", "dense", units=True), shape=(4,)), "units to be a positive whole number"),
        (sequential(layer("Dense", "a", units=1), layer("Dense", "a", units=1), shape=(4,)), "received one twice"),
        (sequential(layer("Dense", "n" * 501, units=1), shape=(4,)), "a layer's name of at most 500"),
        (sequential(layer("Dense", "dense", units=3), shape=(4,)), "expected the weights kernel"),
    ],
)
def test_hostile_configurations_give_one_line(config: Any, message: str, tmp_path: Path) -> None:
    """Nothing is allocated for a size that is claimed; each reason is said."""
    tensors = {"dense": {"dense/kernel:0": values(4, 2), "dense/bias:0": values(2)}}
    model = read_keras(write_h5(tmp_path / "model.h5", config, tensors))
    assert any(message.replace("\\", "") in str(problem) for problem in model.problems), model.problems
    assert model.weights == {}
    assert all("\n" not in str(problem) for problem in model.problems)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "__import__('os').system('id')", "a\nb\x1b[31m", "self", "kernel:0"]
)
def test_names_that_are_paths_or_code_are_only_names(name: str, tmp_path: Path) -> None:
    """They are read, looked up within the file, and printed with what cannot be printed escaped."""
    config = sequential(layer("Dense", name, units=2), shape=(4,))
    model = read_keras(write_h5(tmp_path / "model.h5", config, {"dense": {"kernel": values(4, 2), "bias": values(2)}}))
    assert model.problems == ()
    assert list(model.weights) == [f"{name}/kernel", f"{name}/bias"]
    broken = sequential(layer("Lambda", name), shape=(4,))
    (problem,) = read_keras(write_h5(tmp_path / "lambda.h5", broken, {})).problems
    assert str(problem).isprintable()


def test_weights_that_are_no_floats_are_refused(tmp_path: Path) -> None:
    """Quantized weights are no float weights of the same shape."""
    config = sequential(layer("Dense", "dense", units=2), shape=(4,))
    tensors = {"dense": {"dense/kernel:0": np.ones((4, 2), "i1"), "dense/bias:0": values(2)}}
    (problem,) = read_keras(write_h5(tmp_path / "model.h5", config, tensors)).problems
    assert "received int8 (kernel)" in str(problem)


def test_weights_that_are_not_finite_are_reported(tmp_path: Path) -> None:
    """A model that holds NaN is no model that can be proved equal to anything."""
    config = sequential(layer("Dense", "dense", units=2), shape=(4,))
    tensors = {"dense": {"dense/kernel:0": np.full((4, 2), np.nan, "f4"), "dense/bias:0": values(2)}}
    (problem,) = read_keras(write_h5(tmp_path / "model.h5", config, tensors)).problems
    assert "dense/kernel holds NaN" in str(problem)


def test_weights_of_keras_3_alone_are_read_with_a_configuration(tmp_path: Path) -> None:
    """As ``save_weights`` writes them, ``NAME.weights.h5``."""
    path = tmp_path / "model.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"], file["layers/dense/vars/1"] = values(4, 2), values(2)
    (problem,) = read_keras(path).problems
    assert "--config FILE.json" in problem.remedy
    config = tmp_path / "model.json"
    config.write_text(json.dumps(sequential(layer("Dense", "mine", units=2), shape=(4,)) | {"keras_version": "3.5.0"}))
    model = understood(path, config=config)
    assert model.version.text == "3.5.0"
    np.testing.assert_array_equal(model.weights["mine/kernel"], values(4, 2))


def test_damaged_metadata_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    """As any other part of it."""
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (("metadata.json", b"{"), ("config.json", b"{}"), ("model.weights.h5", HDF5)):
            archive.writestr(name, content)
    with pytest.raises(ModelError, match=r"expected metadata\.json as JSON") as caught:
        read_keras(path)
    assert caught.value.path == path


def test_an_activation_of_somebodys_own_has_a_way_out(tmp_path: Path) -> None:
    """Layers of Keras that do the same."""
    config = sequential(layer("Dense", "dense", units=2, activation="mine"), shape=(4,))
    (problem,) = read_keras(write_h5(tmp_path / "model.h5", config, {})).problems
    assert (problem.layer, "--replace NAME=FRAGMENT.json" in problem.remedy) == ("dense", True)


def test_damaged_json_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    """The file, and what is wrong with it."""
    path = write_h5(tmp_path / "model.h5", '{"class_name": ', {})
    with pytest.raises(ModelError, match="the model's config as JSON") as caught:
        read_keras(path)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("sparse_categorical_crossentropy", {"name": "sparse_categorical_crossentropy"}),
        ({"class_name": "function", "config": "mse"}, {"name": "mean_squared_error"}),
        (
            {"class_name": "BinaryCrossentropy", "config": {"from_logits": True, "name": "x"}},
            {"name": "binary_crossentropy", "from_logits": True},
        ),
        ("my_loss", None),
        ({"a": "mse", "b": "mae"}, None),
    ],
)
def test_a_known_loss_is_read(loss: Any, expected: Any, tmp_path: Path) -> None:
    """By word, function or class; another is left out."""
    config = sequential(layer("Dense", "dense", units=2), shape=(4,))
    tensors = {"dense": {"dense/kernel:0": values(4, 2), "dense/bias:0": values(2)}}
    path = write_h5(tmp_path / "model.h5", config, tensors, training_config=json.dumps({"loss": loss}))
    assert understood(path).loss == expected


def test_the_version_is_guessed_where_it_is_not_said(tmp_path: Path) -> None:
    """By what the configuration looks like; a note says so."""
    config = sequential(layer("Dense", "dense", output_dim=2, init="uniform", W_regularizer=None), shape=(4,))
    tensors = {"dense": {"dense_W": values(4, 2), "dense_b": values(2)}}
    path = write_h5(tmp_path / "model.h5", config, tensors, version=None)
    with h5py.File(path) as file:
        assert "keras_version" not in file.attrs
    model = understood(path)
    assert model.version.numbers[0] == 1
    assert "does not say" in model.notes[0]


@pytest.mark.parametrize(("version", "is_noted"), [("2.2.4-tf", True), ("2.3.1", True), ("2.4.0", False)])
def test_interpolation_of_before_tensorflow_2_is_noted(version: str, is_noted: bool, tmp_path: Path) -> None:
    """Which of two ways it was, such a file does not say."""
    config = sequential(layer("UpSampling2D", "up", size=[2, 2], interpolation="bilinear"), shape=(4, 4, 1))
    notes = understood(write_h5(tmp_path / "model.h5", config, {}, version=version)).notes
    assert any("half-pixel" in note for note in notes) == is_noted


def test_what_something_else_wrote_is_not_called_weights(tmp_path: Path) -> None:
    """HDF5 holds pictures and tables, too."""
    with h5py.File(tmp_path / "image.hdf5", "w") as file:
        file["image/data"] = values(3, 3)
        file["image"].attrs["name"] = "image"
    (problem,) = read_keras(tmp_path / "image.hdf5").problems
    assert str(problem).startswith("expected a model that Keras saved, found HDF5 that something else wrote")
    with h5py.File(tmp_path / "model.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = values(4, 2)
    (problem,) = read_keras(tmp_path / "model.weights.h5").problems
    assert "weights only" in str(problem)
