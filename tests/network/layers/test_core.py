"""Dense, flattening and dropout layers against their definitions."""

import numpy as np
import pytest

from genrebench.network.layers import Dense, Dropout, Flatten
from tests.network.layers.conftest import sample


def test_dense_equals_loops_over_its_definition() -> None:
    """Each unit sums its inputs, adds its bias, and rectifies."""
    layer = Dense(3, activation="relu")
    x, weights, _ = sample(layer, (4,))
    kernel, bias = weights["kernel"], weights["bias"]
    expected = [
        [max(0.0, bias[unit] + sum(row[c] * kernel[c, unit] for c in range(4))) for unit in range(3)] for row in x
    ]
    received = layer.forward(x, weights).y
    np.testing.assert_allclose(received, expected, rtol=0, atol=1e-14)
    assert 0 < (received == 0).sum() < received.size
    assert layer.flops((4,)) == 2 * kernel.size


def test_flatten_lets_the_channel_run_fastest() -> None:
    """The order is height, width, channel; a batch of none stays one of none."""
    x, _, _ = sample(Flatten(), (2, 3, 4))
    expected = [[image[h, w, c] for h in range(2) for w in range(3) for c in range(4)] for image in x]
    np.testing.assert_array_equal(Flatten().forward(x, {}).y, expected)
    assert Flatten().forward(x[:0], {}).y.shape == (0, 24)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_scales_what_it_keeps_in_training_only(training: bool) -> None:
    """Kept values are divided by 1 - rate; evaluation changes nothing."""
    x, _, mask = sample(Dropout(0.4), (3, 2))
    assert mask is not None
    expected = [value / 0.6 if keep else 0.0 for value, keep in zip(x.flat, mask.flat, strict=True)]
    received = Dropout(0.4).forward(x, {}, training=training, mask=mask).y
    np.testing.assert_allclose(received.ravel(), expected if training else x.ravel(), rtol=1e-15)


def test_dropout_without_a_mask_drops_nothing() -> None:
    """Training without masks lets everything through."""
    x, _, _ = sample(Dropout(0.4), (3, 2))
    np.testing.assert_array_equal(Dropout(0.4).forward(x, {}, training=True).y, x)


def test_dropout_drops_nothing_unless_it_is_told_to_train() -> None:
    """Whoever does not say what for runs a layer as it predicts."""
    x, _, mask = sample(Dropout(0.4), (3, 2))
    np.testing.assert_array_equal(Dropout(0.4).forward(x, {}, mask=mask).y, x)
