"""Graphs: who reads what, in every form; cycles, nested and shared models."""

from typing import Any

import pytest

from genrebench.reading.builder import Builder
from genrebench.reading.graph import Graph, Tensor
from tests.reading.files import KERAS_1, KERAS_2, KERAS_3, functional, input_layer, layer, node, sequential


def build(document: Any, version: Any = KERAS_2) -> Graph:
    """Build a graph of which everything should be understood."""
    graph = Builder(version).build(document)
    assert graph.problems == []
    return graph


def tensor(name: str, number: int = 0, output: int = 0) -> dict[str, Any]:
    """Write a tensor of Keras 3."""
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, number, output]}}


def newer(class_name: str, name: str, *args: Any, module: str = "keras.layers", **config: Any) -> dict[str, Any]:
    """Write a layer of Keras 3, called once."""
    document = {**layer(class_name, name, dtype="float32", **config), "module": module, "registered_name": None}
    return {**document, "name": name, "inbound_nodes": [{"args": list(args), "kwargs": {}}]}


def test_layers_are_called_after_what_they_read() -> None:
    """Whatever their order in the file."""
    graph = build(
        functional(
            node("Add", "sum", ["b", "a"]),
            node("Dense", "b", ["a"], units=4),
            node("Dense", "a", ["x"], units=4),
            input_layer("x", 3),
            inputs=["x"],
            outputs=["sum"],
        )
    )
    assert list(graph.calls) == ["x", "a", "b", "sum"]
    assert graph.calls["sum"].inputs == (Tensor("b"), Tensor("a"))
    assert graph.outputs == [Tensor("sum")]


def test_a_shared_layer_is_one_layer_with_two_calls() -> None:
    """Its weights are counted once."""
    graph = build(
        functional(
            input_layer("x", 3),
            input_layer("y", 3),
            node("Dense", "shared", ["x"], ["y"], units=2),
            node("Concatenate", "both", [["shared", 0, 0, {}], ["shared", 1, 0, {}]], axis=-1),
            inputs=["x", "y"],
            outputs=["both"],
        )
    )
    assert graph.parameters == 8
    assert graph.calls["both"].inputs == (Tensor("shared"), Tensor("shared:2"))


def shared_model(inbound: list[Any], first: int) -> dict[str, Any]:
    """Write a model that calls an inner one twice; the calls are counted from 0 or 1."""
    inner = sequential(layer("Dense", "d", units=3), shape=(3,))
    inner["config"]["name"] = "inner"
    ends = [[["inner", first, 0, {}], ["inner", first + 1, 0, {}]]]
    return functional(
        input_layer("x", 3),
        {**inner, "name": "inner", "inbound_nodes": inbound},
        {**node("Add", "sum"), "inbound_nodes": ends},
        inputs=["x"],
        outputs=["sum"],
    )


@pytest.mark.parametrize("first", [0, 1])
def test_a_shared_model_is_unfolded_at_each_call(first: int) -> None:
    """Versions count the calls of a model from 0 or from 1."""
    graph = build(shared_model([[["x", 0, 0, {}]], [["inner", first, 0, {}]]], first))
    assert list(graph.layers) == ["x", "inner/d", "sum"]
    assert graph.calls["inner/d:2"].inputs == (Tensor("inner/d"),)
    assert graph.parameters == 12


def test_fan_out_is_not_unfolded_without_end() -> None:
    """A model within a model, each called twice, thirty deep, would be a thousand million calls."""
    document = sequential(layer("ReLU", "r"), shape=(2,))
    document["config"]["name"] = "m0"
    for depth in range(1, 31):
        name = f"m{depth - 1}"
        document = functional(
            input_layer("x", 2),
            {**document, "name": name, "inbound_nodes": [[["x", 0, 0, {}]], [[name, 0, 0, {}]]]},
            inputs=["x"],
            outputs=[[name, 1, 0]],
        )
        document["config"]["name"] = f"m{depth}"
    (problem,) = Builder(KERAS_2).build(document).problems
    assert "nested at most 12 deep" in str(problem)


