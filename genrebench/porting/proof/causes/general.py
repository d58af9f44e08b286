"""Hypotheses about any layer: where its weights and its input come from, what random layers do."""

from typing import Any

import numpy as np

from genrebench.network.types import Array
from genrebench.parity.ledger.base import FLOAT32_ENTRY, Case, Entry, Prediction, Predictions
from genrebench.porting.proof.case import CallCase

_LAYER = "https://keras.io/api/layers/base_layer/"
_DROPOUT = "https://keras.io/api/layers/regularization_layers/dropout/"
_ORDER = "https://docs.pytorch.org/docs/stable/notes/faq.html"


def _bias(case: CallCase) -> Predictions:
    """Predict a layer without its bias, or with a bias added twice."""
    names = [name for name in case.own if name.rpartition("/")[2] == "bias"]
    for factor, text in ((0.0, "no bias is added"), (2.0, "the bias is added twice")):
        if names:
            own = {name: factor * case.own[name] for name in names}
            yield Prediction(text, case.run(own=own), bias=factor)


def _swapped(case: CallCase) -> Predictions:
    """Predict the weights of another layer of the same shapes."""
    own = case.own
    for layer in case.graph.layers.values():
        if layer.name == case.call.layer.name:
            continue
        theirs = {weight.name: case.weights[f"{layer.name}/{weight.name}"] for weight in layer.weights}
        fits = {name: value for name, value in theirs.items() if name in own and value.shape == own[name].shape}
        if fits and len(fits) == len(own):
            yield Prediction(f"has the weights of {layer.name}", case.run(own=fits), layer=layer.name)
        for name, value in fits.items() if len(own) > 1 else ():
            text = f"has the {name} of {layer.name}"
            yield Prediction(text, case.run(own={name: value}), layer=layer.name, weight=name)


def _initial(case: CallCase) -> Predictions:
    """Predict weights that were not loaded: those that PyTorch's layers begin with where these are known."""
    begins = {"gamma": 1.0, "beta": 0.0, "moving_mean": 0.0, "moving_variance": 1.0}
    own = {name: np.full_like(value, begins[name]) for name, value in case.own.items() if name in begins}
    statistics = {name: value for name, value in own.items() if name.startswith("moving")}
    for text, found in (("running statistics were not loaded", statistics), ("no weight was loaded", own)):
        if found:
            yield Prediction(text, case.run(own=found), weights="initial")


def _input_order(case: CallCase) -> Predictions:
    """Predict an input whose axes were mixed up."""
    mixed: Array
    if case.x.ndim == 4:
        turned = case.x.transpose(0, 2, 1, 3)
        text = "reads its input with height and width exchanged"
        yield Prediction(text, case.run(inputs=(turned, *case.inputs[1:])), layout="height-width")
        count, height, width, channels = case.x.shape
        if channels > 1:
            mixed = case.x.reshape(count, channels, height, width).transpose(0, 2, 3, 1)
            text = "reads channels last as channels first"
            yield Prediction(text, case.run(inputs=(mixed, *case.inputs[1:])), layout="channels-first")
            mixed = np.reshape(case.x.transpose(0, 3, 1, 2), case.x.shape)
            text = "reads channels first as channels last"
            yield Prediction(text, case.run(inputs=(mixed, *case.inputs[1:])), layout="channels-last")
    if case.x.ndim == 3:
        text = "reads its input with steps and features exchanged"
        mixed = case.x.transpose(0, 2, 1).reshape(case.x.shape)
        yield Prediction(text, case.run(inputs=(mixed, *case.inputs[1:])), layout="steps-features")
        mixed = case.x.transpose(1, 0, 2).reshape(case.x.shape)
        text = "reads its input with batch and steps exchanged (batch_first)"
        yield Prediction(text, case.run(inputs=(mixed, *case.inputs[1:])), layout="batch-steps")
    if case.x.ndim > 1 and case.x.shape[-1] == 3:
        flipped = (case.x[..., ::-1], *case.inputs[1:])
        yield Prediction("channels in the order BGR", case.run(inputs=flipped), layout="BGR")


def _random(case: CallCase) -> Predictions:
    """Predict a random layer that acts where it should not, or does not where it should."""
    if case.draws:
        yield Prediction("draws nothing in training", case.run(draws={}), random="none")
        rate = getattr(case.kind, "rate", None)
        if rate and not case.training:
            yield Prediction(
                "drops values in evaluation: eval() forgotten", case.run(training=True), random="evaluation"
            )
        if rate and case.training:
            yield Prediction("does not scale what it keeps", case.expected * (1 - rate), random="not scaled")


GENERAL_ENTRIES: tuple[Entry[Any], ...] = (
    Entry("bias-dropped", "a bias that is left out, or added twice", _LAYER, _bias),
    Entry("random", "a random layer in the wrong mode", _DROPOUT, _random),
    Entry("weights-initial", "weights that were not loaded", _LAYER, _initial),
    Entry("input-layout", "axes of the input mixed up", _ORDER, _input_order),
    Entry("weights-swapped", "weights of another layer", _LAYER, _swapped),
)
SINGLE: Entry[Case] = FLOAT32_ENTRY
