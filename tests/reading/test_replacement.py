"""Layers that are code, and what somebody says of them: expressions, layers of Keras, whole models."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.errors import ConfigError, GenrebenchError, ModelError
from genrebench.reading.graph import Tensor
from genrebench.reading.keras_file import KerasModel, read_keras
from tests.reading.files import functional, input_layer, layer, node, sequential, values, write_h5, write_keras

pytestmark = pytest.mark.usefixtures("in_process")
CODE: dict[str, Any] = {"function": ["4wEAAAA=", None, None], "function_type": "lambda"}
DENSE = {"dense/kernel:0": values(4, 2), "dense/bias:0": values(2)}


def understood(path: Path, **options: Any) -> KerasModel:
    """Read a file of which everything should be understood."""
    model = read_keras(path, **options)
    assert model.problems == ()
    return model


def with_lambda(folder: Path, **config: Any) -> Path:
    """Write a model with a Lambda behind its input."""
    document = sequential(layer("Lambda", "scale", **CODE, **config), layer("Dense", "dense", units=2), shape=(4,))
    return write_h5(folder / "model.h5", document, {"dense": DENSE})


def test_an_expression_stands_for_a_lambda(tmp_path: Path) -> None:
    """Step by step; the last one bears the layer's name, and a note says what was asked for."""
    path = with_lambda(tmp_path)
    (problem,) = read_keras(path).problems
    assert '--replace NAME="x / 255 - 0.5"' in problem.remedy
    model = understood(path, replace={"scale": "x / 255 - 0.5"})
    graph = model.graph
    assert list(graph.calls) == ["scale_input", "scale/divide", "scale", "dense"]
    assert graph.calls["scale"].inputs == (Tensor("scale/divide"),)
    assert graph.calls["dense"].inputs == (Tensor("scale"),)
    steps = [graph.layers[name].kind.settings() for name in ("scale/divide", "scale")]  # type: ignore[union-attr]
    assert [(step["operator"], step["number"]) for step in steps] == [("divide", 255.0), ("subtract", 0.5)]
    assert model.notes == ("`scale` is read as x / 255 - 0.5, as it was asked for",)


def test_a_shared_lambda_in_a_nested_model_is_replaced_at_each_call(tmp_path: Path) -> None:
    """Its name is that of the model and its own; its steps are shared, too."""
    inner = functional(
        input_layer("i", 4), node("Lambda", "half", ["i"], **CODE), inputs=["i"], outputs=[["half", 0, 0]]
    )
    inner["config"]["name"] = "inner"
    document = functional(
        input_layer("x", 4),
        {**inner, "name": "inner", "inbound_nodes": [[["x", 0, 0, {}]], [["inner", 1, 0, {}]]]},
        inputs=["x"],
        outputs=[["inner", 2, 0]],
    )
    graph = understood(write_h5(tmp_path / "model.h5", document, {}), replace={"inner/half": "x / 2 + x"}).graph
    assert list(graph.layers) == ["x", "inner/half/divide", "inner/half"]
    assert graph.calls["inner/half:2"].inputs == (Tensor("inner/half/divide:2"), Tensor("inner/half"))


def fragment(folder: Path, content: Any) -> Path:
    """Write a fragment."""
    path = folder / "fragment.json"
    path.write_text(json.dumps(content))
    return path


def test_a_layer_of_keras_stands_for_a_class_of_somebodys_own(tmp_path: Path) -> None:
    """With the weights that the file has for it, under the layer's own name."""
    document = functional(input_layer("x", 4), {**node("Mine", "mine", ["x"], width=2)}, inputs=["x"], outputs=["mine"])
    path = write_h5(tmp_path / "model.h5", document, {"mine": {"mine/w:0": values(4, 2), "mine/v:0": values(2)}})
    (problem,) = read_keras(path).problems
    assert "--replace NAME=FRAGMENT.json" in problem.remedy
    model = understood(path, replace={"mine": fragment(tmp_path, layer("Dense", "whatever", units=2))})
    assert list(model.weights) == ["mine/kernel", "mine/bias"]
    assert model.graph.calls["mine"].inputs == (Tensor("x"),)


def test_a_list_of_layers_stands_for_one(tmp_path: Path) -> None:
    """In the legacy layout by order and shape."""
    document = sequential(layer("Mine", "mine"), layer("Dense", "dense", units=2), shape=(3,))
    tensors = {"mine/a:0": values(3, 4), "mine/b:0": values(4)}
    path = write_h5(tmp_path / "model.h5", document, {"mine": tensors, "dense": DENSE})
    layers = [layer("Dense", "inner", units=4), {"class_name": "ReLU", "config": {}}]
    model = understood(path, replace={"mine": str(fragment(tmp_path, layers))})
    assert list(model.graph.calls) == ["mine_input", "mine/inner", "mine/relu_1", "dense"]
    assert list(model.weights)[:2] == ["mine/inner/kernel", "mine/inner/bias"]


