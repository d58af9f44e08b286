"""Convolution against loops over its definition."""

import math

import numpy as np
import pytest

from genrebench.network.layers import Conv2D
from genrebench.network.types import Shape
from tests.network.layers.conftest import describe, sample, windows


@pytest.mark.parametrize(("layer", "shape"), Conv2D.examples(), ids=describe)
def test_convolution_equals_loops_over_its_definition(layer: Conv2D, shape: Shape) -> None:
    """Every output value is the sum over its window, plus the bias, and rectified where the layer says so."""
    x, weights, _ = sample(layer, shape)
    expected = np.full((len(x), *layer.output_shape(shape)), np.nan)
    for image, output in zip(x, expected, strict=True):
        for place, elements in windows(layer, image):
            for f in range(layer.filters):
                value = weights["bias"][f]
                for i, j, row, column in elements:
                    for c in range(image.shape[-1]):
                        value += image[row, column, c] * weights["kernel"][i, j, c, f]
                output[*place, f] = max(value, 0) if layer.activation == "relu" else value
    np.testing.assert_allclose(layer.forward(x, weights).y, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("layer", "shape"), Conv2D.examples(), ids=describe)
def test_flops_are_two_per_product(layer: Conv2D, shape: Shape) -> None:
    """Every output value is a sum of as many products as the kernel has values for it."""
    kernel, _ = layer.weight_specs(shape)
    per_filter = math.prod(kernel.shape) // layer.filters
    assert layer.flops(shape) == 2 * per_filter * math.prod(layer.output_shape(shape))
    assert Conv2D(32, (3, 3)).flops((63, 64, 32)) == 2 * 9 * 32 * 61 * 62 * 32