HOSTILE: dict[str, tuple[Any, str]] = {
    "a cycle": (
        functional(
            input_layer("x", 3),
            node("Add", "a", ["x", "b"]),
            node("Dense", "b", ["a"], units=3),
            inputs=["x"],
            outputs=["b"],
        ),
        "does not",
    ),
    "a dangling input": (
        functional(input_layer("x", 3), node("Dense", "a", ["nobody"], units=3), inputs=["x"], outputs=["a"]),
        "does not",
    ),
    "another node": (
        functional(input_layer("x", 3), node("Dense", "a", ["x"], units=3), inputs=["x"], outputs=[["a", 7, 0]]),
        "the output `a`",
    ),
    "a negative node": (
        functional(input_layer("x", 3), node("Dense", "a", [["x", -1, 0, {}]], units=3), inputs=["x"], outputs=["a"]),
        "expected [layer, node, tensor",
    ),
    "an absent input": (
        functional(node("Dense", "a", ["x"], units=3), inputs=["x"], outputs=["a"]),
        "among the layers",
    ),
    "nodes that are none": (
        functional(input_layer("x", 3), {**node("ReLU", "a"), "inbound_nodes": 5}, inputs=["x"], outputs=["a"]),
        "inbound_nodes as a list",
    ),
    "shapes that do not fit": (
        functional(
            input_layer("x", 3), input_layer("y", 4), node("Add", "a", ["x", "y"]), inputs=["x", "y"], outputs=["a"]
        ),
        "`a`: expected inputs of one shape",
    ),
    "a shared layer that does not fit": (
        functional(
            input_layer("x", 3),
            input_layer("y", 4),
            node("Dense", "a", ["x"], ["y"], units=2),
            inputs=["x", "y"],
            outputs=["a"],
        ),
        "`a`: expected every call of a shared layer",
    ),
}


@pytest.mark.parametrize(("document", "message"), HOSTILE.values(), ids=HOSTILE)
def test_graphs_that_are_none_give_a_line(document: Any, message: str) -> None:
    """Cycles, dangling references, wrong numbers."""
    problems = Builder(KERAS_2).build(document).problems
    assert any(message in str(each) for each in problems), problems


def test_calls_of_keras_3_are_read() -> None:
    """Tensors by their history, operators between tensors as layers, numbers as numbers."""
    graph = build(
        functional(
            newer("InputLayer", "x", batch_shape=[None, 3]) | {"inbound_nodes": []},
            newer("Dense", "d", tensor("x"), units=3),
            newer("Add", "add", tensor("d"), tensor("x"), module="keras.src.ops.numpy"),
            newer("TrueDivide", "divide", tensor("add"), 255.0, module="keras.src.ops.numpy"),
            newer("Subtract", "subtract", 1.0, tensor("divide"), module="keras.src.ops.numpy"),
            newer("Add", "layer", [tensor("divide"), tensor("subtract")]),
            inputs=["x"],
            outputs=["layer"],
        ),
        KERAS_3,
    )
    kinds = {name: call.layer.kind for name, call in graph.calls.items()}
    assert kinds["add"].name == kinds["layer"].name == "Add"  # type: ignore[union-attr]
    assert kinds["subtract"].settings() == {"operator": "subtract", "number": 1.0, "reverse": True}  # type: ignore[union-attr]
    assert not kinds["divide"].settings()["reverse"]  # type: ignore[union-attr]


def test_other_operations_are_refused_by_name() -> None:
    """A class of the same name as a layer's is no layer where its module says so."""
    document = functional(
        newer("InputLayer", "x", batch_shape=[None, 3]) | {"inbound_nodes": []},
        newer("Conv2D", "s", tensor("x"), module="keras.src.ops.nn"),
        inputs=["x"],
        outputs=["s"],
    )
    (problem,) = Builder(KERAS_3).build(document).problems
    assert "received the operation 'Conv2D'" in str(problem)


