"""Reports made in this process, of the reference under other names, whole or spoiled."""

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.parity.answers import run_here
from genrebench.parity.inputs import ParityInputs, make_inputs
from genrebench.parity.outputs import Outputs, Trace
from genrebench.parity.report import Report
from genrebench.parity.run import compare_outputs

Spoil = Callable[[Outputs], Outputs | None]
CompareCopies = Callable[..., Report]
SMALL = genre_cnn((17, 20), 4)


@pytest.fixture(scope="session")
def compare_copies() -> CompareCopies:
    """Offer a function that runs the whole report on small inputs.

    Returns
    -------
    callable
        ``compare_copies({"name": spoil}, architecture=...)``: the report about copies of the reference's outputs, each
        spoiled by the function given with its name, which changes them in place or returns others.
    """
    cache: dict[Architecture, Outputs] = {}

    def make(spoiled: dict[str, Spoil], architecture: Architecture = SMALL) -> Report:
        """Compare copies of the reference's outputs with the reference."""
        inputs = make_inputs(architecture, steps=3)
        if architecture not in cache:
            cache[architecture] = run_here(inputs, "numpy")
        outputs = {"numpy": cache[architecture]}
        for name, spoil in spoiled.items():
            copied = copy.deepcopy(cache[architecture])
            outputs[name] = spoil(copied) or copied
        return compare_outputs(inputs, outputs, backends=tuple(spoiled), reference="numpy")

    return make


def unspoiled(outputs: Outputs) -> None:
    """Leave the outputs as they are."""


def scaled_pooling(outputs: Outputs) -> None:
    """Make the first pooling give a thousandth too much, in both modes."""
    for trace in (outputs.evaluation, outputs.training):
        trace.outputs["max_pooling2d"] *= 1.001


def overflow(outputs: Outputs) -> None:
    """Put an infinity into a gradient and NaN into a loss."""
    outputs.gradients.gradients["dense/kernel"][0, 0] = np.inf
    assert outputs.steps.losses is not None
    outputs.steps.losses[1] = np.nan


def raises_in_training(outputs: Outputs) -> Outputs:
    """Have the forward pass in training mode fail with markup in the message."""
    return replace(outputs, training=Trace(error="RuntimeError: <script>alert(1)</script> | *a*"))


@pytest.fixture(scope="session")
def passing(compare_copies: CompareCopies) -> Report:
    """Make a report in which every gate holds."""
    return compare_copies({"mine": unspoiled, "yours": unspoiled})


@pytest.fixture(scope="session")
def failing(compare_copies: CompareCopies) -> Report:
    """Make a report with all that can go wrong, about backends with awkward names."""
    return compare_copies(
        {"<b>mine</b>": scaled_pooling, "o|v*r": overflow, "raising": raises_in_training, "fine": unspoiled}
    )


def against(inputs: ParityInputs, outputs: dict[str, Outputs], reference: str = "numpy") -> Report:
    """Compare all other outputs with those of the reference."""
    others = tuple(name for name in outputs if name != reference)
    return compare_outputs(inputs, outputs, backends=others, reference=reference)
