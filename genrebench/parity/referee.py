"""One layer at a time, by definition: the NumPy backend on networks of a single layer.

What a layer gives for an input that a backend computed separates the layer's own error from what it inherited, and a
layer with one semantic swapped shows whether that semantic explains a difference.
"""

import math
from collections.abc import Mapping

from genrebench.backend.protocol import Network
from genrebench.backend.registry import load_backend
from genrebench.network.architecture import Architecture
from genrebench.network.layers import Flatten, Layer
from genrebench.network.types import Array, Weights

_HELPER = "genrebench_helper"


def build_referee(architecture: Architecture, weights: Mapping[str, Array], *, dtype: str = "float64") -> Network:
    """Build a network with the NumPy backend, in this process."""
    return load_backend("numpy")[1].build(architecture, weights, dtype=dtype, device="cpu")


def weights_of(layer: Layer, weights: Mapping[str, Array]) -> Weights:
    """Pick the weights of one layer.

    Parameters
    ----------
    weights : mapping of str to ndarray
        Canonical weights of the network.

    Returns
    -------
    dict of str to ndarray
        Those of the layer, by canonical name.
    """
    return {name: value for name, value in weights.items() if name.startswith(f"{layer.name}/")}


def run_layer(
    layer: Layer,
    weights: Mapping[str, Array],
    x: Array,
    *,
    training: bool = False,
    mask: Array | None = None,
    dtype: str = "float64",
) -> dict[str, Array]:
    """Run one layer by definition.

    Parameters
    ----------
    weights : mapping of str to ndarray
        Canonical weights; those of other layers are ignored.
    x : ndarray [shape=(n, height, width, channels)] or [shape=(n, features)]
        Its input.

    Returns
    -------
    dict of str to ndarray
        The output by the layer's name; in training also updated running statistics by canonical name.

    Raises
    ------
    ConfigError
        If the layer cannot follow such an input.
    """
    helper = Flatten(name=_HELPER)
    if x.ndim == 4:
        shape: tuple[int, ...] = x.shape[1:]
        layers: tuple[Layer, ...] = (layer,) if len(layer.output_shape(shape)) == 1 else (layer, helper)
    else:
        # An architecture begins with a feature map; flattening one pixel of it gives the vector.
        shape, layers = (1, 1, x.shape[-1]), (helper, layer)
    architecture = Architecture(shape, layers)
    masks = {} if mask is None else {layer.name: mask}
    trace = build_referee(architecture, weights_of(layer, weights), dtype=dtype).trace(
        x.reshape(len(x), *shape), training=training, dropout_masks=masks
    )
    return {name: value for name, value in trace.items() if name != _HELPER}


def normalized_values(shape: tuple[int, ...]) -> int:
    """Count the values that one batch statistic is taken over.

    Parameters
    ----------
    shape : tuple of int
        Shape of the normalized tensor, batch axis included, channels last.
    """
    return math.prod(shape[:-1])
