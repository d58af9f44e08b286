"""Hypotheses about convolutions and dense layers: kernels, biases, activations, where the weights come from."""

from dataclasses import replace

import numpy as np

from genrebench.network.numerics import FORWARD_TOLERANCE, log_softmax, relative_error
from genrebench.network.reference import run_layer, weights_of
from genrebench.parity.ledger.case import LINEAR_KINDS, LayerCase, Predictions, flatten_orders, kernel_layouts


def rectifier_after_normalization(case: LayerCase) -> Predictions:
    """Predict a rectifier that was moved behind the next batch normalization."""
    if case.kind == "BatchNormalization":
        before = next((each for each in reversed(case.architecture.layers[: case.index]) if hasattr(each, "filters")
                       or hasattr(each, "units")), None)  # fmt: skip
        if before is None or getattr(before, "activation", "") != "relu":
            return
        if before.name in case.outputs and (case.outputs[before.name] < 0).any():
            yield f"rectifies after normalizing, expected before, in {before.name}", np.maximum(case.expected, 0)
        return
    if case.layer.activation != "relu":
        return
    for before, layer in zip(case.architecture.layers[case.index :], case.architecture.layers[case.index + 1 :]):  # noqa: B905 - neighbors
        if layer.kind in LINEAR_KINDS or before.name not in case.outputs or layer.name not in case.outputs:
            return
        if layer.kind == "BatchNormalization":
            normalized = run_layer(layer, case.weights, case.outputs[before.name], training=case.training)[layer.name]
            if relative_error(np.maximum(normalized, 0), case.outputs[layer.name]) < FORWARD_TOLERANCE:
                linear = case.run(layer=replace(case.layer, activation="linear"))
                yield f"rectifies after {layer.name}, expected before it", linear
            return


def activation(case: LayerCase) -> Predictions:
    """Predict a rectifier that is missing or one too many."""
    if getattr(case.layer, "activation", "linear") == "relu":
        yield "linear output, expected relu", case.run(layer=replace(case.layer, activation="linear"))
    else:
        yield "rectified output, expected a linear one", np.maximum(case.expected, 0)


def softmax(case: LayerCase) -> Predictions:
    """Predict a network that ends in probabilities."""
    if case.index == len(case.architecture.layers) - 1:
        yield "gives probabilities, expected logits", np.exp(log_softmax(case.expected))
        yield "gives log-probabilities, expected logits", log_softmax(case.expected)


def kernel_layout(case: LayerCase) -> Predictions:
    """Predict a kernel whose axes were mixed up."""
    kernel = case.weight("kernel")
    for text, other in kernel_layouts(kernel):
        yield text, case.run(weights={"kernel": other})
    if case.kind == "Dense" and case.index and case.architecture.layers[case.index - 1].kind == "Flatten":
        shape = case.architecture.shapes()[case.index - 1]
        for axes, text in flatten_orders(shape):
            rows = kernel.reshape(*(shape[axis] for axis in axes), -1)
            back = rows.transpose(*np.argsort(axes), len(axes)).reshape(kernel.shape)
            yield f"kernel's rows flattened {text}", case.run(weights={"kernel": back})


def bias_dropped(case: LayerCase) -> Predictions:
    """Predict a layer without its bias, or normalization without its scale or offset."""
    if case.kind in LINEAR_KINDS:
        yield "no bias is added", case.run(weights={"bias": np.zeros_like(case.weight("bias"))})
        return
    ones, zeros = np.ones_like(case.weight("gamma")), np.zeros_like(case.weight("beta"))
    yield "no offset (beta) is added", case.run(weights={"beta": zeros})
    yield "no scale (gamma) is applied", case.run(weights={"gamma": ones})
    yield "neither scale (gamma) nor offset (beta) is applied", case.run(weights={"gamma": ones, "beta": zeros})
    yield (
        "scale (gamma) and offset (beta) exchanged",
        case.run(weights={"gamma": case.weight("beta"), "beta": case.weight("gamma")}),
    )


def weights_swapped(case: LayerCase) -> Predictions:
    """Predict the weights of another layer of the same shapes."""
    own = {name.split("/")[1]: value for name, value in weights_of(case.layer, case.weights).items()}
    for other in case.architecture.layers:
        theirs = {name.split("/")[1]: value for name, value in weights_of(other, case.weights).items()}
        fits = {name: value for name, value in theirs.items() if name in own and value.shape == own[name].shape}
        if other.name == case.layer.name or not fits:
            continue
        if len(fits) == len(own):
            yield f"has the weights of {other.name}", case.run(weights=fits)
        for name, value in fits.items():
            yield f"has the {name} of {other.name}", case.run(weights={name: value})


def input_layout(case: LayerCase) -> Predictions:
    """Predict an input whose axes were mixed up."""
    if case.index == 0 and case.x.ndim == 4:
        count, height, width, channels = case.x.shape
        yield "reads the input with height and width exchanged", case.run(x=case.x.transpose(0, 2, 1, 3))
        reshaped = case.x.reshape(count, channels, height, width).transpose(0, 2, 3, 1)
        if channels > 1:
            yield "reads the input as channels-first without transposing it", case.run(x=reshaped)
