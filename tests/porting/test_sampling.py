"""What a network is given: whole numbers, masked steps, lengths that fit, draws, and numbers of which nothing dies."""

from typing import Any

import numpy as np
import pytest

from genrebench.errors import ConfigError
from genrebench.network.numerics import relative_error
from genrebench.network.types import Array
from genrebench.porting.draws import shapes_of
from genrebench.porting.reference import GraphReference
from genrebench.porting.sampling import _samples, concrete_shapes, draw_sample
from genrebench.reading.builder import Builder
from tests.porting.networks import graph_of, text, weights_of
from tests.porting.source.models import operation
from tests.reading.files import KERAS_3, functional, input_layer, layer, node, sequential


def test_equal_seeds_give_equal_samples() -> None:
    """Other seeds give others."""
    graph = text()
    weights = weights_of(graph)
    first, second, other = (draw_sample(graph, weights, batch=3, seed=seed) for seed in (0, 0, 1))
    assert all(np.array_equal(value, second.cotangents[name]) for name, value in first.cotangents.items())
    assert all(np.array_equal(value, second.draws[name]) for name, value in first.draws.items())
    assert np.array_equal(first.inputs["words"], second.inputs["words"])
    assert not np.array_equal(first.inputs["words"], other.inputs["words"])


def test_words_are_padded_behind_before_and_in_between() -> None:
    """They fit the table, some come twice, and no sample is all padding."""
    words = draw_sample(text(), weights_of(text()), batch=4, seed=0).inputs["words"]
    assert words.dtype.kind == "i"
    assert words.min() == 0
    assert words.max() < 7
    there = words != 0
    assert there[0, 0]
    assert not there[0, -1]
    assert not there[1, 0]
    assert there[1, -1]
    assert not there[1, 1:-1].all()
    assert there[3].all()
    assert any(len(set(row[row != 0])) < np.count_nonzero(row) for row in words)


def test_words_of_a_network_for_each_sentence_are_whole_numbers() -> None:
    """The table is within the wrapper."""
    table = layer("Embedding", "table", input_dim=4, output_dim=2, batch_input_shape=[None, 5])
    inner = {"class_name": "Sequential", "config": {"name": "inner", "layers": [table, layer("LSTM", "lstm", units=2)]}}
    graph = graph_of(
        functional(
            input_layer("words", 3, 5),
            node("TimeDistributed", "each", ["words"], layer=inner),
            inputs=["words"],
            outputs=["each"],
        )
    )
    words = draw_sample(graph, weights_of(graph), batch=2, seed=0).inputs["words"]
    assert words.dtype.kind == "i"
    assert words.max() < 4


def test_draws_are_for_the_layers_that_draw() -> None:
    """One mask for a dropout; for a cell with dropout of its state one for each gate."""
    draws = draw_sample(text(), weights_of(text()), batch=3, seed=0).draws
    assert {name: value.shape for name, value in draws.items()} == {
        "dropout": (3, 6, 2),
        "gru/recurrent_dropout": (3, 3, 2),
    }
    assert all(set(np.unique(value)) == {0.0, 1.0} for value in draws.values())


def test_masked_steps_hold_the_value_that_masks_them() -> None:
    """Behind the first sample, before the second."""
    graph = graph_of(
        functional(
            input_layer("x", None, 3),
            node("Masking", "masking", ["x"], mask_value=-1.0),
            node("LSTM", "lstm", ["masking"], units=2),
            inputs=["x"],
            outputs=["lstm"],
        )
    )
    x = draw_sample(graph, weights_of(graph), batch=2, seed=0).inputs["x"]
    assert (x[0, -1] == -1.0).all()
    assert (x[1, 0] == -1.0).all()
    assert (x[0, 0] != -1.0).all()


def test_open_lengths_differ_and_are_large_enough() -> None:
    """For all poolings; where a network needs equal ones they are equal."""
    layers = [layer("MaxPooling2D", f"pool{number}", pool_size=2) for number in range(3)]
    document = sequential(layer("Conv2D", "conv", filters=2, kernel_size=3), *layers, shape=(None, None, 1))
    graph = graph_of(document)
    assert concrete_shapes(graph, 2) == {graph.inputs[0]: (2, 12, 13, 1)}
    square = graph_of(
        functional(
            input_layer("x", None, None, 1),
            node("Permute", "turned", ["x"], dims=[2, 1, 3]),
            node("Add", "add", ["x", "turned"]),
            inputs=["x"],
            outputs=["add"],
        )
    )
    assert concrete_shapes(square, 2) == {"x": (2, 6, 6, 1)}


