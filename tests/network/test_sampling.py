"""Random weights, inputs and masks: reproducible, and nothing in them trivial."""

import numpy as np
import pytest

from genrebench.network.architecture import Architecture
from genrebench.network.layers import Conv2D, Dense, Flatten
from genrebench.network.reference import ReferenceNetwork
from genrebench.network.sampling import live_random_weights, random_inputs, random_masks, random_weights
from genrebench.network.types import Array
from tests.network.conftest import EVERYTHING


def test_random_weights_leave_nothing_neutral() -> None:
    """Every bias is negative; scales, offsets and statistics lie above their initial values; kernels stay."""
    initial, weights = EVERYTHING.initial_weights(2), random_weights(EVERYTHING, 2)
    EVERYTHING.check_weights(weights)
    for name, value in weights.items():
        shift = value - initial[name]
        low, high = {"kernel": (0, 0), "bias": (-0.5, -0.1)}.get(name.rpartition("/")[2], (0.1, 0.5))
        assert low - 1e-6 <= shift.min() <= shift.max() <= high + 1e-6, name
    assert not np.array_equal(weights["dense/bias"], random_weights(EVERYTHING, 3)["dense/bias"])


@pytest.mark.parametrize("sign", [1, -1])
def test_live_weights_let_something_through_every_rectifier(sign: int) -> None:
    """Even where the inputs are such that random biases would cut everything off."""
    network = Architecture(
        (6, 6, 1), (Conv2D(4, (3, 3), activation="relu"), Flatten(), Dense(8, activation="relu"), Dense(3))
    )
    x = random_inputs(network, 4)[0] * 0.01 * sign
    lit = {}
    for name, weights in (("random", random_weights(network, 1)), ("live", live_random_weights(network, x, 1))):
        outputs = ReferenceNetwork(network, weights, dtype="float64").trace(x, training=False)
        lit[name] = [(outputs[layer] > 0).mean() for layer in ("conv2d", "dense")]
    assert max(lit["random"]) < 0.03
    assert 0.25 < min(lit["live"]) <= max(lit["live"]) < 0.6


def test_live_weights_need_float64() -> None:
    """Stored in float32 every tensor would change; drawn again they are the same."""
    x = random_inputs(EVERYTHING, 3)[0]
    weights, again = live_random_weights(EVERYTHING, x, 5), live_random_weights(EVERYTHING, x, 5)
    for name, value in weights.items():
        assert value.dtype == np.float64
        assert (value.astype(np.float32) != value).any(), name
        if name.endswith("/kernel"):
            np.testing.assert_allclose(value, random_weights(EVERYTHING, 5)[name], rtol=1e-7)
        np.testing.assert_array_equal(value, again[name])


def test_random_inputs_and_labels_fit_the_network() -> None:
    """Standardized inputs, every label in range, the same for the same seed."""
    x, labels = random_inputs(EVERYTHING, 500, seed=1)
    assert x.shape == (500, 7, 6, 2)
    assert abs(x.mean()) < 0.02
    assert abs(x.std() - 1) < 0.02
    assert set(labels) == {0, 1, 2, 3}
    repeated: tuple[Array, Array] = random_inputs(EVERYTHING, 500, seed=1)
    np.testing.assert_array_equal(repeated[0], x)
    np.testing.assert_array_equal(repeated[1], labels)
    assert not np.array_equal(random_inputs(EVERYTHING, 500, seed=2)[0], x)


def test_random_masks_drop_as_much_as_their_layers_say() -> None:
    """One for each dropout layer, in the shape of its input, of zeros and ones."""
    masks = random_masks(EVERYTHING, 400)
    assert {name: mask.shape for name, mask in masks.items()} == {"dropout": (400, 4, 3, 3), "dropout_1": (400, 6)}
    for name, mask in masks.items():
        assert set(mask.flat) == {0.0, 1.0}
        assert mask.mean() == pytest.approx(1 - EVERYTHING.node(name).layer.rate, abs=0.03)  # type: ignore[attr-defined]
