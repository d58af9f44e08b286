"""Networks of several layers, and weights for them."""

from typing import Any

import numpy as np

from genrebench.network.types import Array
from genrebench.reading.builder import Builder
from genrebench.reading.graph import Graph
from genrebench.reading.version import KerasVersion
from tests.reading.files import functional, input_layer, layer, node


def graph_of(document: dict[str, Any], version: str = "3.12.0") -> Graph:
    """Build a graph of a model's document."""
    graph = Builder(KerasVersion.read(version)).build(document)
    assert not graph.problems, graph.problems
    return graph


def weights_of(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """Draw weights; what must be positive is."""
    rng = np.random.default_rng(seed)
    found = {}
    for each in graph.layers.values():
        for weight in each.weights:
            value = rng.normal(size=weight.shape)
            found[f"{each.name}/{weight.name}"] = np.abs(value) + 0.5 if "variance" in weight.name else value
    return found


def text() -> Graph:
    """Whole numbers of any count, masked, through two recurrent layers."""
    return graph_of(
        functional(
            input_layer("words", None),
            node("Embedding", "table", ["words"], input_dim=7, output_dim=3, mask_zero=True),
            node("LSTM", "lstm", ["table"], units=2, return_sequences=True),
            node("Dropout", "dropout", ["lstm"], rate=0.5),
            node("GRU", "gru", ["dropout"], units=2, reset_after=True, recurrent_dropout=0.5),
            inputs=["words"],
            outputs=["gru"],
        )
    )


def siamese() -> Graph:
    """Two inputs through the same layers, one of which is normalization."""
    return graph_of(
        functional(
            input_layer("a", 3),
            input_layer("b", 3),
            node("Dense", "dense", ["a"], ["b"], units=4, activation="tanh"),
            node("BatchNormalization", "norm", ["dense"], [["dense", 1, 0, {}]], momentum=0.5),
            node("Subtract", "less", ["norm", ["norm", 1, 0, {}]]),
            inputs=["a", "b"],
            outputs=["less", "norm"],
        )
    )


def frames() -> Graph:
    """A network for each of several frames."""
    inner = {
        "class_name": "Sequential",
        "config": {
            "name": "inner",
            "layers": [
                layer("Conv2D", "conv", filters=2, kernel_size=3, batch_input_shape=[None, 6, 5, 1]),
                layer("BatchNormalization", "norm"),
                layer("Dropout", "drop", rate=0.5),
                layer("GlobalAveragePooling2D", "mean"),
            ],
        },
    }
    return graph_of(
        functional(
            input_layer("film", 4, 6, 5, 1),
            node("TimeDistributed", "each", ["film"], layer=inner),
            inputs=["film"],
            outputs=["each"],
        )
    )
