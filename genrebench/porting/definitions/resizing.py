"""Interpolation: each axis of an image times a matrix."""

from collections.abc import Callable

import numpy as np

from genrebench.network.types import Array
from genrebench.porting.primitives import einsum
from genrebench.porting.tape import Value


def resized(x: Value, size: tuple[int, int], method: str, *, antialias: bool = False) -> Value:
    """Interpolate images [shape=(n, height, width, channels)], pixel centers at halves (``tf.image.resize``).

    TensorFlow computes it in float32, and bicubic interpolation from a table of 1,024 offsets: where these are no
    multiples of 1/1024, Keras is right to 1e-3 only.
    """
    rows, columns = (
        Value(matrix(before, after, method, antialias=antialias))
        for before, after in zip(x.shape[1:3], size, strict=True)
    )
    return einsum("pi,nijc,qj->npqc", rows, x, columns)


def matrix(before: int, after: int, method: str, *, antialias: bool = False) -> Array:
    """Compute how much of each old pixel is in each new one [shape=(after, before)]."""
    centers = (np.arange(after) + 0.5) * before / after
    if method == "nearest":
        nearest = np.minimum(np.floor(centers).astype(int), before - 1)
        return np.asarray(np.eye(before)[nearest])
    if method == "area":
        edges = np.arange(after + 1) * before / after
        old = np.arange(before)
        shared = np.minimum(edges[1:, None], old + 1) - np.maximum(edges[:-1, None], old)
        return np.asarray(np.maximum(shared, 0.0) * after / before)
    scale = max(before / after, 1.0) if antialias else 1.0
    kernel, radius = KERNELS[method]
    distance = np.abs(np.arange(before) + 0.5 - centers[:, None]) / scale
    weights = np.where(distance <= radius, kernel(distance), 0.0)
    # At the border, where part of the kernel lies outside, the rest counts more.
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _cubic(x: Array, b: float, c: float) -> Array:
    """Compute the cubic kernels of Mitchell and Netravali ("Reconstruction filters in computer graphics", 1988)."""
    inner = ((12 - 9 * b - 6 * c) * x**3 + (-18 + 12 * b + 6 * c) * x**2 + 6 - 2 * b) / 6
    outer = ((-b - 6 * c) * x**3 + (6 * b + 30 * c) * x**2 + (-12 * b - 48 * c) * x + 8 * b + 24 * c) / 6
    return np.where(x < 1, inner, np.where(x < 2, outer, 0.0))


def _lanczos(x: Array, radius: int) -> Array:
    """Compute ``sinc(x) sinc(x / radius)`` (Duchon, "Lanczos filtering in one and two dimensions", 1979)."""
    return np.asarray(np.sinc(x) * np.sinc(x / radius))


# Of the distance from the new pixel's center, and how far they reach; those of TensorFlow's sampling_kernels.h. Its
# bicubic is Keys' with a = -1/2, which is (b, c) = (0, 1/2).
KERNELS: dict[str, tuple[Callable[[Array], Array], float]] = {
    "bilinear": (lambda x: np.maximum(1 - x, 0.0), 1.0),
    "bicubic": (lambda x: _cubic(x, 0.0, 0.5), 2.0),
    "mitchellcubic": (lambda x: _cubic(x, 1 / 3, 1 / 3), 2.0),
    "lanczos3": (lambda x: _lanczos(x, 3), 3.0),
    "lanczos5": (lambda x: _lanczos(x, 5), 5.0),
    "gaussian": (lambda x: np.exp(-(x**2) / (2 * 0.5**2)), 1.5),
}
