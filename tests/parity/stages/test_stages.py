"""Gates: what is missing never passes, in whichever stage."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from genrebench.network.architecture import Architecture
from genrebench.network.layers import Flatten, MaxPooling2D
from genrebench.parity.answers import run_here
from genrebench.parity.inputs import make_inputs
from genrebench.parity.outputs import Outputs
from tests.parity.conftest import CompareCopies, against

NO_WEIGHTS = Architecture((4, 5, 1), (MaxPooling2D((2, 2), (2, 2)), Flatten()))


CLEARED: dict[str, Callable[[Outputs], object]] = {
    "weights": lambda outputs: outputs.weights.values.clear(),
    "evaluation": lambda outputs: outputs.evaluation.outputs.clear(),
    "training": lambda outputs: outputs.training.outputs.clear(),
    "statistics": lambda outputs: outputs.training.statistics.clear(),
    "loss": lambda outputs: replace(outputs, gradients=replace(outputs.gradients, loss=None)),
    "gradients": lambda outputs: outputs.gradients.gradients.clear(),
    "adam": lambda outputs: outputs.adam.weights.clear(),
    "moment": lambda outputs: outputs.adam.v.clear(),
    "steps": lambda outputs: outputs.steps.weights.clear(),
    "weights32": lambda outputs: outputs.weights_float32.values.clear(),
}


@pytest.mark.parametrize("answer", CLEARED)
def test_an_empty_answer_does_not_pass(answer: str, compare_copies: CompareCopies) -> None:
    """No tensors are no proof: what is missing diverges, whatever was asked."""
    report = compare_copies({"mine": CLEARED[answer]})
    assert not report.passed
    notes = [row.note for stage in report.stages for each in stage.comparisons for row in each.rows]
    assert any(note.startswith("missing") for note in notes)


def test_a_network_without_weights_is_compared_all_the_same() -> None:
    """There is nothing to train in it, and all that there is agrees."""
    inputs = make_inputs(NO_WEIGHTS, steps=2)
    right = run_here(inputs, "numpy")
    report = against(inputs, {"mine": right, "numpy": right})
    assert report.passed, report.findings
