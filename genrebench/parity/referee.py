"""One layer at a time, by definition: the NumPy backend on networks of a single layer.

What a layer gives for an input that a backend computed separates the layer's own error from what it inherited, and a
layer with one semantic swapped shows whether that semantic explains a difference.
"""

import math
from collections.abc import Mapping

from genrebench.network.architecture import Architecture
from genrebench.network.reference import ReferenceNetwork
from genrebench.network.types import Array


def build_referee(
    architecture: Architecture, weights: Mapping[str, Array], *, dtype: str = "float64"
) -> ReferenceNetwork:
    """Build a network with the NumPy backend, in this process."""
    return ReferenceNetwork(architecture, weights, dtype=dtype)


def normalized_values(shape: tuple[int, ...]) -> int:
    """Count the values that one batch statistic is taken over.

    Parameters
    ----------
    shape : tuple of int
        Shape of the normalized tensor, batch axis included, channels last.
    """
    return math.prod(shape[:-1])
