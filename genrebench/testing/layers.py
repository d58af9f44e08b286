"""A check for each layer kind, which looks at the kind's own examples.

Each example is put into a network of three layers: one before it, so that the gradient with respect to its input is
seen in that layer's kernel, and one behind it, so that the gradient with respect to its output is none in particular.
A new kind is checked as soon as it is defined.
"""

import dataclasses
import re

import numpy as np

from genrebench.errors import BackendError
from genrebench.network import Architecture, Shape
from genrebench.network.layers import LAYER_KINDS, Conv2D, Dense, Flatten, Layer
from genrebench.network.numerics import FORWARD_TOLERANCE, GRADIENT_TOLERANCE
from genrebench.network.sampling import random_inputs, random_masks
from genrebench.testing.under_test import GENRE, BackendUnderTest, CheckFailure, CheckSkipped, compare

# A backend must build these; of the others it says so.
REQUIRED = frozenset(node.layer.kind for node in GENRE.walk())


def check_name(kind: str) -> str:
    """Name the check of a layer kind, such as ``layer-max-pooling2d``."""
    return "layer-" + re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind).lower()


def network_around(layer: Layer, shape: Shape) -> Architecture:
    """Put a layer that takes inputs of a shape between two others, under the name ``layer``."""
    layer = dataclasses.replace(layer, name="layer")
    flat = () if len(layer.output_shape(shape)) == 1 else (Flatten(name="flat"),)
    behind = (*flat, Dense(3, name="after"))
    if len(shape) == 3:
        return Architecture((shape[0], shape[1], 2), (Conv2D(shape[2], (1, 1), name="before"), layer, *behind))
    return Architecture((2, 2, 1), (Flatten(), Dense(shape[0], name="before"), layer, *behind))


def describe(layer: Layer, shape: Shape) -> str:
    """Describe an example by what is not a default, such as ``BatchNormalization(momentum=0.8) after Dense``."""
    settings = {field.name: (getattr(layer, field.name), field.default) for field in dataclasses.fields(layer)}
    text = ", ".join(f"{name}={value!r}" for name, (value, default) in settings.items() if value != default)
    return f"{layer.kind}({text}) after {'Conv2D' if len(shape) == 3 else 'Dense'}"


def check_layer(kind: str, under_test: BackendUnderTest) -> None:
    """Check a kind's examples: forward in both modes, logits, and gradients, by the reference.

    Raises
    ------
    CheckSkipped
        If the backend refuses a kind that the genre network does not have.
    CheckFailure
        If a tensor differs; the example, the mode and the tensor are named.
    """
    for layer, shape in LAYER_KINDS[kind].examples():
        architecture = network_around(layer, shape)
        try:
            network, reference = under_test.build_both(architecture)
        except BackendError as error:
            if kind in REQUIRED or kind not in str(error):
                raise
            raise CheckSkipped(f"the backend does not build {kind}") from error
        x, labels = random_inputs(architecture, 5)
        masks = random_masks(architecture, 5)
        stage = "evaluation"
        try:
            compare(network.trace(x, training=False), reference.trace(x, training=False), FORWARD_TOLERANCE)
            compare({"logits": network.logits(x)}, {"logits": reference.logits(x)}, FORWARD_TOLERANCE)
            if under_test.info.predicts_only:
                continue
            stage = "training"
            trace = network.trace(x, training=True, dropout_masks=masks)
            compare(trace, reference.trace(x, training=True, dropout_masks=masks), FORWARD_TOLERANCE)
            stage = "gradient"
            loss, gradients = network.loss_and_gradients(x, labels, dropout_masks=masks)
            expected_loss, expected = reference.loss_and_gradients(x, labels, dropout_masks=masks)
            compare({"loss": np.array(loss)}, {"loss": np.array(expected_loss)}, FORWARD_TOLERANCE)
            # Normalization takes a constant away again, so that the gradient of a bias before it is rounding.
            for each in (gradients, expected):
                each.pop("before/bias", None)
            compare(gradients, expected, GRADIENT_TOLERANCE)
        except Exception as error:  # a backend may raise anything
            found = str(error) if isinstance(error, CheckFailure) else f"{type(error).__name__}: {error}"
            raise CheckFailure(f"{describe(layer, shape)}, {stage}: {found}") from error
