"""A whole graph by the definitions: shared layers, masks, modes, statistics, gradients; and one call alone."""

import gc
import weakref

import numpy as np
import pytest

from genrebench.errors import BackendError, ConfigError
from genrebench.porting.reference import GraphReference, run_call
from genrebench.porting.sampling import draw_sample
from genrebench.reading.builder import Builder
from genrebench.reading.graph import Graph
from genrebench.reading.version import KerasVersion
from tests.porting.networks import frames, graph_of, siamese, text, weights_of
from tests.reading.files import functional, input_layer, layer, node, sequential


def test_every_output_of_every_call_is_kept() -> None:
    """By the names of calls; further calls of a shared layer have a number behind."""
    graph = siamese()
    rng = np.random.default_rng(0)
    done = GraphReference(graph, weights_of(graph)).run({name: rng.normal(size=(4, 3)) for name in "ab"})
    assert list(done.outputs) == ["a", "b", "dense", "dense:2", "norm", "norm:2", "less"]
    assert np.array_equal(done.outputs["less"], done.outputs["norm"] - done.outputs["norm:2"])


def test_statistics_of_a_shared_layer_move_with_every_call() -> None:
    """Each call begins where the one before has stopped."""
    graph = siamese()
    weights = weights_of(graph)
    rng = np.random.default_rng(0)
    done = GraphReference(graph, weights).run({name: rng.normal(size=(4, 3)) for name in "ab"}, training=True)
    read = [graph.calls[name].inputs[0].call for name in ("norm", "norm:2")]
    first, second = (done.outputs[name].mean(axis=0) for name in read)
    expected = 0.25 * weights["norm/moving_mean"] + 0.25 * first + 0.5 * second
    np.testing.assert_allclose(done.statistics["norm/moving_mean"], expected)
    assert done.statistics.keys() == {"norm/moving_mean", "norm/moving_variance"}


def test_gradients_of_shared_weights_are_summed_over_calls() -> None:
    """And those of several outputs over outputs; statistics are no trainable weights."""
    graph = siamese()
    weights = weights_of(graph)
    rng = np.random.default_rng(0)
    inputs = {name: rng.normal(size=(4, 3)) for name in "ab"}
    done = GraphReference(graph, weights).run(inputs)
    cotangents = {name: rng.normal(size=(4, 4)) for name in ("less", "norm", "dense:2")}
    of_inputs, of_weights = done.vjp(cotangents)
    apart = [done.vjp({name: value}) for name, value in cotangents.items()]
    assert of_weights.keys() == {"dense/kernel", "dense/bias", "norm/gamma", "norm/beta"}
    for name, value in of_weights.items():
        np.testing.assert_allclose(value, sum(each[1][name] for each in apart))
    assert not apart[1][0]["b"].any()
    assert of_inputs["b"].any()


def test_masks_travel_with_the_data() -> None:
    """From the table through what hands them on; the last layer gives none."""
    graph = text()
    words = np.array([[1, 2, 3, 0, 0], [0, 0, 4, 5, 6]])
    done = GraphReference(graph, weights_of(graph)).run({"words": words})
    assert done.masks.keys() == {"table", "lstm", "dropout"}
    assert np.array_equal(done.masks["dropout"], words != 0)
    longer = GraphReference(graph, weights_of(graph)).run({"words": np.array([[1, 2, 3], [4, 5, 6]])})
    np.testing.assert_allclose(done.outputs["gru"], longer.outputs["gru"])


def test_whole_numbers_have_no_gradient() -> None:
    """The table has one: of what was looked up, as often as it was."""
    graph = text()
    done = GraphReference(graph, weights_of(graph)).run({"words": np.array([[1, 2, 1]])})
    of_inputs, of_weights = done.vjp({"table": np.ones((1, 3, 3))})
    assert of_inputs == {}
    assert of_weights["table/embeddings"][:, 0].tolist() == [0.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0]


def test_a_frozen_normalization_computes_as_in_evaluation() -> None:
    """It gives no statistics, and nothing frozen has a gradient."""
    document = sequential(layer("BatchNormalization", "norm", trainable=False), shape=(3,))
    document["config"]["layers"][0]["config"]["trainable"] = False
    graph = graph_of(document)
    x = {graph.inputs[0]: np.random.default_rng(0).normal(size=(4, 3))}
    reference = GraphReference(graph, weights_of(graph))
    trained = reference.run(x, training=True)
    assert np.array_equal(trained.outputs["norm"], reference.run(x).outputs["norm"])
    assert trained.statistics == {}
    assert trained.vjp({"norm": np.ones((4, 3))})[1] == {}


def test_a_fixed_mode_stands_above_that_of_the_run() -> None:
    """As ``Dropout(0.5)(x, training=True)`` has it, in files of Keras 2."""
    document = functional(
        input_layer("x", 4),
        node("Dropout", "always", [["x", 0, 0, {"training": True}]], rate=0.5),
        node("Dropout", "never", [["always", 0, 0, {"training": False}]], rate=0.5),
        inputs=["x"],
        outputs=["never"],
    )
    graph = graph_of(document, "2.4.0")
    kept = np.array([[1.0, 0.0, 1.0, 0.0]])
    draws = {"always": kept, "never": kept}
    reference = GraphReference(graph, {})
    for training in (False, True):
        done = reference.run({"x": np.ones((1, 4))}, training=training, draws=draws)
        assert done.outputs["never"].tolist() == [[2.0, 0.0, 2.0, 0.0]]


