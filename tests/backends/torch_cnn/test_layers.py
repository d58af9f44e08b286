"""Each layer in PyTorch against definitions in NumPy: each semantic of Keras, and the mistakes that are near."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from genrebench.backend import Adam
from genrebench.network import Architecture
from genrebench.network.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPooling2D,
    same_padding,
)
from tests.backends.torch_cnn.networks import RNG, build

torch = pytest.importorskip("torch")


def pool_by_definition(x: NDArray[Any], pool: tuple[int, int], strides: tuple[int, int]) -> NDArray[Any]:
    """Pool with ``same`` padding by looking at every window.

    Parameters
    ----------
    x : ndarray [shape=(height, width)]
        Input.

    Returns
    -------
    ndarray [shape=(ceil(height / stride), ceil(width / stride))]
        Maximum of each window.
    """
    tops, lefts = (same_padding(size, *each)[0] for size, *each in zip(x.shape, pool, strides, strict=True))
    output = np.empty([-(-size // stride) for size, stride in zip(x.shape, strides, strict=True)])
    for i in range(output.shape[0]):
        for j in range(output.shape[1]):
            top, left = i * strides[0] - tops, j * strides[1] - lefts
            output[i, j] = x[max(top, 0) : top + pool[0], max(left, 0) : left + pool[1]].max()
    return output


@pytest.mark.parametrize("size", range(2, 41))
def test_same_pooling_is_keras_own_for_every_size(size: int) -> None:
    """Windows of 1 to 4 and strides of 1 to 3, for height and width apart, against brute force."""
    for window, stride in ((2, 1), (3, 1), (2, 2), (3, 2), (4, 2), (1, 3), (2, 3), (4, 3)):
        pool = MaxPooling2D((window, 3), (stride, 2), padding="same")
        network = build(Architecture((size, 7, 1), (pool, Flatten())))
        x = RNG.normal(size=(size, 7)) - 5  # negative, so that padding with zeros would win
        expected = pool_by_definition(x, pool.pool_size, pool.strides)
        np.testing.assert_array_equal(network.logits(x[None, ..., None])[0], expected.ravel())


def test_symmetric_pooling_would_be_noticed() -> None:
    """PyTorch's own padding=1 gives other windows where TensorFlow pads one side only."""
    x = RNG.normal(size=(126, 128))
    expected = pool_by_definition(x, (3, 3), (2, 2))
    symmetric = torch.nn.functional.max_pool2d(torch.tensor(x)[None], 3, 2, padding=1)[0].numpy()
    assert symmetric.shape == expected.shape
    assert (symmetric != expected).mean() > 0.5


def test_convolution_and_dense_use_keras_layouts() -> None:
    """A kernel [height, width, in, out] is slid without flipping; a dense kernel is [in, out]; relu cuts at 0."""
    layer = Conv2D(4, (2, 3), strides=(2, 1), activation="relu")
    network = build(Architecture((7, 6, 3), (layer, Flatten(), Dense(2))))
    weights, x = network.weights(), RNG.normal(size=(2, 7, 6, 3))
    windows = np.lib.stride_tricks.sliding_window_view(x, (2, 3), axis=(1, 2))[:, ::2]
    conv = np.maximum(np.einsum("nijchw,hwco->nijo", windows, weights["conv2d/kernel"]) + weights["conv2d/bias"], 0)
    dense = conv.reshape(2, -1) @ weights["dense/kernel"] + weights["dense/bias"]
    np.testing.assert_allclose(network.trace(x, training=False)["conv2d"], conv, rtol=1e-12)
    np.testing.assert_allclose(network.logits(x), dense, rtol=1e-12)
    swapped = conv.transpose(0, 3, 1, 2).reshape(2, -1) @ weights["dense/kernel"] + weights["dense/bias"]
    assert np.abs(swapped - dense).max() > 0.1


