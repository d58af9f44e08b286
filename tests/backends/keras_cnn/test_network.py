"""Networks in Keras on each engine, against plain formulas."""

import numpy as np
import pytest

from genrebench.network.reference import ReferenceNetwork
from genrebench.network.sampling import random_inputs, random_weights
from tests.backends.keras_cnn.conftest import Results
from tests.backends.keras_cnn.formulas import adam_formula, reference, worst
from tests.backends.keras_cnn.measuring import ARCHITECTURES, ENDS_IN_SOFTMAX, make_case


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_evaluation_agrees_with_plain_formulas(results: Results, name: str) -> None:
    """Every layer, and the logits, which are the last layer's output."""
    expected, _, _ = reference(name, training=False)
    assert worst(results.get(f"{name}|evaluation"), expected) < 1e-11
    assert worst(results.get(f"{name}|logits"), {"": expected[ARCHITECTURES[name].layers[-1].name]}) < 1e-11


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_training_agrees_with_plain_formulas(results: Results, name: str) -> None:
    """Every layer with the masks given, and the running statistics, whose variance is the biased one."""
    expected, _, _ = reference(name, training=True, masks=make_case(name).masks)
    received = results.get(f"{name}|training")
    assert worst(received, expected) < 1e-11
    statistics = {key for key, spec in ARCHITECTURES[name].weight_specs().items() if not spec.trainable}
    assert received.keys() == statistics | {layer.name for layer in ARCHITECTURES[name].layers}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_dropout_without_a_mask_drops_nothing(results: Results, name: str) -> None:
    """The layer hands its input on; with a mask it does not."""
    order = [layer.name for layer in ARCHITECTURES[name].layers]
    before = order[order.index("dropout") - 1]
    received = results.get(f"{name}|without masks")
    np.testing.assert_array_equal(received["dropout"], received[before])
    assert not np.array_equal(received["dropout"], results.get(f"{name}|training")["dropout"])


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_loss_and_gradients_agree_with_plain_formulas(results: Results, name: str) -> None:
    """The gradient of every trainable weight, with the masks given."""
    _, loss, expected = reference(name, training=True, masks=make_case(name).masks)
    assert results.facts[f"{name} loss"] == pytest.approx(loss, rel=1e-12)
    assert worst(results.get(f"{name}|gradients"), expected) < 1e-10


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("start", ["new", "old"])
def test_adam_agrees_with_its_formula(results: Results, name: str, start: str) -> None:
    """Moments, and the update itself, since weights hide an error in it behind their size."""
    case = make_case(name)
    expected, state = adam_formula(case.weights, case.gradients[0], case.states[start])
    received = results.get(f"{name}|adam {start}")
    assert worst(received, expected) < 1e-12
    updates = [{key: side[key] - case.weights[key] for key in side} for side in (received, expected)]
    assert worst(*updates) < 1e-10
    assert worst(results.get(f"{name}|adam {start} m"), state.m) < 1e-12
    assert worst(results.get(f"{name}|adam {start} v"), state.v) < 1e-12
    assert results.facts[f"{name} adam {start} step"] == state.step


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_three_updates_agree_with_the_formula(results: Results, name: str) -> None:
    """The state that one update gives out is taken by the next."""
    case = make_case(name)
    weights, state = case.weights, case.states["new"]
    for gradients in case.gradients:
        weights, state = adam_formula(weights, gradients, state)
    received = results.get(f"{name}|adam three")
    updates = [{key: side[key] - case.weights[key] for key in side} for side in (received, weights)]
    assert worst(*updates) < 1e-10


def test_keras_adam_with_plain_numbers_rounds_them_to_float32(results: Results) -> None:
    """What the float64 scalars are for: the decays on TensorFlow, the learning rate on all engines."""
    case = make_case("odd")
    expected, _ = adam_formula(case.weights, case.gradients[0], case.states["new"])
    received = results.get("plain adam")
    error = worst(*({key: side[key] - case.weights[key] for key in side} for side in (received, expected)))
    assert 1e-6 < error < 1e-5 if results.engine == "tensorflow" else 1e-9 < error < 1e-8


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_weights_come_back_bit_by_bit(results: Results, name: str) -> None:
    """In their own dtype, before and after everything that must leave the network as it was."""
    weights = make_case(name).weights
    for when in ("weights", "weights after"):
        received = results.get(f"{name}|{when}")
        assert list(received) == list(weights)
        for key, value in weights.items():
            np.testing.assert_array_equal(received[key], value, strict=True)
    np.testing.assert_array_equal(results.arrays[f"{name}|logits|"], results.arrays[f"{name}|logits after|"])


def test_weights_are_rounded_once_to_float32(results: Results) -> None:
    """A float32 network holds what NumPy makes of float64 weights."""
    for key, value in make_case("brief").weights.items():
        np.testing.assert_array_equal(results.arrays[f"float32|{key}"], value.astype(np.float32), strict=True)


def test_inputs_may_be_read_only_and_strided(results: Results) -> None:
    """An array that cannot be shared is copied."""
    np.testing.assert_allclose(results.arrays["odd|reversed"][::-1], results.arrays["odd|locked"], rtol=1e-4)


def test_the_loss_is_that_of_the_output_even_behind_a_softmax(results: Results) -> None:
    """Keras by itself would look through the softmax at what was before it."""
    network = ReferenceNetwork(ENDS_IN_SOFTMAX, random_weights(ENDS_IN_SOFTMAX, 0), dtype="float64")
    expected, _ = network.loss_and_gradients(*random_inputs(ENDS_IN_SOFTMAX, 5))
    assert results.facts["loss behind a softmax"] == pytest.approx(expected, rel=1e-12)
