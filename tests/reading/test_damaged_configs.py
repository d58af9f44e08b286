"""Configurations in which anything may stand anywhere: whatever it is, there is a graph, or a line."""

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

from genrebench.errors import ConfigError
from genrebench.reading.builder import Builder
from genrebench.reading.version import KerasVersion
from tests.reading.files import KERAS_1, KERAS_2, KERAS_3, functional, input_layer, layer, node, sequential
from tests.reading.test_operations import FUNCTIONS, OPERATIONS, document_2, document_3

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


# Functions of tensors, with what else their arguments may be.
LENGTHS = [
    node("TFOpLambda", "shape", ["x0"], function="compat.v1.shape"),
    {**node("SlicingOpLambda", "batch", function="__operators__.getitem"),
     "inbound_nodes": [[["shape", 0, 0, {"slice_spec": 0}]]]},
    {**node("TFOpLambda", "twice", function="math.multiply"), "inbound_nodes": [[["batch", 0, 0, {"y": 2}]]]},
    {**node("TFOpLambda", "op", function="reshape"),
     "inbound_nodes": [[["x0", 0, 0, {"shape": [["batch", 0, 0], -1, 2]}]]]},
]  # fmt: skip
DOCUMENTS = [
    (functional(input_layer("x0", 4, 3), *LENGTHS, inputs=["x0"], outputs=["op"]), KERAS_2),
    *((document_2(function, named, shape), KERAS_2) for function, named, shape, _, _ in FUNCTIONS),
    *((document_3(name, config, args, shape), KERAS_3) for name, config, args, shape, _, _ in OPERATIONS),
]
ODD_ARGUMENTS: list[Any] = [
    *ODD,
    ["x0", 0, 0],
    2,
    -3,
    [0, 1],
    1.5,
    "bij,bjk->bik",
    "...->...",
    {"start": 1, "step": -1},
]


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """List the ways to everything in a document."""
    yield path
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in items:
        yield from places(value, (*path, key))


def changed(document: Any, odd: list[Any], chance: random.Random) -> Any:
    """Put one to three odd things into a copy."""
    document = copy.deepcopy(document)
    for _ in range(chance.choice((1, 1, 3))):
        *way, last = chance.choice([path for path in places(document) if path])
        holder = document
        for key in way:
            holder = holder[key]
        holder[last] = copy.deepcopy(chance.choice(odd))
    return document


def build(document: Any, version: KerasVersion) -> None:
    """Read it: a graph, problems of a line each, or an error."""
    try:
        graph = Builder(version).build(document)
    except ConfigError:
        return
    assert all("\n" not in str(problem) for problem in graph.problems)
    assert graph.problems or graph.outputs
    graph.traps()


@pytest.mark.parametrize("number", range(len(DOCUMENTS)))
def test_odd_arguments_of_functions_give_a_graph_or_a_line(number: int) -> None:
    """Twenty times per function, and more of one that computes lengths."""
    for seed in range(20 if number else 300):
        document, version = DOCUMENTS[number]
        build(changed(document, ODD_ARGUMENTS, random.Random(f"{seed}/{number}")), version)


@pytest.mark.parametrize("model", range(len(MODELS)))
def test_odd_things_in_odd_places_give_a_graph_or_a_line(model: int) -> None:
    """A thousand times per model, with one to three odd things."""
    for seed in range(1000):
        chance = random.Random(seed)
        document = changed(MODELS[model], ODD, chance)
        build(document, chance.choice((KERAS_1, KERAS_2, KERAS_3)))