def test_weights_of_a_replaced_layer_are_found_by_the_attributes_of_its_class(tmp_path: Path) -> None:
    """In a ``.keras`` the group bears the class's name, and holds groups named as its attributes are."""
    document = sequential(layer("Mine", "mine"), layer("Dense", "dense", units=2), shape=(3,))
    document["config"]["layers"][0]["registered_name"] = "Custom>Mine"
    tensors = {f"layers/dense/vars/{key}": each for key, each in enumerate(DENSE.values())}
    for name, scale in (("first", 1), ("second", 10)):
        tensors |= {f"layers/mine/{name}/vars/0": scale * values(3, 3), f"layers/mine/{name}/vars/1": values(3)}
    tensors |= {"layers/dense/vars/0": values(3, 2)}
    path = write_keras(tmp_path / "model.keras", document, tensors)
    # Called in another order than the alphabet's.
    layers = [layer("Dense", "second", units=3), layer("Dense", "first", units=3)]
    model = understood(path, replace={"mine": fragment(tmp_path, layers)})
    np.testing.assert_array_equal(model.weights["mine/first/kernel"], values(3, 3))
    np.testing.assert_array_equal(model.weights["mine/second/kernel"], 10 * values(3, 3))
    model = understood(path, replace={"mine": fragment(tmp_path, sequential(*layers))})
    np.testing.assert_array_equal(model.weights["mine/second/kernel"], 10 * values(3, 3))
    wrong = fragment(tmp_path, [layer("Dense", "third", units=3)])
    (problem,) = read_keras(path, replace={"mine": wrong}).problems
    assert "first, second" in str(problem)


def test_what_an_expression_replaces_has_one_input(tmp_path: Path) -> None:
    """A merge is no expression in x."""
    document = functional(
        input_layer("x", 4), input_layer("y", 4), node("Lambda", "l", ["x", "y"], **CODE), inputs=["x", "y"],
        outputs=["l"],
    )  # fmt: skip
    (problem,) = read_keras(write_h5(tmp_path / "model.h5", document, {}), replace={"l": "x + 1"}).problems
    assert "expected one input" in str(problem)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("scal", "did you mean scale?"), ("nothing alike", "did you mean scale?"), ("../x", "did you mean scale?")],
)
def test_a_name_that_no_layer_has_is_refused(name: str, hint: str, tmp_path: Path) -> None:
    """Near ones are named, or else those that are not understood."""
    with pytest.raises(ConfigError) as caught:
        read_keras(with_lambda(tmp_path), replace={name: "x"})
    assert str(caught.value).endswith(hint)


def test_where_all_is_understood_a_wrong_name_is_refused_all_the_same(tmp_path: Path) -> None:
    """The command that lists the names is told."""
    with pytest.raises(ConfigError, match="genrebench inspect lists"):
        read_keras(with_lambda(tmp_path), replace={"scale": "x", "zzz": "x"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "a layer of Keras as JSON"),
        ("[]", "at least one layer"),
        ("3", "a layer of Keras as a JSON object"),
        ('{"a": 1}', "expected a layer with class_name"),
        ('[{"class_name": "Dense", "config": {"units": 1, "units": 2}}]', "units"),
    ],
)
def test_a_fragment_that_is_none_is_refused(content: str, message: str, tmp_path: Path) -> None:
    """The error names the file."""
    path = tmp_path / "fragment.json"
    path.write_text(content)
    with pytest.raises(ModelError, match=message) as caught:
        read_keras(with_lambda(tmp_path), replace={"scale": path})
    assert caught.value.path == path


def test_a_fragment_is_trusted_no_more_than_a_file(tmp_path: Path) -> None:
    """Code in it is refused, and so are files that are not there and expressions that are none."""
    path = with_lambda(tmp_path)
    (problem,) = read_keras(path, replace={"scale": fragment(tmp_path, layer("Lambda", "l", **CODE))}).problems
    assert problem.layer == "scale"
    assert "Python code" in problem.reason
    for value in ("absent.json", tmp_path / "absent", "open('x')"):
        with pytest.raises(GenrebenchError):
            read_keras(path, replace={"scale": value})


CLIPPED = {"class_name": "ReLU", "config": {"max_value": 20, "negative_slope": 0.1}}


@pytest.mark.parametrize(
    "own", ["<lambda>", {"class_name": "function", "config": "<lambda>", "registered_name": "a>b"}]
)
def test_a_layer_stands_for_an_activation_wherever_it_is_named(own: Any, tmp_path: Path) -> None:
    """In a layer, in the gates of another, in a wrapper and in Activation; those of Keras stay."""
    inner = layer("LSTM", "lstm", units=2, activation="tanh", recurrent_activation=own, return_sequences=True)
    document = sequential(
        layer("Conv1D", "conv", filters=2, kernel_size=1, activation=own),
        layer("TimeDistributed", "steps", layer=layer("Dense", "inner", units=2, activation=own)),
        layer("Bidirectional", "both", layer=inner),
        layer("Activation", "last", activation=own),
        shape=(5, 4),
    )
    path = write_h5(tmp_path / "model.h5", document, {})
    problems = read_keras(path).problems
    assert len(problems) == 4
    assert all("a function of somebody's own" in each.reason and "ReLU" in each.remedy for each in problems)
    (tmp_path / "clipped.json").write_text(json.dumps(CLIPPED))
    model = read_keras(path, replace={"<lambda>": tmp_path / "clipped.json"})
    assert "<lambda>" in model.notes[-1]
    kinds = {name: each.kind for name, each in model.graph.layers.items() if each.kind}
    clipped = {"name": "relu", "max_value": 20.0, "negative_slope": 0.1, "threshold": 0.0}
    found: Any = kinds["conv"]
    assert found.activation == clipped
    found = kinds["both"]
    assert (found.layer.activation, found.layer.recurrent_activation) == ("tanh", clipped)
    found = kinds["last"]
    assert found.activation == clipped
    with pytest.raises(ModelError, match="expected a layer in place of the activation '<lambda>', received an expres"):
        read_keras(path, replace={"<lambda>": "x / 2"})
    with pytest.raises(ConfigError, match="did you mean <lambda>"):
        read_keras(path, replace={"<lambd>": tmp_path / "clipped.json"})
    with pytest.raises(ConfigError, match="expected the name of a layer to replace, received"):
        read_keras(path, replace={"relu": tmp_path / "clipped.json"})
