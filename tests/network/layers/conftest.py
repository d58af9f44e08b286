"""One layer at a time: inputs and weights for it, and windows by loops."""

import math
from collections.abc import Iterator

import numpy as np

from genrebench.network.layers import LAYER_KINDS, Conv2D, Dropout, Layer, MaxPooling2D
from genrebench.network.types import Array, Shape, Weights

EXAMPLES = [example for kind in LAYER_KINDS.values() for example in kind.examples()]


def describe(case: object) -> str | None:
    """Name a case of a parametrized test."""
    return repr(case).replace("name='', ", "") if isinstance(case, Layer) else None


def sample(layer: Layer, shape: Shape) -> tuple[Array, Weights, Array | None]:
    """Draw an input [shape=(3, ...)] and weights for one layer, and a mask for dropout."""
    rng = np.random.default_rng(5)
    weights: Weights = {
        spec.name: rng.uniform(0.5, 1.5, spec.shape) - 0.9 * (spec.name == "kernel")
        for spec in layer.weight_specs(shape)
    }
    mask = rng.integers(0, 2, (3, *shape)) if isinstance(layer, Dropout) else None
    return rng.normal(size=(3, *shape)), weights, mask


def brute_padding(size: int, window: int, stride: int, padding: str) -> tuple[int, int]:
    """Find the smallest padding with which enough windows fit, by trying."""
    if padding == "valid":
        return 0, len(range(0, size - window + 1, stride))
    wanted, total = math.ceil(size / stride), 0
    while len(range(0, size + total - window + 1, stride)) < wanted:
        total += 1
    return total // 2, wanted


def windows(
    layer: Conv2D | MaxPooling2D, image: Array
) -> Iterator[tuple[tuple[int, int], list[tuple[int, int, int, int]]]]:
    """Go through all windows of one image [shape=(h, w, c)], element by element.

    Yields
    ------
    tuple
        Output position, and ``(i, j, row, column)`` of all of the window's elements that lie in the image.
    """
    height, width = layer.kernel_size if isinstance(layer, Conv2D) else layer.pool_size
    top, rows = brute_padding(image.shape[0], height, layer.strides[0], layer.padding)
    left, columns = brute_padding(image.shape[1], width, layer.strides[1], layer.padding)
    for p in range(rows):
        for q in range(columns):
            corner = p * layer.strides[0] - top, q * layer.strides[1] - left
            elements = [(i, j, corner[0] + i, corner[1] + j) for i in range(height) for j in range(width)]
            yield (p, q), [each for each in elements if 0 <= each[2] < image.shape[0] and 0 <= each[3] < image.shape[1]]