def test_functions_of_tensors_in_keras_2_are_read() -> None:
    """A sum of tensors, a tensor and a number; any other function is refused by name."""

    def document(function: str, second: Any) -> dict[str, Any]:
        """Write a model with one function."""
        call = node("TFOpLambda", "op", [["x", 0, 0, {"y": second, "name": None}]], function=function)
        return functional(input_layer("x", 3), call, inputs=["x"], outputs=["op"])

    assert build(document("math.multiply", 2.0)).layers["op"].kind.settings()["number"] == 2.0  # type: ignore[union-attr]
    assert build(document("__operators__.add", ["x", 0, 0])).layers["op"].kind.name == "Add"  # type: ignore[union-attr]
    (problem,) = Builder(KERAS_2).build(document("io.read_file", 1.0)).problems
    assert "io.read_file" in str(problem)


def test_states_are_arguments_of_a_recurrent_layer() -> None:
    """Whether they are given by name or behind the input; several outputs have their numbers."""
    for given in (
        [["y", 0, 0, {}], ["enc", 0, 1, {}], ["enc", 0, 2, {}]],
        [["y", 0, 0, {"initial_state": [["enc", 0, 1], ["enc", 0, 2]]}]],
    ):
        graph = build(
            functional(
                input_layer("x", 5, 3),
                input_layer("y", None, 2),
                node("LSTM", "enc", ["x"], units=4, return_state=True),
                node("LSTM", "dec", given, units=4, return_sequences=True),
                inputs=["x", "y"],
                outputs=["dec", ["enc", 0, 1]],
            )
        )
        call = graph.calls["dec"]
        assert call.inputs == (Tensor("y"),)
        assert call.arguments["initial_state"] == (Tensor("enc", 1), Tensor("enc", 2))
        assert call.output_shapes == ((None, 4),)
        assert graph.shape(graph.outputs[1]) == (4,)


def test_masks_go_where_keras_lets_them() -> None:
    """From the embedding through dropout to the recurrent layer that ends them."""
    graph = build(
        sequential(
            layer("Embedding", "e", input_dim=9, output_dim=4, mask_zero=True),
            layer("Dropout", "d", rate=0.1),
            layer("LSTM", "first", units=3, return_sequences=True),
            layer("LSTM", "second", units=3),
            layer("Dense", "end", units=1),
            shape=(None,),
        )
    )
    assert [name for name, call in graph.calls.items() if call.masked] == ["d", "first", "second"]
    assert any(trap.id == "mask" and names == ["first", "second"] for trap, names in graph.traps().items())


def test_a_model_within_time_distributed_is_a_kind() -> None:
    """Its weights bear its layers' names, its shapes leave time out."""
    inner = sequential(layer("Conv2D", "c", filters=2, kernel_size=[3, 3]), layer("Flatten", "f"), shape=(5, 5, 1))
    graph = build(
        functional(
            input_layer("x", 7, 5, 5, 1), node("TimeDistributed", "t", ["x"], layer=inner), inputs=["x"], outputs=["t"]
        )
    )
    assert graph.shape(graph.outputs[0]) == (7, 18)
    assert [weight.name for weight in graph.layers["t"].weights] == ["c/kernel", "c/bias"]


def test_a_frozen_model_freezes_its_layers_and_a_call_may_be_evaluation() -> None:
    """What is not trained is not counted; Keras 2 keeps training=False for good, Keras 3 puts its own in its place."""
    inner = sequential(layer("BatchNormalization", "bn", axis=[1]), shape=(3,))
    inner["config"] |= {"name": "base", "trainable": False}
    call = {**inner, "name": "base", "inbound_nodes": [[["x", 0, 0, {"training": False}]]]}
    document = functional(input_layer("x", 3), call, inputs=["x"], outputs=[["base", 0, 0]])
    graph = build(document)
    assert (graph.parameters, graph.trainable_parameters) == (12, 0)
    assert graph.calls["base/bn"].arguments == {"training": False}
    assert build(document, KERAS_3).calls["base/bn"].arguments == {}


