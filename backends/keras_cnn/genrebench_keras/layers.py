"""The layers of an architecture, made of Keras' own.

Kinds, names, parameters, layouts and semantics of an architecture are those of Keras, so nothing is converted; what a
layer does not say is passed all the same, so that no default and no setting of the user's (``~/.keras/keras.json``) has
a say. Nothing here knows a particular network. Import this module after `engines.load_engine`.
"""

import dataclasses
from typing import Any

import keras

from genrebench.network.architecture import Architecture
from genrebench.network.node import Node

_CHANNELS_LAST = {"data_format": "channels_last"}
# By kind, what Keras would decide by itself.
SETTINGS: dict[str, dict[str, Any]] = {
    "Conv2D": {**_CHANNELS_LAST, "dilation_rate": (1, 1), "groups": 1, "use_bias": True},
    "MaxPooling2D": _CHANNELS_LAST,
    "GlobalAveragePooling2D": _CHANNELS_LAST,
    "BatchNormalization": {"axis": -1, "center": True, "scale": True},
    "Flatten": {},
    "Dense": {"use_bias": True},
    "Dropout": {},
    "Activation": {},
}


def _build_layer(node: Node, dtype: str) -> keras.layers.Layer:
    """Build the Keras layer of a node."""
    layer = node.layer
    parameters = {field.name: getattr(layer, field.name) for field in dataclasses.fields(layer)}
    parameters.pop("running_variance", None)  # Keras' is the biased one, as the architecture wants it
    if "order" in parameters:
        parameters["data_format"] = parameters.pop("order")
    initializers = {f"{spec.name}_initializer": spec.initializer for spec in layer.weight_specs(*node.input_shapes)}
    given = {**SETTINGS[layer.kind], **parameters, **initializers, "name": node.name, "dtype": dtype}
    return getattr(keras.layers, layer.kind)(**given)


def build_model(architecture: Architecture, dtype: str) -> keras.Sequential:
    """Build the Keras model of an architecture.

    One Keras layer for each node, under its name, with Keras' own initial weights: set the canonical ones. The dtype,
    ``float32`` or ``float64``, is given to each layer: Keras' global policy is neither read nor changed.
    """
    nodes = architecture.walk()
    input_name = "input_layer"
    while input_name in {node.name for node in nodes}:  # Keras counts the input among the layers
        input_name += "_"
    inputs = keras.Input(architecture.input_shape, dtype=dtype, name=input_name)
    return keras.Sequential([inputs, *(_build_layer(node, dtype) for node in nodes)], name="sequential")