def test_padded_convolution_and_vectors_of_batch_normalization() -> None:
    """Layers beyond the genre network: a padded convolution and normalized vectors."""
    layers: tuple[Layer, ...] = (Conv2D(2, (3, 2), padding="same"), Flatten(), BatchNormalization(), Dense(2))
    network = build(Architecture((5, 4, 1), layers))
    weights, x = network.weights(), RNG.normal(size=(3, 5, 4, 1))
    padded = np.pad(x, ((0, 0), (1, 1), (0, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 2), axis=(1, 2))
    conv = np.einsum("nijchw,hwco->nijo", windows, weights["conv2d/kernel"]) + weights["conv2d/bias"]
    trace = network.trace(x, training=True)
    np.testing.assert_allclose(trace["conv2d"], conv, rtol=1e-12)
    flat = conv.reshape(3, -1)
    scale = weights["batch_normalization/gamma"] / np.sqrt(flat.var(axis=0) + 1e-3)
    expected = (flat - flat.mean(axis=0)) * scale + weights["batch_normalization/beta"]
    np.testing.assert_allclose(trace["batch_normalization"], expected, rtol=1e-10)


def test_batch_normalization_has_keras_momentum_epsilon_and_biased_variance() -> None:
    """In training the batch's statistics normalize and the running ones follow slowly; in evaluation those count."""
    network = build(Architecture((4, 3, 2), (BatchNormalization(momentum=0.9, epsilon=0.01), Flatten(), Dense(2))))
    old, x = network.weights(), RNG.normal(2, 3, size=(5, 4, 3, 2))
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    gamma, beta = old["batch_normalization/gamma"], old["batch_normalization/beta"]
    trace = network.trace(x, training=True)
    expected = gamma * (x - mean) / np.sqrt(variance + 0.01) + beta
    np.testing.assert_allclose(trace["batch_normalization"], expected, rtol=1e-10, atol=1e-12)
    running = 0.9 * old["batch_normalization/moving_variance"] + 0.1 * variance
    np.testing.assert_allclose(trace["batch_normalization/moving_variance"], running, rtol=1e-12)
    assert np.abs(running - (0.9 * old["batch_normalization/moving_variance"] + 0.1 * variance * 60 / 59)).max() > 1e-3
    np.testing.assert_allclose(
        trace["batch_normalization/moving_mean"], 0.9 * old["batch_normalization/moving_mean"] + 0.1 * mean, rtol=1e-12
    )
    evaluated = network.trace(x, training=False)["batch_normalization"]
    scale = gamma / np.sqrt(old["batch_normalization/moving_variance"] + 0.01)
    np.testing.assert_allclose(evaluated, scale * (x - old["batch_normalization/moving_mean"]) + beta, rtol=1e-10)


def test_dropout_drops_in_training_only_and_by_its_seed() -> None:
    """About 30 % are dropped, the rest is scaled up, evaluation is untouched, and the seed fixes the draw."""
    architecture = Architecture((1, 1, 4000), (Flatten(), Dropout(0.3), Dense(2)))
    x, mask = np.ones((1, 1, 1, 4000)), np.zeros((1, 4000))
    network = build(architecture)
    np.testing.assert_array_equal(network.trace(x, training=False)["dropout"], 1)
    np.testing.assert_array_equal(network.trace(x, training=True)["dropout"], 1)
    mask[:, ::2] = 1
    given = network.trace(x, training=True, dropout_masks={"dropout": mask})["dropout"]
    np.testing.assert_allclose(given, mask / 0.7)
    draws = []
    for seed in (0, 0, 1):
        network.start_training(Adam(), seed=seed)
        network._layers.train()
        draws.append(dict(network._layers.run(network._to_torch(x)))["dropout"].numpy())
    assert set(np.unique(draws[0].round(6))) == {0, round(1 / 0.7, 6)}
    assert (draws[0] == 0).mean() == pytest.approx(0.3, abs=0.03)
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_masks_of_feature_maps_are_channels_last() -> None:
    """A mask in the shape of a layer's canonical output drops just those values."""
    network = build(Architecture((2, 2, 2), (Dropout(0.5), Flatten(), Dense(2))))
    mask = np.zeros((1, 2, 2, 2))
    mask[0, 0, 1, 0] = 1
    trace = network.trace(np.ones((1, 2, 2, 2)), training=True, dropout_masks={"dropout": mask})
    np.testing.assert_array_equal(trace["dropout"], 2 * mask)
