"""Pooling against loops over its definition; where ties send their gradient."""

import numpy as np
import pytest

from genrebench.errors import ConfigError
from genrebench.network.layers import GlobalAveragePooling2D, MaxPooling2D
from genrebench.network.types import Array, Shape
from tests.network.layers.conftest import describe, sample, windows


def brute_maximum(layer: MaxPooling2D, x: Array) -> Array:
    """Pool with loops."""
    y = np.full((len(x), *layer.output_shape(x.shape[1:])), np.nan)
    for image, output in zip(x, y, strict=True):
        for place, elements in windows(layer, image):
            for channel in range(y.shape[-1]):
                output[*place, channel] = max(image[row, column, channel] for _, _, row, column in elements)
    return y


@pytest.mark.parametrize(("layer", "shape"), MaxPooling2D.examples(), ids=describe)
def test_pooling_equals_loops_over_its_definition(layer: MaxPooling2D, shape: Shape) -> None:
    """Every output value is the maximum of its window."""
    x, _, _ = sample(layer, shape)
    np.testing.assert_array_equal(layer.forward(x, {}).y, brute_maximum(layer, x))


@pytest.mark.parametrize("size", range(2, 41))
def test_same_pooling_has_the_windows_of_the_definition_at_every_size(size: int) -> None:
    """Padding depends on the size; height and width go through all sizes, with windows and strides in all orders."""
    for layer in (
        MaxPooling2D((3, 2), (2, 2), padding="same"),
        MaxPooling2D((2, 3), (2, 3), padding="same"),
        MaxPooling2D((2, 4), (3, 1), padding="same"),
    ):
        x, _, _ = sample(layer, (size, 42 - size, 1))
        np.testing.assert_array_equal(layer.forward(x, {}).y, brute_maximum(layer, x))


def gradient_of_a_tie(layer: MaxPooling2D, height: int, width: int) -> Array:
    """Take 1, 2, 3, ... back through the pooling of zeros."""
    forward = layer.forward(np.zeros((1, height, width, 1)), {}, training=True)
    dx: Array = forward.vjp(np.arange(1.0, 1 + forward.y.size).reshape(forward.y.shape))[0]
    return dx[0, :, :, 0]


def test_a_tie_sends_its_gradient_to_the_first_maximum() -> None:
    """Where all values are equal, the first element of each window row by row, padding aside, gets it."""
    dx = gradient_of_a_tie(MaxPooling2D((2, 2), (2, 2), padding="same"), 3, 4)
    np.testing.assert_array_equal(dx, [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0]])


def test_padding_never_takes_the_gradient_of_a_tie() -> None:
    """With padding at the low end, the window's first element in the input gets it."""
    dx = gradient_of_a_tie(MaxPooling2D((3, 3), (2, 2), padding="same"), 3, 3)
    np.testing.assert_array_equal(dx, [[1, 2, 0], [3, 4, 0], [0, 0, 0]])


def test_ties_go_where_pytorch_sends_them() -> None:
    """On few distinct values, full of ties, both send every gradient to the same place."""
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).integers(0, 3, (2, 9, 8, 3)).astype(np.float64)
    forward = MaxPooling2D((3, 3), (2, 2)).forward(x, {}, training=True)
    cotangent = np.random.default_rng(1).normal(size=forward.y.shape)
    tensor = torch.tensor(x.transpose(0, 3, 1, 2).copy(), requires_grad=True)
    torch.nn.functional.max_pool2d(tensor, 3, 2).backward(torch.tensor(cotangent.transpose(0, 3, 1, 2).copy()))
    np.testing.assert_allclose(forward.vjp(cotangent)[0], tensor.grad.numpy().transpose(0, 2, 3, 1), atol=1e-14)


@pytest.mark.parametrize(("layer", "shape"), GlobalAveragePooling2D.examples(), ids=describe)
def test_global_average_pooling_is_the_mean_of_each_channel(layer: GlobalAveragePooling2D, shape: Shape) -> None:
    """One value per sample and channel, by loops."""
    x, _, _ = sample(layer, shape)
    height, width, channels = shape
    expected = [
        [sum(image[h, w, c] for h in range(height) for w in range(width)) / (height * width) for c in range(channels)]
        for image in x
    ]
    np.testing.assert_allclose(layer.forward(x, {}).y, expected, rtol=1e-14)


def test_global_average_pooling_needs_a_feature_map() -> None:
    """A vector has no height and width."""
    with pytest.raises(ConfigError, match=r"GlobalAveragePooling2D: expected an input of shape \(height, width"):
        GlobalAveragePooling2D().output_shape((5,))
