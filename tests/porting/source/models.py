"""Models to be written as source: one for each case of a layer, and networks of several layers."""

from pathlib import Path
from typing import Any

import numpy as np

from genrebench.network.types import Array
from genrebench.porting import definitions as definitions
from genrebench.reading.builder import Builder
from genrebench.reading.graph import Graph
from genrebench.reading.keras_file import KerasModel
from genrebench.reading.version import KerasVersion
from tests.porting.definitions.cases import CASES
from tests.reading.files import KERAS_2, KERAS_3, functional, input_layer, layer, node, sequential
from tests.reading.test_operations import FUNCTIONS, OPERATIONS, document_2, document_3


def random_weights(graph: Graph) -> dict[str, Array]:
    """Draw weights, variances among them positive."""
    rng = np.random.default_rng(5)
    return {
        f"{each.name}/{weight.name}": np.abs(rng.normal(size=weight.shape)) + 0.5
        if "variance" in weight.name
        else rng.normal(size=weight.shape) * 0.5
        for each in graph.layers.values()
        for weight in each.weights
    }


def model_of(graph: Graph, weights: dict[str, Array], version: KerasVersion = KERAS_3) -> KerasModel:
    """Make a model that was read of a graph."""
    return KerasModel(Path("model.h5"), "h5", version, graph, weights, None, tuple(graph.problems), ())


def read(document: Any, version: KerasVersion = KERAS_2) -> KerasModel:
    """Make a model of a document, with random weights."""
    graph = Builder(version).build(document)
    assert not graph.problems, graph.problems
    return model_of(graph, random_weights(graph), version)


def embedded(name: str, source: str) -> dict[str, Any]:
    """Write an embedding that makes a mask."""
    return node("Embedding", name, [source], input_dim=9, output_dim=4, mask_zero=True)


def inner_network(*layers: dict[str, Any], shape: list[int]) -> dict[str, Any]:
    """Write a network that stands in a layer."""
    inner = sequential(*layers, shape=shape)
    inner["config"]["name"] = "inner"
    return inner


def call(class_name: str, name: str, *inbound: Any, **config: Any) -> dict[str, Any]:
    """Write a layer whose calls read any outputs: ``(layer, node, output)``."""
    calls = [[[*each, {}] for each in one] for one in inbound]
    return {**layer(class_name, name, **config), "name": name, "inbound_nodes": calls}


def operation(class_name: str, name: str, *args: Any, **config: Any) -> dict[str, Any]:
    """Write an operation of Keras 3; a string among its arguments is a layer."""
    return {**document_3(class_name, config, list(args))["config"]["layers"][-1], "name": name,
            "config": {"name": name, **config}}  # fmt: skip


def numbers(value: Any) -> dict[str, Any]:
    """Write an array among the arguments of Keras 3."""
    return {"class_name": "__numpy__", "config": {"value": value, "dtype": "float32"}}


def masked_lstm(source: str, mask: str) -> dict[str, Any]:
    """Write a recurrent layer of Keras 3 that is called with a mask."""
    found = operation("LSTM", "lstm", source)
    call = operation("LSTM", "lstm", mask)["inbound_nodes"][0]
    found["inbound_nodes"][0]["kwargs"] = {"mask": call["args"][0], "training": False}
    return {**found, "module": "keras.layers", "config": {"name": "lstm", "units": 2}}


# What a function of the model's inputs alone gives no gradient to, or of what it gives nobody reads all.
_NOT_ALONE = {"Greater", "LogicalNot", "LogicalOr", "ZerosLike", "FullLike", "StopGradient", "Unstack", "Split", "Sign",
              "Round", "Argmax", "Argmin", "OneHot", "Moments"}  # fmt: skip
PAIR = [input_layer("a", 6), input_layer("b", 6), embedded("first", "a"), embedded("second", "b")]
CONV = layer("Conv2D", "conv", filters=3, kernel_size=3, activation="relu")
HOSTILE = ["import os; os.system('x')", "class", "__init__", "forward", "ü/ñ", "a\nb", "../../etc/passwd", "x", "self",
           "load_state_dict", "'''", "\\", "0", "F", "torch", "Network", "type", "é" * 60, "a" * 300, "a" * 299 + "b",
           "weight", "nn", "Tensor", "load", "{0}", "@3@", "%s", "*", "#", "print"]  # fmt: skip
