"""Hypotheses about convolutions and dense layers: kernels, biases, activations, where the weights come from."""

from dataclasses import replace

import numpy as np

from genrebench.network.numerics import FORWARD_TOLERANCE, log_softmax, relative_error
from genrebench.network.reference import run_layer
from genrebench.parity.ledger.base import Prediction, Predictions
from genrebench.parity.ledger.case import LINEAR_KINDS, LayerCase, flatten_orders, kernel_layouts


def relu_order(case: LayerCase) -> Predictions:
    """Predict a rectifier that was moved behind the next batch normalization."""
    if case.layer.kind == "BatchNormalization":
        yield from _rectified_here(case)
        return
    if case.layer.activation != "relu":
        return
    before = case.node
    while after := next((each for each in case.architecture.walk() if before.name in each.inputs), None):
        if after.layer.kind in LINEAR_KINDS or not {before.name, after.name} <= case.outputs.keys():
            return
        if after.layer.kind == "BatchNormalization":
            given = case.outputs[before.name]
            normalized = run_layer(after.layer, case.weights, given, training=case.training)[after.name]
            if relative_error(np.maximum(normalized, 0), case.outputs[after.name]) < FORWARD_TOLERANCE:
                linear = case.run(layer=replace(case.layer, activation="linear"))
                text = f"rectifies after {after.name}, expected before it"
                yield Prediction(text, linear, normalization=after.name)
            return
        before = after


def _rectified_here(case: LayerCase) -> Predictions:
    """Predict the rectifier of the layer before, behind this normalization."""
    before = case.before
    while before is not None and before.layer.kind not in LINEAR_KINDS:
        before = replace(case, node=before).before
    if before is None or getattr(before.layer, "activation", "") != "relu":
        return
    if before.name in case.outputs and (case.outputs[before.name] < 0).any():
        text = f"rectifies after normalizing, expected before, in {before.name}"
        yield Prediction(text, np.maximum(case.expected, 0), normalization=case.node.name)


def activation(case: LayerCase) -> Predictions:
    """Predict a rectifier that is missing or one too many."""
    if getattr(case.layer, "activation", "linear") == "relu":
        linear = case.run(layer=replace(case.layer, activation="linear"))
        yield Prediction("linear output, expected relu", linear, activation="linear")
    else:
        yield Prediction("rectified output, expected a linear one", np.maximum(case.expected, 0), activation="relu")


def softmax(case: LayerCase) -> Predictions:
    """Predict a network that ends in probabilities."""
    if case.node.name == case.architecture.output:
        logarithms = log_softmax(case.expected)
        yield Prediction("gives probabilities, expected logits", np.exp(logarithms), output="probabilities")
        yield Prediction("gives log-probabilities, expected logits", logarithms, output="log-probabilities")


def kernel_layout(case: LayerCase) -> Predictions:
    """Predict a kernel whose axes were mixed up."""
    kernel = case.weight("kernel")
    for layout, text, other in kernel_layouts(kernel):
        yield Prediction(text, case.run(weights={"kernel": other}), layout=layout)
    if case.layer.kind == "Dense" and case.before and case.before.layer.kind == "Flatten":
        shape = case.before.input_shapes[0]
        for axes, order, text in flatten_orders(shape):
            rows = kernel.reshape(*(shape[axis] for axis in axes), -1)
            back = rows.transpose(*np.argsort(axes), len(axes)).reshape(kernel.shape)
            yield Prediction(f"kernel's rows flattened {text}", case.run(weights={"kernel": back}), layout=order)


def bias_dropped(case: LayerCase) -> Predictions:
    """Predict a layer without its bias, or normalization without its scale or offset."""
    if case.layer.kind in LINEAR_KINDS:
        value = case.run(weights={"bias": np.zeros_like(case.weight("bias"))})
        yield Prediction("no bias is added", value, weight="bias")
        return
    gamma, beta = case.weight("gamma"), case.weight("beta")
    ones, zeros = np.ones_like(gamma), np.zeros_like(beta)
    yield Prediction("no offset (beta) is added", case.run(weights={"beta": zeros}), weight="beta")
    yield Prediction("no scale (gamma) is applied", case.run(weights={"gamma": ones}), weight="gamma")
    text, neither = "neither scale (gamma) nor offset (beta) is applied", {"gamma": ones, "beta": zeros}
    yield Prediction(text, case.run(weights=neither), weight="gamma and beta")
    text, exchanged = "scale (gamma) and offset (beta) exchanged", {"gamma": beta, "beta": gamma}
    yield Prediction(text, case.run(weights=exchanged), weight="gamma for beta")


def weights_swapped(case: LayerCase) -> Predictions:
    """Predict the weights of another layer of the same shapes."""
    own = case.node.own(case.weights)
    for other in case.architecture.walk():
        theirs = other.own(case.weights)
        fits = {name: value for name, value in theirs.items() if name in own and value.shape == own[name].shape}
        if other.name == case.node.name or not fits:
            continue
        if len(fits) == len(own):
            yield Prediction(f"has the weights of {other.name}", case.run(weights=fits), layer=other.name)
        for name, value in fits.items():
            text = f"has the {name} of {other.name}"
            yield Prediction(text, case.run(weights={name: value}), layer=other.name, weight=name)


def input_layout(case: LayerCase) -> Predictions:
    """Predict an input whose axes were mixed up."""
    if case.before is None and case.x.ndim == 4:
        count, height, width, channels = case.x.shape
        text, exchanged = "reads the input with height and width exchanged", case.x.transpose(0, 2, 1, 3)
        yield Prediction(text, case.run(x=exchanged), layout="height-width")
        if channels > 1:
            reshaped = case.x.reshape(count, channels, height, width).transpose(0, 2, 3, 1)
            text = "reads the input as channels-first without transposing it"
            yield Prediction(text, case.run(x=reshaped), layout="channels-first")
