"""The layers of an architecture, made of Keras' own.

Names, layouts and semantics of an architecture are those of Keras, so nothing is converted; every semantic is passed
all the same, so that no default and no setting of the user's (``~/.keras/keras.json``) has a say. Nothing here knows a
particular network. Import this module after `engines.load_engine`.
"""

from collections.abc import Callable
from typing import Any

import keras

from genrebench.network import layers
from genrebench.network.architecture import Architecture


def _conv2d(layer: layers.Conv2D, **common: Any) -> keras.layers.Layer:
    """Build a convolution."""
    return keras.layers.Conv2D(
        filters=layer.filters,
        kernel_size=layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding,
        data_format="channels_last",
        dilation_rate=(1, 1),
        groups=1,
        activation=layer.activation,
        use_bias=True,
        kernel_initializer=layer.kernel_initializer,
        bias_initializer=layer.bias_initializer,
        **common,
    )


def _max_pooling2d(layer: layers.MaxPooling2D, **common: Any) -> keras.layers.Layer:
    """Build maximum pooling."""
    return keras.layers.MaxPooling2D(
        pool_size=layer.pool_size,
        strides=layer.strides,
        padding=layer.padding,
        data_format="channels_last",
        **common,
    )


def _activation(layer: layers.Activation, **common: Any) -> keras.layers.Layer:
    """Build an activation alone."""
    return keras.layers.Activation(activation=layer.activation, **common)


def _batch_normalization(layer: layers.BatchNormalization, **common: Any) -> keras.layers.Layer:
    """Build batch normalization; Keras' running variance is the biased one, as the architecture wants it."""
    initializers = {f"{spec.name}_initializer": spec.initializer for spec in layer.weight_specs((1,))}
    return keras.layers.BatchNormalization(
        axis=-1,
        momentum=layer.momentum,
        epsilon=layer.epsilon,
        center=True,
        scale=True,
        **initializers,
        **common,
    )


def _flatten(layer: layers.Flatten, **common: Any) -> keras.layers.Layer:
    """Build flattening."""
    return keras.layers.Flatten(data_format=layer.order, **common)


def _dense(layer: layers.Dense, **common: Any) -> keras.layers.Layer:
    """Build a matrix product."""
    return keras.layers.Dense(
        units=layer.units,
        activation=layer.activation,
        use_bias=True,
        kernel_initializer=layer.kernel_initializer,
        bias_initializer=layer.bias_initializer,
        **common,
    )


def _dropout(layer: layers.Dropout, **common: Any) -> keras.layers.Layer:
    """Build dropout."""
    return keras.layers.Dropout(rate=layer.rate, **common)


BUILDERS: dict[str, Callable[..., keras.layers.Layer]] = {
    "Conv2D": _conv2d,
    "MaxPooling2D": _max_pooling2d,
    "BatchNormalization": _batch_normalization,
    "GlobalAveragePooling2D": lambda layer, **common: keras.layers.GlobalAveragePooling2D("channels_last", **common),
    "Flatten": _flatten,
    "Dense": _dense,
    "Dropout": _dropout,
    "Activation": _activation,
}


def build_model(architecture: Architecture, dtype: str) -> keras.Sequential:
    """Build the Keras model of an architecture.

    Parameters
    ----------
    dtype : str
        ``float32`` or ``float64``, given to each layer: Keras' global policy is neither read nor changed.

    Returns
    -------
    keras.Sequential
        One Keras layer for each node, under its name, with Keras' own initial weights: set the canonical ones.
    """
    nodes = architecture.walk()
    input_name = "input_layer"
    while input_name in {node.name for node in nodes}:  # Keras counts the input among the layers
        input_name += "_"
    return keras.Sequential(
        [
            keras.Input(architecture.input_shape, dtype=dtype, name=input_name),
            *(BUILDERS[node.layer.kind](node.layer, name=node.name, dtype=dtype) for node in nodes),
        ],
        name="sequential",
    )