def test_a_network_that_no_small_input_fits_is_refused() -> None:
    """With the reason of the last try."""
    document = sequential(layer("Conv1D", "conv", filters=2, kernel_size=100_000), shape=(None, 1))
    with pytest.raises(ConfigError, match=r"expected small inputs .* found none: expected an axis of at least 100000"):
        concrete_shapes(graph_of(document), 2)


def test_a_network_that_crops_thousands_of_steps_is_given_hardly_more() -> None:
    """As one that reads 5,000 bases of a genome to both sides."""
    document = sequential(layer("Cropping1D", "crop", cropping=[5000, 5000]), shape=(None, 4))
    assert concrete_shapes(graph_of(document), 2) == {"crop_input": (2, 10_240, 4)}


@pytest.mark.parametrize(
    ("size", "last", "samples"),
    [
        (20, [], 3),
        (600, [], 2),
        (2000, [], 1),
        (2000, [layer("Flatten", "flat"), layer("BatchNormalization", "norm")], 2),
        (2000, [layer("GlobalAveragePooling2D", "pool")], 2),
    ],
)
def test_the_larger_a_network_the_fewer_samples(size: int, last: list[Any], samples: int) -> None:
    """One is enough only where every layer has many values of it."""
    first = layer("Conv2D", "first", filters=4, kernel_size=1)
    graph = graph_of(sequential(first, *last, shape=(size, size, 1)))
    assert _samples(graph, shapes_of(graph, {"first_input": (3, size, size, 1)}), 3) == samples


def test_numbers_are_drawn_of_which_a_recurrence_does_not_make_chaos() -> None:
    """With those that are drawn first, one ulp becomes everything: nothing could be proved."""
    graph = graph_of(sequential(layer("GRU", "first", units=20, reset_after=False), shape=(300, 5)))
    rng = np.random.default_rng(0)
    weights = {f"first/{each.name}": 4 * rng.normal(size=each.shape) for each in graph.layers["first"].weights}
    weights["first/kernel"] = weights["first/kernel"] * 0.2
    reference = GraphReference(graph, weights)

    def grown(x: Array) -> float:
        """Measure what one ulp becomes."""
        right, moved = (each.run({"first_input": x}).outputs["first"] for each in (reference, reference.moved()))
        return relative_error(moved, right)

    sample = draw_sample(graph, weights, batch=3, seed=0)
    assert grown(np.random.default_rng(0).standard_normal((3, 300, 5))) > 1e-3
    assert grown(sample.inputs["first_input"]) < 1e-8


def test_a_large_network_is_given_two_samples() -> None:
    """A proof of it has to fit into memory."""
    for length, samples in ((100, 3), (300_000, 2)):
        document = sequential(layer("Conv1D", "conv", filters=8, kernel_size=1), shape=(length, 1))
        graph = graph_of(document)
        weights = {"conv/kernel": np.ones((1, 1, 8)), "conv/bias": np.ones(8)}
        sample = draw_sample(graph, weights, batch=3, seed=0)
        assert {len(each) for each in (*sample.inputs.values(), *sample.cotangents.values())} == {samples}


@pytest.mark.parametrize(
    ("before", "config", "mean", "deviation"),
    [
        ("Rescaling", {"scale": 1 / 255, "offset": -0.5}, 127.5, 255.0),
        ("Normalization", {"axis": -1, "mean": 40.0, "variance": 9.0}, 40.0, 3.0),
        ("Normalization", {"axis": -1, "mean": 40.0, "variance": 4.0, "invert": True}, -20.0, 0.5),
    ],
)
def test_preprocessing_is_undone(before: str, config: dict[str, Any], mean: float, deviation: float) -> None:
    """So that what comes behind it is normal; pixels are as large as pixels are."""
    graph = graph_of(
        sequential(layer(before, "first", **config), layer("Dense", "dense", units=3, activation="tanh"), shape=(50, 2))
    )
    x = draw_sample(graph, weights_of(graph), batch=20, seed=0).inputs[graph.inputs[0]]
    assert abs(x.mean() - mean) < 0.2 * deviation
    assert 0.8 < x.std() / deviation < 1.2


