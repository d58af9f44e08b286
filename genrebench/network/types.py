"""Types that every room above shares: arrays, shapes, weights by name."""

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
# Without the batch axis, channels last.
Shape = tuple[int, ...]
# Canonical weights: names such as ``conv2d_1/kernel``, Keras' layouts.
Weights = dict[str, Array]