def test_a_network_in_a_wrapper_runs_for_each_step_alone() -> None:
    """Its statistics move at every step; its draws come by the names of its calls."""
    graph = frames()
    weights = weights_of(graph)
    sample = draw_sample(graph, weights, batch=2, seed=0)
    assert {name: value.shape for name, value in sample.draws.items()} == {"each/drop": (2, 4, 4, 3, 2)}
    done = GraphReference(graph, weights).run(sample.inputs, training=True, draws=sample.draws)
    one = GraphReference(graph, weights).run(
        {"film": np.repeat(sample.inputs["film"][:, :1], 4, axis=1)}, training=True, draws=sample.draws
    )
    np.testing.assert_allclose(one.outputs["each"][:, 0], done.outputs["each"][:, 0])
    assert not np.allclose(one.outputs["each"][:, 1], done.outputs["each"][:, 1])
    assert done.statistics.keys() == {"each/norm/moving_mean", "each/norm/moving_variance"}
    trained = ("conv/kernel", "conv/bias", "norm/gamma", "norm/beta")
    assert done.vjp(sample.cotangents)[1].keys() == {f"each/{name}" for name in trained}


def test_a_call_alone_gives_what_it_gives_in_the_network() -> None:
    """In both modes, with masks, draws and initial states."""
    graph = text()
    weights = weights_of(graph)
    sample = draw_sample(graph, weights, batch=3, seed=0)
    for training in (False, True):
        done = GraphReference(graph, weights).run(sample.inputs, training=training, draws=sample.draws)
        for name, before in (("lstm", "table"), ("dropout", "lstm"), ("gru", "dropout")):
            alone = run_call(
                graph.calls[name], weights, [done.outputs[before]], masks=[done.masks[before]], training=training,
                draws=sample.draws,
            )  # fmt: skip
            assert np.array_equal(alone[name], done.outputs[name])


def test_a_call_alone_takes_states_and_gives_statistics() -> None:
    """Tensors among its arguments are given as arrays."""
    document = functional(
        input_layer("x", 4, 3),
        input_layer("h", 2),
        node("SimpleRNN", "rnn", [["x", 0, 0, {"initial_state": [["h", 0, 0]]}]], units=2),
        node("BatchNormalization", "norm", ["rnn"]),
        inputs=["x", "h"],
        outputs=["norm"],
    )
    graph = graph_of(document)
    weights = weights_of(graph)
    rng = np.random.default_rng(0)
    inputs = {"x": rng.normal(size=(2, 4, 3)), "h": rng.normal(size=(2, 2))}
    done = GraphReference(graph, weights).run(inputs, training=True)
    alone = run_call(graph.calls["rnn"], weights, [inputs["x"]], arguments={"initial_state": [inputs["h"]]})
    assert np.array_equal(alone["rnn"], done.outputs["rnn"])
    normed = run_call(graph.calls["norm"], weights, [done.outputs["rnn"]], training=True)
    assert normed.keys() == {"norm", "norm/moving_mean", "norm/moving_variance"}
    assert np.array_equal(normed["norm/moving_mean"], done.statistics["norm/moving_mean"])


@pytest.mark.parametrize("shape", [(4, 2), (3,), (4, 3, 1)])
def test_an_input_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    """By name, with what was expected."""
    graph = siamese()
    with pytest.raises(BackendError, match=r"input `b` of shape \(n, 3\)"):
        GraphReference(graph, weights_of(graph)).run({"a": np.zeros((4, 3)), "b": np.zeros(shape)})


@pytest.mark.parametrize("word", [-1, 7])
def test_a_word_that_is_in_no_table_is_refused(word: int) -> None:
    """NumPy would take one from the end."""
    graph = text()
    with pytest.raises(BackendError, match="expected whole numbers from 0 to 6, received"):
        GraphReference(graph, weights_of(graph)).run({"words": np.array([[1, word]])})


def test_a_missing_input_and_a_missing_layer_are_refused() -> None:
    """A missing input; a layer that is not understood."""
    graph = siamese()
    with pytest.raises(BackendError, match=r"input `b` of shape \(n, 3\), received none"):
        GraphReference(graph, weights_of(graph)).run({"a": np.zeros((4, 3))})
    unknown: Graph = Builder(KerasVersion.read("2.4.0")).build(sequential(layer("Mine", "mine"), shape=(3,)))
    with pytest.raises(ConfigError, match="expected known layers alone, received `mine`"):
        GraphReference(unknown, {}).run({unknown.inputs[0]: np.zeros((1, 3))})


def test_what_a_run_has_made_is_freed_without_the_collector() -> None:
    """Which stands still while values are made, and goes on after, also where a run fails."""
    graph = text()
    reference, sample = GraphReference(graph, weights_of(graph)), draw_sample(graph, weights_of(graph), batch=2, seed=0)
    gc.collect()
    gc.disable()
    try:
        done = reference.run(sample.inputs, training=True, draws=sample.draws)
        done.vjp(sample.cotangents)
        made = [weakref.ref(value.data) for name, value in done._values.items() if name not in sample.inputs]
        assert made
        del done
        assert all(each() is None for each in made)
        assert not gc.isenabled()
    finally:
        gc.enable()
    with pytest.raises(BackendError):
        reference.run({})
    assert gc.isenabled()