@pytest.mark.parametrize(
    ("class_name", "arguments", "mean", "deviation"),
    [
        ("Add", ("x", 20.0), -20.0, 1.0),
        ("Subtract", ("x", 20.0), 20.0, 1.0),
        ("Subtract", (20.0, "x"), 20.0, 1.0),
        ("Multiply", ("x", 0.25), 0.0, 4.0),
        ("TrueDivide", ("x", 4.0), 0.0, 4.0),
    ],
)
def test_arithmetic_is_undone(
    class_name: str, arguments: tuple[str | float, ...], mean: float, deviation: float
) -> None:
    """As preprocessing is, since that is what it is."""
    graph = graph_of(
        functional(
            input_layer("x", 50, 2),
            operation(class_name, "first", *arguments),
            node("Dense", "dense", ["first"], units=3, activation="tanh"),
            inputs=["x"],
            outputs=["dense"],
        )
    )
    x = draw_sample(graph, weights_of(graph), batch=20, seed=0).inputs["x"]
    assert abs(x.mean() - mean) < 0.2 * deviation
    assert 0.8 < x.std() / deviation < 1.2


def test_numbers_are_as_large_as_pieces_need() -> None:
    """Normal numbers never reach 6; larger ones do."""
    graph = graph_of(sequential(layer("ReLU", "relu", max_value=6.0), shape=(10,)))
    sample = draw_sample(graph, {}, batch=3, seed=0)
    assert not GraphReference(graph, {}).run(sample.inputs).activity()["relu"].misses


def test_numbers_are_as_small_as_saturation_needs() -> None:
    """A sigmoid that is 1 for all samples has no gradient."""
    graph = graph_of(sequential(layer("Dense", "dense", units=2, activation="sigmoid"), shape=(4,)))
    weights = {"dense/kernel": np.full((4, 2), 80.0), "dense/bias": np.zeros(2)}
    sample = draw_sample(graph, weights, batch=4, seed=0)
    _, of_weights = GraphReference(graph, weights).run(sample.inputs).vjp(sample.cotangents)
    assert all((np.abs(value) > 1e-9).any() for value in of_weights.values())


def test_cotangents_are_for_the_outputs() -> None:
    """In their shapes."""
    sample = draw_sample(text(), weights_of(text()), batch=3, seed=0)
    assert {name: value.shape for name, value in sample.cotangents.items()} == {"gru": (3, 2)}


def test_what_has_no_logarithm_is_not_drawn() -> None:
    """Inputs are positive where a network computes with a logarithm or a root of them, else of both signs."""
    for function, is_positive in (("math.log", True), ("math.sqrt", True), ("math.abs", False)):
        graph = graph_of(
            functional(
                input_layer("x", 4), node("TFOpLambda", "f", ["x"], function=function), inputs=["x"], outputs=["f"]
            )
        )
        x = draw_sample(graph, {}, batch=3, seed=0).inputs["x"]
        assert bool((x > 0).all()) == is_positive
        assert np.isfinite(GraphReference(graph, {}).run({"x": x}).outputs["f"]).all()


def test_inputs_at_which_a_slope_is_no_number_are_not_drawn() -> None:
    """The deviation of a channel that is always 0 has none; with smaller inputs it is not 0."""
    document = functional(
        input_layer("x", 6, 3),
        operation("Square", "square", "x"),
        node("Dense", "dense", ["square"], units=1, activation="relu"),
        operation("Std", "deviation", "dense", axis=[1], keepdims=False),
        inputs=["x"],
        outputs=["deviation"],
    )
    graph = Builder(KERAS_3).build(document)
    assert not graph.problems
    weights = {"dense/kernel": np.full((3, 1), -1.0), "dense/bias": np.array([0.5])}
    sample = draw_sample(graph, weights, batch=4, seed=0)
    done = GraphReference(graph, weights).run(sample.inputs)
    assert np.isfinite(done.vjp(sample.cotangents)[1]["dense/kernel"]).all()
    assert done.outputs["deviation"].all()
