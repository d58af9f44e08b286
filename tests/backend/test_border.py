"""What backends share at their border: the form of the training state, and the refusal of unknown layers."""

import numpy as np
import pytest

from genrebench.backend import (
    AdamState,
    check_dtype,
    check_layer_kinds,
    choose_device,
    pack_training_state,
    unpack_training_state,
)
from genrebench.errors import BackendError
from genrebench.network import Architecture
from genrebench.network.layers import BatchNormalization, Dense, Flatten
from genrebench.network.sampling import random_weights

NETWORK = Architecture((2, 1, 2), (Flatten(), BatchNormalization(), Dense(3)))


def test_a_training_state_comes_back_as_it_was_packed() -> None:
    """Step, moments of the trained weights and other entries; running statistics have no moments."""
    weights = random_weights(NETWORK, 0)
    moments = {name: weights[name] for name in NETWORK.trainable}
    stream = np.arange(5, dtype=np.uint8)
    state = pack_training_state(AdamState(7, moments, moments), {"dropout/generator": stream})
    assert state["adam/step"].dtype == np.int64
    assert "adam/v/dense/kernel" in state
    assert not any("moving_mean" in name for name in state)
    adam, others = unpack_training_state(NETWORK, state, ("dropout/generator",))
    assert adam.step == 7
    np.testing.assert_equal([adam.m, adam.v], [moments, moments])
    np.testing.assert_equal(others, {"dropout/generator": stream})
    with pytest.raises(BackendError, match=r"unknown dropout/generator$"):
        unpack_training_state(NETWORK, state, ())
    with pytest.raises(BackendError, match=r"adam/step: expected shape \(\), received \(1,\)"):
        unpack_training_state(NETWORK, {**state, "adam/step": np.zeros(1)}, ("dropout/generator",))


def test_layers_that_a_backend_does_not_build_are_named() -> None:
    """All of them, in one line; none is no error."""
    check_layer_kinds(NETWORK, {"Flatten", "BatchNormalization", "Dense"})
    with pytest.raises(BackendError, match=r"received BatchNormalization, Flatten$"):
        check_layer_kinds(NETWORK, {"Dense"})


def test_a_dtype_that_is_not_known_is_refused() -> None:
    """The known ones are named; a table serves as a list of them."""
    check_dtype("float32", {"float32": 4, "float64": 8})
    with pytest.raises(BackendError, match="dtype: expected one of float32, float64, received 'float16'"):
        check_dtype("float16", {"float32": 4, "float64": 8})


def test_a_device_is_chosen_among_the_usable_ones() -> None:
    """CUDA by itself where it is there, another only by its name."""
    assert choose_device("auto", ("cpu",)) == "cpu"
    assert choose_device("auto", ("cpu", "cuda", "mps")) == "cuda"
    assert choose_device("auto", ("cpu", "mps")) == "cpu"
    assert choose_device("mps", ("cpu", "mps")) == "mps"
    for device in ("cuda", "", "Auto"):
        with pytest.raises(BackendError, match=rf"device: .* usable here \(cpu, mps\), received '{device}'"):
            choose_device(device, ("cpu", "mps"))
