"""Models within models within models, as Keras 3 writes them: how calls are counted, and where weights are kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.reading.builder import Builder
from genrebench.reading.graph import Graph, Tensor
from genrebench.reading.keras_file import KerasModel, read_keras
from tests.reading.files import KERAS_3, layer, values, write_keras

Document = dict[str, Any]


def tensor(name: str, number: int = 0, output: int = 0) -> Document:
    """Write a tensor of Keras 3."""
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, number, output]}}


def called(document: Document, *calls: Any, number: int | None = None) -> Document:
    """Write a layer with what it is called with, and the number by which a shared one is known."""
    nodes = [{"args": [call], "kwargs": {}} for call in calls]
    marked = {} if number is None else {"shared_object_id": number}
    return {**document, "module": "keras.layers", "registered_name": None, **marked,
            "name": document["config"]["name"], "inbound_nodes": nodes}  # fmt: skip


def dense(name: str, *calls: Any, units: int = 3, number: int | None = None) -> Document:
    """Write a Dense layer, called."""
    return called(layer("Dense", name, units=units, use_bias=False), *calls, number=number)


def given(name: str, length: int = 3) -> Document:
    """Write an input."""
    return called(layer("InputLayer", name, batch_shape=[None, length], dtype="float32"))


def functional(name: str, *layers: Document, inputs: Any, outputs: Any) -> Document:
    """Write a Functional model."""
    config = {"layers": list(layers), "input_layers": inputs, "output_layers": outputs}
    return layer("Functional", name, **config)


def inner() -> Document:
    """Write the innermost model, of one layer."""
    return functional("inner", given("i"), dense("d", tensor("i")), inputs=["i", 0, 0], outputs=["d", 0, 0])


def build(document: Document) -> Graph:
    """Build a graph of which everything should be understood."""
    graph = Builder(KERAS_3).build(document)
    assert graph.problems == []
    return graph


@pytest.mark.parametrize(("output", "end"), [(1, "inner/d"), (2, "inner/d:2")])
def test_outputs_count_the_calls_of_a_model_from_one_and_layers_from_zero(output: int, end: str) -> None:
    """Keras 3 counts the making of a Functional model in one place, and not in the other."""
    document = functional(
        "model",
        given("x"),
        called(inner(), tensor("x"), tensor("between")),
        dense("between", tensor("inner")),
        dense("behind", tensor("inner", 1)),
        inputs=[["x", 0, 0]],
        outputs=[["inner", output, 0], ["behind", 0, 0]],
    )
    graph = build(document)
    assert graph.outputs[0] == Tensor(end)
    assert graph.calls["behind"].inputs == (Tensor("inner/d:2"),)


def test_outputs_count_the_calls_of_a_sequential_from_zero() -> None:
    """As those of a layer."""
    nested = layer("Sequential", "inner", layers=[given("i"), dense("d")])
    document = functional(
        "model", given("x"), called(nested, tensor("x"), tensor("inner")), inputs=["x", 0, 0], outputs=["inner", 1, 0]
    )
    assert build(document).outputs == [Tensor("inner/d:2")]


def by_name(outer: Any, sources: Any) -> Document:
    """Write a model that gives another one its inputs by name."""
    nested = functional(
        "inner",
        given("b", 2),
        given("a", 3),
        dense("of_a", tensor("a")),
        dense("of_b", tensor("b")),
        inputs=sources,
        outputs={"z": ["of_a", 0, 0], "y": ["of_b", 0, 0]},
    )
    return functional(
        "model",
        given("p", 3),
        given("q", 2),
        called(nested, outer),
        dense("end", tensor("inner", 0, 0), units=2),
        inputs=[["p", 0, 0], ["q", 0, 0]],
        outputs=["end", 0, 0],
    )


@pytest.mark.parametrize(
    "sources", [{"b": ["b", 0, 0], "a": ["a", 0, 0]}, [["b", 0, 0], ["a", 0, 0]]], ids=["a dictionary", "a list"]
)
def test_a_model_may_be_given_its_inputs_by_name(sources: Any) -> None:
    """Outputs by name are counted in the order of their names."""
    graph = build(by_name({"b": tensor("q"), "a": tensor("p")}, sources))
    assert graph.calls["inner/of_a"].inputs == (Tensor("p"),)
    assert graph.calls["inner/of_b"].inputs == (Tensor("q"),)
    assert graph.calls["end"].inputs == (Tensor("inner/of_b"),)


def test_an_input_that_is_not_given_by_name_is_refused() -> None:
    """The input is named."""
    (problem,) = Builder(KERAS_3).build(by_name({"b": tensor("q")}, {"b": ["b", 0, 0], "a": ["a", 0, 0]})).problems
    assert "expected an input 'a' of the model" in str(problem)


def shared(*, marks_first: bool) -> Document:
    """Write a model whose layer ``d`` lies in two models of it, beside others; the second is marked at least."""
    one = functional("one", given("i"), dense("d", tensor("i"), number=7), inputs=["i", 0, 0], outputs=["d", 0, 0])
    first, own = dense("d", tensor("j"), number=7 if marks_first else None), dense("own", tensor("d"))
    two = functional("two", given("j"), first, own, inputs=["j", 0, 0], outputs=["own", 0, 0])
    return functional(
        "model",
        given("x"),
        called(two, tensor("x")),
        called(one, tensor("two")),
        dense("end", tensor("one"), units=2),
        inputs=["x", 0, 0],
        outputs=["end", 0, 0],
    )


def read(folder: Path, document: Document, **tensors: Any) -> KerasModel:
    """Read an archive of a model, whose weights are given by the numbers of their groups."""
    datasets = {f"layers/{name.replace('__', '/layers/')}/vars/0": value for name, value in tensors.items()}
    return read_keras(write_keras(folder / "model.keras", document, datasets))


@pytest.mark.parametrize("marks_first", [True, False])
def test_a_layer_in_two_models_is_one_whose_weights_are_kept_once(tmp_path: Path, marks_first: bool) -> None:
    """Keras numbers the second and, unless that was written before, the first."""
    document = shared(marks_first=marks_first)
    # As Keras saves, it comes by `two` first: the layer is kept there, and `one` has nothing left of its own.
    model = read(tmp_path, document, functional__dense=values(3, 3), functional__dense_1=-values(3, 3),
                 dense=values(3, 2))  # fmt: skip
    assert model.problems == ()
    assert [name for name in model.graph.calls if name.endswith("d") or ":" in name] == ["two/d", "two/d:2", "end"]
    np.testing.assert_array_equal(model.weights["two/d/kernel"], values(3, 3))
    np.testing.assert_array_equal(model.weights["two/own/kernel"], -values(3, 3))


def test_a_whole_model_in_two_models_is_kept_where_it_comes_first_in_the_file(tmp_path: Path) -> None:
    """Even if it is called elsewhere first."""
    first = called(inner(), tensor("m"), number=None)
    middle = functional("middle", given("m"), first, inputs=["m", 0, 0], outputs=["inner", 1, 0])
    marked = inner()
    marked["config"]["layers"][1]["shared_object_id"] = 8
    document = functional(
        "model",
        given("x"),
        called(middle, tensor("inner")),
        called(marked, tensor("x"), number=9),
        dense("end", tensor("middle"), units=2),
        inputs=["x", 0, 0],
        outputs=["end", 0, 0],
    )
    model = read(tmp_path, document, functional__functional__dense=values(3, 3), dense=values(3, 2))
    assert model.problems == ()
    assert list(model.graph.calls) == ["x", "inner/d", "inner/d:2", "end"]
    np.testing.assert_array_equal(model.weights["inner/d/kernel"], values(3, 3))


def test_layers_of_one_name_that_no_number_marks_are_two(tmp_path: Path) -> None:
    """Each has weights in the file."""
    document = shared(marks_first=False)
    del document["config"]["layers"][2]["config"]["layers"][1]["shared_object_id"]
    model = read(tmp_path, document, functional__dense=values(3, 3), functional__dense_1=-values(3, 3),
                 functional_1__dense=2 * values(3, 3), dense=values(3, 2))  # fmt: skip
    assert model.problems == ()
    np.testing.assert_array_equal(model.weights["one/d/kernel"], 2 * values(3, 3))


def in_three(second: int | None, *, units: int = 3) -> Document:
    """Write a model in three models of which a layer ``d`` lies; the last is marked, and the second perhaps."""
    models = []
    for name, number, width in (("one", None, 3), ("two", second, units), ("three", 7, 3)):
        inside = dense("d", tensor("i"), units=width, number=number)
        models.append(functional(name, given("i"), inside, inputs=["i", 0, 0], outputs=["d", 0, 0]))
    return functional(
        "model",
        given("x"),
        called(models[0], tensor("x")),
        called(models[1], tensor("x")),
        called(models[2], tensor("x")),
        inputs=["x", 0, 0],
        outputs=[["one", 1, 0], ["two", 1, 0], ["three", 1, 0]],
    )


def test_a_layer_that_may_be_one_or_another_is_refused(tmp_path: Path) -> None:
    """With both in the line, and the way out; the one before it may be any that was written down earlier."""
    model = read(tmp_path, in_three(None), functional__dense=values(3, 3), functional_1__dense=values(3, 3))
    line = str(model.problems[0])
    assert line.startswith("`three/d`: expected one layer that this is once more, received several: `one/d`, `two/d`")
    assert "names of their own" in line


def test_another_layer_of_the_name_is_no_candidate(tmp_path: Path) -> None:
    """If its settings are others, or if it was written down later."""
    model = read(tmp_path, in_three(None, units=2), functional__dense=values(3, 3), functional_1__dense=values(3, 2))
    assert model.problems == ()
    assert {each.layer.name for each in model.graph.calls.values()} == {"x", "three/d", "two/d"}
    document = in_three(None)
    layers = document["config"]["layers"]
    layers[2], layers[3] = layers[3], layers[2]  # the marked one is the second now
    model = read(tmp_path, document, functional__dense=values(3, 3), functional_2__dense=2 * values(3, 3))
    assert model.problems == ()
    np.testing.assert_array_equal(model.weights["two/d/kernel"], 2 * values(3, 3))
    assert "one/d/kernel" not in model.weights


def test_a_layer_in_three_models_is_one_where_the_first_is_not_marked(tmp_path: Path) -> None:
    """Two have the number, and neither can be the first: no model was being written down around both."""
    model = read(tmp_path, in_three(7), functional__dense=values(3, 3))
    assert model.problems == ()
    assert list(model.weights) == ["three/d/kernel"]
