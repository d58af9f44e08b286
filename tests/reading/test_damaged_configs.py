"""Configurations in which anything may stand anywhere: whatever it is, there is a graph, or a line."""

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

from genrebench.errors import ConfigError
from genrebench.reading.builder import Builder
from tests.reading.files import KERAS_1, KERAS_2, KERAS_3, functional, input_layer, layer, node, sequential

ODD: list[Any] = [None, True, -1, 0, 10**30, float("nan"), "", "same", [], {}, [[1]], [None], {"a": 1}, ["x", 0, 0]]
INNER = sequential(layer("Conv2D", "c", filters=2, kernel_size=[3, 3], activation="relu"), shape=(6, 6, 1))
MODELS = (
    functional(
        input_layer("x", 6, 6, 1),
        {**INNER, "name": "inner", "inbound_nodes": [[["x", 0, 0, {"training": False}]]]},
        node("BatchNormalization", "bn", [["inner", 0, 0, {}]], axis=[3], momentum=0.9),
        node("Dense", "d", ["bn"], units=3, activation={"class_name": "LeakyReLU", "config": {"alpha": 0.1}}),
        node("Concatenate", "both", ["bn", "d"], axis=-1),
        inputs=["x"],
        outputs=["both"],
    ),
    sequential(
        layer("Embedding", "e", input_dim=9, output_dim=4, mask_zero=True),
        layer("Bidirectional", "b", layer=layer("LSTM", "l", units=2, return_sequences=True), merge_mode="sum"),
        layer("TimeDistributed", "t", layer=layer("Dense", "d", units=2, dtype={"config": {"name": "float32"}})),
        layer("Reshape", "r", target_shape=[-1, 2]),
        layer("ZeroPadding1D", "z", padding=[1, 1]),
        shape=(5,),
    ),
    sequential(
        layer("Convolution2D", "c", nb_filter=2, nb_row=3, nb_col=3, dim_ordering="tf", border_mode="same"),
        layer("Flatten", "f"),
        layer("Dense", "d", output_dim=2, init="uniform"),
        shape=(6, 6, 1),
    ),
)


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """List the ways to everything in a document."""
    yield path
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in items:
        yield from places(value, (*path, key))


@pytest.mark.parametrize("model", range(len(MODELS)))
def test_odd_things_in_odd_places_give_a_graph_or_a_line(model: int) -> None:
    """A thousand times per model, with one to three odd things."""
    for seed in range(1000):
        chance = random.Random(seed)
        document = copy.deepcopy(MODELS[model])
        for _ in range(chance.choice((1, 1, 3))):
            *way, last = chance.choice([path for path in places(document) if path])
            holder = document
            for key in way:
                holder = holder[key]
            holder[last] = copy.deepcopy(chance.choice(ODD))
        try:
            graph = Builder(chance.choice((KERAS_1, KERAS_2, KERAS_3))).build(document)
        except ConfigError:
            continue
        assert all("\n" not in str(problem) for problem in graph.problems)
        assert graph.problems or graph.outputs
        graph.traps()