def test_what_is_not_understood_does_not_hide_the_rest() -> None:
    """A Lambda is named once; the layers around it are read, as far as shapes are known."""
    lambda_layer = layer("Lambda", "l", function=["4wEAAAA=", None, None], function_type="lambda")
    document = sequential(layer("Dense", "a", units=4), lambda_layer, layer("Dense", "b", units=2), shape=(3,))
    graph = Builder(KERAS_2).build(document)
    (problem,) = graph.problems
    assert str(problem).startswith("`l`: a Lambda layer is Python code")
    assert list(graph.calls) == ["a_input", "a", "l", "b"]
    assert graph.calls["b"].output_shapes is None


def test_names_of_keras_1_are_translated() -> None:
    """Layers, settings and merges."""
    graph = build(
        functional(
            input_layer("x", 9, 9, 3),
            node(
                "Convolution2D",
                "c",
                ["x"],
                nb_filter=4,
                nb_row=3,
                nb_col=2,
                subsample=[2, 1],
                border_mode="same",
                dim_ordering="tf",
                bias=False,
                init="glorot_uniform",
                W_regularizer={"name": "l2"},
            ),
            node("Convolution2D", "d", ["x"], nb_filter=4, nb_row=3, nb_col=2, subsample=[2, 1], border_mode="same"),
            node("Merge", "m", ["c", "d"], mode="concat", concat_axis=-1, mode_type="raw"),
            inputs=["x"],
            outputs=["m"],
        ),
        KERAS_1,
    )
    assert graph.shape(graph.outputs[0]) == (5, 9, 8)
    assert [weight.shape for weight in graph.layers["c"].weights] == [(3, 2, 3, 4)]


def test_a_sequential_of_keras_1_may_begin_with_a_merge() -> None:
    """Of models, each with an input of its own; their layers keep their names."""
    left, right = (
        {"class_name": "Sequential", "config": [layer("Dense", name, output_dim=units, input_dim=length)]}
        for name, units, length in (("left", 3, 4), ("right", 2, 5))
    )
    merge = layer("Merge", "merge", mode="concat", concat_axis=-1, mode_type="raw", layers=[left, right])
    graph = build({"class_name": "Sequential", "config": [merge, layer("Dense", "end", output_dim=2)]}, KERAS_1)
    assert [graph.calls[name].output_shapes for name in graph.inputs] == [((4,),), ((5,),)]
    assert list(graph.layers)[-4:] == ["merge/branch_2/right_input", "merge/branch_2/right", "merge", "end"]
    assert [weight.shape for weight in graph.layers["end"].weights] == [(5, 2), (2,)]
    merge["config"]["layers"] = [left, layer("Dense", "x", output_dim=2)]
    (problem,) = Builder(KERAS_1).build({"class_name": "Sequential", "config": [merge]}).problems
    assert "expected models in a merge" in str(problem)


@pytest.mark.parametrize(
    ("border", "stride", "lengths", "fits"),
    [
        ("valid", 2, [9, 9], True),
        ("valid", 2, [10, 9], False),
        ("same", 2, [8, 8], True),
        ("same", 2, [8, 7], False),
        ("same", 1, ["x", 4], False),
    ],
)
def test_a_deconvolution_of_keras_1_has_the_output_that_keras_2_gives_it(
    border: str, stride: int, lengths: list[Any], fits: bool
) -> None:
    """Keras 1 was told its size; another one is refused."""
    settings = {"nb_filter": 2, "nb_row": 3, "nb_col": 3, "subsample": [stride, stride], "border_mode": border}
    call = node("Deconvolution2D", "d", ["x"], **settings, output_shape=[None, *lengths, 2], dim_ordering="tf")
    graph = Builder(KERAS_1).build(functional(input_layer("x", 4, 4, 3), call, inputs=["x"], outputs=["d"]))
    assert [str(each) for each in graph.problems if "the usual output shape" in str(each)] == [
        str(each) for each in graph.problems
    ]
    assert (not graph.problems) == fits
    assert not fits or graph.shape(Tensor("d")) == (*lengths, 2)
