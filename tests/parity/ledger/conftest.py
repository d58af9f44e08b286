"""Cases of the ledger, and what it finds in them."""

from dataclasses import replace
from typing import Any

import numpy as np

from genrebench.network.architecture import Architecture
from genrebench.network.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Layer
from genrebench.network.node import INPUT
from genrebench.network.reference import run_layer
from genrebench.network.types import Array
from genrebench.parity.inputs import make_inputs
from genrebench.parity.ledger.base import Case, explain
from genrebench.parity.ledger.case import LayerCase
from genrebench.parity.ledger.entries import entries_for

RNG = np.random.default_rng(0)


def layer_case(filters: int, kind: type[Layer], change: str = "") -> LayerCase:
    """Make the case of one layer of a small network, which gives what it should.

    Parameters
    ----------
    change : str
        ``negative`` makes the convolution's own output negative in places, as without its rectifier.
    """
    layers = (Conv2D(filters, (3, 3), activation="relu"), BatchNormalization(), Dropout(0.3), Flatten(), Dense(3))
    architecture = Architecture((8, 9, 1), layers)
    inputs = make_inputs(architecture)
    outputs = {INPUT: inputs.x}
    for node in architecture.walk():
        outputs[node.name] = run_layer(node.layer, inputs.weights, outputs[node.inputs[0]])[node.name]
    x = outputs[next(node for node in architecture.walk() if isinstance(node.layer, kind)).inputs[0]]
    if change == "negative":
        outputs["conv2d"] = outputs["conv2d"] - 1
    node = next(node for node in architecture.walk() if isinstance(node.layer, kind))
    right = outputs[node.name]
    return LayerCase(
        right, right, architecture=architecture, node=node, weights=inputs.weights, x=x, outputs=outputs, training=False
    )


def cause_of(case: Case, received: Array) -> tuple[str, dict[str, Any]] | None:
    """Explain what was received: id and parameters of the cause."""
    wrong = replace(case, received=received)
    cause = explain(entries_for(wrong), wrong)
    return (cause.id, cause.parameters) if cause else None