RECURRENT: dict[str, dict[str, Any]] = {"SimpleRNN": {}, "LSTM": {}, "GRU": {"reset_after": True}}
DOCUMENTS: dict[str, tuple[Any, KerasVersion]] = {
    "residual": (
        functional(
            input_layer("a", 8, 8, 3),
            node("Conv2D", "conv", ["a"], filters=3, kernel_size=3, padding="same"),
            node("BatchNormalization", "norm", ["conv"]),
            node("Activation", "relu", ["norm"], activation="relu"),
            node("Add", "sum", ["relu", "a"]),
            node("Conv2D", "last", ["sum"], filters=3, kernel_size=2, strides=2, padding="same"),
            node("Flatten", "flatten", ["last"]),
            node("Dense", "dense", ["flatten"], units=3, activation="softmax"),
            inputs=["a"],
            outputs=["dense", "sum"],
        ),
        KERAS_2,
    ),
    "squeeze and excitation": (
        functional(
            input_layer("a", 6, 6, 4),
            node("Conv2D", "conv", ["a"], filters=4, kernel_size=3),
            node("GlobalAveragePooling2D", "mean", ["conv"]),
            node("Reshape", "reshape", ["mean"], target_shape=[1, 1, 4]),
            node("Dense", "gate", ["reshape"], units=4, activation="hard_sigmoid"),
            node("Multiply", "scaled", ["conv", "gate"]),
            inputs=["a"],
            outputs=["scaled"],
        ),
        KERAS_2,
    ),
    "shared": (
        functional(
            input_layer("a", 6, 6, 3),
            input_layer("b", 7, 7, 3),
            node("Conv2D", "conv", ["a"], ["b"], filters=4, kernel_size=3, strides=2, padding="same"),
            call("BatchNormalization", "norm", [("conv", 0, 0)], [("conv", 1, 0)]),
            call("Dropout", "drop", [("norm", 0, 0)], [("norm", 1, 0)], rate=0.3),
            call("GlobalAveragePooling2D", "mean", [("drop", 0, 0)], [("drop", 1, 0)]),
            call("Subtract", "difference", [("mean", 0, 0), ("mean", 1, 0)]),
            inputs=["a", "b"],
            outputs=["difference"],
        ),
        KERAS_2,
    ),
    "nested": (
        functional(
            input_layer("a", 6, 6, 2),
            input_layer("b", 6, 6, 2),
            {**inner_network(CONV, layer("Flatten", "flat"), shape=[6, 6, 2]), "name": "inner",
             "inbound_nodes": [[["a", 0, 0, {}]], [["b", 0, 0, {}]]]},
            call("Add", "sum", [("inner", 1, 0), ("inner", 2, 0)]),
            inputs=["a", "b"],
            outputs=["sum"],
        ),
        KERAS_2,
    ),
    "places": (
        functional(
            input_layer("a", 5, 4),
            node("InputLayer", "b", batch_input_shape=[None, 1], dtype="int32"),
            node("Dense", "dense", ["a"], units=3),
            operation("Argmax", "most", "dense", axis=-1, keepdims=False),
            operation("OneHot", "hot", "most", num_classes=3, axis=-1),
            node("Multiply", "chosen", ["dense", "hot"]),
            operation("Squeeze", "number", "b", axis=-1),
            operation("OneHot", "category", "number", num_classes=7, axis=-1),
            inputs=["a", "b"],
            outputs=["chosen", "category", "most"],
        ),
        KERAS_3,
    ),
    "unequal ranks": (
        functional(
            input_layer("a", 3, 4, 5),
            input_layer("b", 5),
            node("Conv2D", "conv", ["a"], filters=5, kernel_size=1),
            node("Add", "sum", ["conv", "b"]),
            node("Conv2D", "last", ["sum"], filters=2, kernel_size=2),
            inputs=["a", "b"],
            outputs=["last"],
        ),
        KERAS_2,
    ),
    **{
        f"concatenated along {axis}": (
            functional(
                input_layer("a", 4, 5, 6),
                input_layer("b", 4, 5, 6),
                node("Conv2D", "conv", ["a"], filters=6, kernel_size=3, padding="same"),
                node("Concatenate", "both", ["conv", "b"], axis=axis),
                node("MaxPooling2D", "pool", ["both"], pool_size=3, strides=2, padding="same"),
                inputs=["a", "b"],
                outputs=["pool"],
            ),
            KERAS_2,
        )
        for axis in (-1, 1, 2)
    },
    **{
        f"{kind} with masks of Keras {version.numbers[0]}": (
            functional(*PAIR, node(kind, "merged", ["first", "second"], **settings),
                       node("LSTM", "lstm", ["merged"], units=2), inputs=["a", "b"], outputs=["lstm"]),
            version,
        )
        for kind, settings in (("Average", {}), ("Maximum", {}), ("Concatenate", {"axis": 1}), ("Attention", {}))
        for version in (KERAS_2, KERAS_3)
    },
    "cropped": (
        functional(
            input_layer("a", 7, 8, 3),
            node("Conv2D", "conv", ["a"], filters=2, kernel_size=2),
            node("RandomCrop", "crop", ["conv"], height=4, width=3),
            node("Conv2D", "last", ["crop"], filters=2, kernel_size=2),
            inputs=["a"],
            outputs=["last"],
        ),
        KerasVersion.read("2.12.0"),
    ),
    "mirrored": (
        functional(
            input_layer("a", 6, 7, 3),
            node("Conv2D", "conv", ["a"], filters=4, kernel_size=2),
            operation("Pad", "ends", "conv", pad_width=[[0, 0], [1, 2], [3, 0], [0, 1]], mode="reflect"),
            operation("Pad", "ones", "ends", pad_width=[[0, 0], [0, 0], [1, 0], [0, 2]], constant_values=1.0),
            node("Conv2D", "last", ["ones"], filters=2, kernel_size=2),
            inputs=["a"],
            outputs=["last"],
        ),
        KERAS_3,
    ),
    "images with lengths of any size": (
        functional(
            input_layer("a", None, None, 6, 2),
            node("ConvLSTM2D", "images", ["a"], filters=3, kernel_size=[3, 2], strides=2, padding="same",
                 return_sequences=True, return_state=True),
            node("ConvLSTM2D", "rest", [["images", 0, 0, {}], ["images", 0, 1, {}], ["images", 0, 2, {}]], filters=3,
                 kernel_size=[2, 2], padding="same"),
            inputs=["a"],
            outputs=["rest"],
        ),
        KERAS_2,
    ),
    "one mask of two": (
        functional(
            *PAIR[:3],
            node("Embedding", "third", ["b"], input_dim=9, output_dim=4),
            node("Add", "merged", ["third", "first"]),
            node("Concatenate", "joined", ["merged", "third"]),
            node("LSTM", "lstm", ["joined"], units=2),
            inputs=["a", "b"],
            outputs=["lstm"],
        ),
        KERAS_2,
    ),
    "masks through layers": (
        functional(
            PAIR[0],
            PAIR[2],
            node("SpatialDropout1D", "drop", ["first"], rate=0.2),
            node("TimeDistributed", "each", ["drop"], layer=layer("Dense", "dense", units=3, activation="tanh")),
            node("BatchNormalization", "norm", ["each"]),
            node("GRU", "gru", ["norm"], units=3, return_sequences=True),
            node("GlobalAveragePooling1D", "mean", ["gru"]),
            inputs=["a"],
            outputs=["mean"],
        ),
        KERAS_3,
    ),
    "images to sequence": (
        sequential(
            layer("Conv2D", "conv", filters=4, kernel_size=3, padding="same", activation="relu"),
            layer("Permute", "turned", dims=[2, 1, 3]),
            layer("Reshape", "steps", target_shape=[-1, 32]),
            layer("Bidirectional", "both", layer=layer("GRU", "gru", units=3, reset_after=True, return_sequences=True)),
            layer("Dense", "dense", units=5, activation="softmax"),
            shape=[8, 10, 1],
        ),
        KERAS_3,
    ),
    **{
        f"{kind} to {kind}": (
            functional(
                input_layer("a", 6, 4),
                input_layer("b", 5, 4),
                node(kind, "encoder", ["a"], units=3, return_state=True, **settings),
                call(kind, "decoder", [("b", 0, 0), *(("encoder", 0, state + 1) for state in range(states))], units=3,
                     return_sequences=True, **settings),
                inputs=["a", "b"],
                outputs=["decoder", "encoder"],
            ),
            KERAS_2,
        )
        for kind, settings in RECURRENT.items()
        for states in [2 if kind == "LSTM" else 1]
    },
    **{
        f"network for each step, {norm}": (
            sequential(
                layer(
                    "TimeDistributed",
                    "each",
                    layer=inner_network(
                        CONV,
                        layer(norm, "norm"),
                        layer("Dropout", "drop", rate=0.3),
                        layer("Flatten", "flat"),
                        layer("Dense", "dense", units=4),
                        shape=[6, 6, 2],
                    ),
                ),
                shape=[2, 6, 6, 2],
            ),
            KERAS_3,
        )
        for norm in ("BatchNormalization", "LayerNormalization")
    },
    "masks as Keras 3 writes them": (
        functional(
            {**input_layer("a", 6), "config": {**input_layer("a", 6)["config"], "dtype": "int32"}},
            input_layer("b", 6, 3),
            embedded("first", "a"),
            operation("NotEqual", "there", "a", 0),
            operation("ExpandDims", "spread", "there", axis=-1),
            operation("ZerosLike", "zeros", "first"),
            operation("LogicalOr", "both", "spread", "zeros"),
            operation("OnesLike", "ones", "b"),
            operation("Concatenate", "masks", ["both", "ones"], axis=-1),
            operation("Any", "any", "masks", axis=[-1], keepdims=False),
            node("Concatenate", "joined", ["first", "b"], axis=-1),
            masked_lstm("joined", "there"),
            operation("Cast", "counted", "any", dtype="float32"),
            operation("Mean", "mean", "counted", axis=[1], keepdims=True),
            operation("Multiply", "scaled", "lstm", "mean"),
            inputs=["a", "b"],
            outputs=["scaled"],
        ),
        KERAS_3,
    ),
    "choices": (
        functional(
            input_layer("a", 5),
            node("Dense", "dense", ["a"], units=4),
            operation("Greater", "high", "dense", 0.1),
            operation("Less", "low", 1.5, "dense"),
            operation("LogicalAnd", "either", "high", "low"),
            operation("LogicalNot", "neither", "either"),
            operation("Where", "chosen", "neither", "dense", 0.3),
            operation("Cast", "gate", "high", dtype="float32"),
            operation("Multiply", "gated", "chosen", "gate"),
            operation("StopGradient", "still", "dense"),
            operation("Multiply", "last", "gated", "still"),
            operation("FullLike", "twos", "dense", 2.0),
            operation("Power", "power", "twos", "dense"),
            operation("Add", "sum", "last", "power"),
            inputs=["a"],
            outputs=["sum"],
        ),
        KERAS_3,
    ),
    "constants in an image": (
        functional(
            input_layer("a", 4, 5, 3),
            node("Conv2D", "conv", ["a"], filters=2, kernel_size=1),
            operation("Add", "sum", "conv", numbers([[[1.0]], [[2.0]], [[3.0]], [[4.0]]])),
            node("Conv2D", "last", ["sum"], filters=2, kernel_size=2),
            operation("Matmul", "product", "last", numbers([[1.0, 2.0, 0.5], [3.0, 0.1, 0.7]])),
            inputs=["a"],
            outputs=["product"],
        ),
        KERAS_3,
    ),
    "any lengths": (
        sequential(
            layer("Conv2D", "conv", filters=4, kernel_size=3, strides=2, padding="same"),
            layer("AveragePooling2D", "mean", pool_size=3, strides=2, padding="same"),
            layer("MaxPooling2D", "pool", pool_size=3, strides=2, padding="same"),
            layer("GlobalMaxPooling2D", "most"),
            shape=[None, None, 2],
        ),
        KERAS_3,
    ),
    "whole numbers": (
        functional(
            {**input_layer("a", 6, 6, 3), "config": {**input_layer("a", 6, 6, 3)["config"], "dtype": "uint8"}},
            node("Rescaling", "scaled", ["a"], scale=1 / 255),
            node("Conv2D", "conv", ["scaled"], filters=2, kernel_size=3),
            inputs=["a"],
            outputs=["conv"],
        ),
        KERAS_2,
    ),
    "hostile names": (
        sequential(*(layer("Dense", name, units=3) for name in HOSTILE), shape=[3]),
        KERAS_2,
    ),
    "long names": (
        functional(
            input_layer("input_of_a_network_with_long_names", 8, 8, 3),
            *(
                node("Conv2D", f"branch_{number}_of_the_network_{'x' * 40}", ["input_of_a_network_with_long_names"],
                     filters=3, kernel_size=[3, 2], strides=[2, 1], padding="same", activation="sigmoid",
                     use_bias=False, trainable=False)
                for number in range(3)
            ),
            node("Concatenate", "all_branches_of_the_network_in_a_row",
                 [f"branch_{number}_of_the_network_{'x' * 40}" for number in range(3)]),
            node("Reshape", "a_sequence_of_all_the_branches_there_are", ["all_branches_of_the_network_in_a_row"],
                 target_shape=[4, 72]),
            node("Bidirectional", "both_directions_of_the_long_sequence_above",
                 ["a_sequence_of_all_the_branches_there_are"], layer=layer("LSTM", "lstm", units=3)),
            inputs=["input_of_a_network_with_long_names"],
            outputs=["both_directions_of_the_long_sequence_above"],
        ),
        KERAS_2,
    ),
}  # fmt: skip


def models() -> dict[str, KerasModel]:
    """Make all of them."""
    found = {}
    for number, case in enumerate(CASES):
        graph = case.graph()
        found[f"{number} {case}"] = model_of(graph, case.weights(graph))
    for number, (function, named, shape, _, _) in enumerate(FUNCTIONS):
        if function not in ("math.greater", "math.argmax"):
            found[f"function {number} {function}"] = read(document_2(function, named, shape))
    for number, (name, config, args, shape, _, _) in enumerate(OPERATIONS):
        if name not in _NOT_ALONE:
            found[f"operation {number} {name}"] = read(document_3(name, config, args, shape), KERAS_3)
    found["division"] = read(document_3("TrueDivide", {}, ["x0", "x1"], (4, 3), (4, 3)), KERAS_3)
    return found | {name: read(*document) for name, document in DOCUMENTS.items()}


MODELS = models()
