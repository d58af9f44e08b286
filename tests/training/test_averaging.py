"""The moving average of weights."""

import numpy as np

from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.reference import ReferenceNetwork
from genrebench.training.averaging import AveragedWeights


def test_the_average_follows_its_formula_statistics_included() -> None:
    """Less is kept in the first steps; the running statistics are averaged as weights are."""
    architecture = genre_cnn((32, 16), 3)
    rng = np.random.default_rng(0)
    weights = architecture.initial_weights(0)
    before = {name: value.copy() for name, value in weights.items()}
    average = AveragedWeights(0.9, weights, lambda each: ReferenceNetwork(architecture, each, dtype="float32"))
    expected = {name: value.astype(np.float64) for name, value in weights.items()}
    for step in range(1, 121):
        new = {name: value + rng.normal(0, 1, value.shape).astype(np.float32) for name, value in before.items()}
        average.update(new, step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = {name: decay * expected[name] + (1 - decay) * new[name] for name in expected}
    assert "batch_normalization/moving_variance" in average.weights
    for name, value in average.weights.items():
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(weights[name], before[name])
    assert all(np.array_equal(each, average.weights[name]) for name, each in average.network().weights().items())
