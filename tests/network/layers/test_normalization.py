"""Batch normalization against loops over its definition."""

import math

import numpy as np
import pytest

from genrebench.network.layers import BatchNormalization
from tests.network.layers.conftest import sample


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(3, 2, 4), (4,)])
def test_batch_normalization_equals_loops_over_its_definition(shape: tuple[int, ...], training: bool) -> None:
    """Each channel is normalized by its mean and biased variance, or by the running ones; these follow the batch."""
    layer = BatchNormalization(momentum=0.8, epsilon=0.3)
    x, weights, _ = sample(layer, shape)
    y, _, statistics = layer.forward(x, weights, training=training)
    for channel in range(4):
        values = [float(value) for value in x[..., channel].flat]
        gamma, beta, old_mean, old_variance = (
            float(weights[name][channel]) for name in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        mean, variance = old_mean, old_variance
        if training:
            mean = sum(values) / len(values)
            variance = sum((value - mean) ** 2 for value in values) / len(values)
            unbiased = variance * len(values) / (len(values) - 1)
            updated = statistics["moving_variance"][channel]
            assert statistics["moving_mean"][channel] == pytest.approx(0.8 * old_mean + 0.2 * mean, rel=1e-13)
            assert updated == pytest.approx(0.8 * old_variance + 0.2 * variance, rel=1e-13)
            assert updated != pytest.approx(0.8 * old_variance + 0.2 * unbiased, rel=1e-4)
            assert updated != pytest.approx(0.2 * old_variance + 0.8 * variance, rel=1e-4)
        expected = [gamma * (value - mean) / math.sqrt(variance + 0.3) + beta for value in values]
        np.testing.assert_allclose(y[..., channel].ravel(), expected, rtol=0, atol=1e-14)
    assert training == bool(statistics)


def test_batch_normalization_predicts_unless_it_is_told_to_train() -> None:
    """By its running statistics, which stay; without an epsilon a variance of 0 is none, and a small one is."""
    layer = BatchNormalization(momentum=0.8, epsilon=0.3)
    x, weights, _ = sample(layer, (4,))
    forward = layer.forward(x, weights)
    np.testing.assert_array_equal(forward.y, layer.forward(x, weights, training=False).y)
    assert not forward.statistics
    least = {spec.name: spec.least for spec in BatchNormalization(epsilon=0.0).weight_specs((4,))}
    assert 0 < least["moving_variance"] <= 1e-30
