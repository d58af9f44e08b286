"""The layer kinds that an architecture is made of: parameters, shapes and weights, no computation.

Each kind bears the name, the parameters and the meaning of the Keras class (https://keras.io/api/layers/), and says
everything a backend must know, so that no backend falls back on its framework's defaults. Shapes leave the batch axis
out and have the channels last.
"""

from genrebench.network.layers.base import Layer, WeightSpec, is_positive, same_padding
from genrebench.network.layers.kinds import (
    LAYER_KINDS,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPooling2D,
)
from genrebench.network.types import Shape

__all__ = [
    "LAYER_KINDS",
    "BatchNormalization",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "MaxPooling2D",
    "Shape",
    "WeightSpec",
    "is_positive",
    "same_padding",
]
