"""Blame: the one that is off is named, with the first layer and the reason; nobody else is."""

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from genrebench.network.adam import Adam
from genrebench.parity import answers
from genrebench.parity.answers import run_here
from genrebench.parity.inputs import make_inputs
from genrebench.parity.outputs import AdamUpdate, Outputs, Trace
from tests.parity.conftest import SMALL, CompareCopies, against, unspoiled

INPUTS = make_inputs(SMALL, steps=2)


@pytest.fixture(scope="module")
def right() -> Outputs:
    """Compute by definition."""
    return run_here(INPUTS, "numpy")


def test_a_reference_that_is_off_is_named_and_nobody_else(right: Outputs) -> None:
    """Each layer is held to its definition, whoever is the reference."""
    flipped = INPUTS.weights | {"conv2d_1/kernel": INPUTS.weights["conv2d_1/kernel"][::-1, ::-1]}
    wrong = run_here(replace(INPUTS, weights=flipped), "numpy")
    report = against(INPUTS, {"mine": right, "other": wrong}, "other")
    assert not report.passed
    (finding,) = report.findings
    assert finding.row is not None
    assert finding.cause is not None
    assert (finding.backend, finding.row.tensor) == ("other", "conv2d_1")
    assert (finding.cause.id, finding.cause.parameters) == ("kernel-layout", {"layout": "flipped"})
    assert report.verdict.startswith("other is off against the definitions, although it is the reference")
    assert against(INPUTS, {"mine": right, "other": copy.deepcopy(right)}, "other").passed


def summed_loss(outputs: Outputs) -> Outputs:
    """Sum the loss over the batch, and its gradients."""
    count = len(INPUTS.labels)
    gradients = {name: value * count for name, value in outputs.gradients.gradients.items()}
    assert outputs.gradients.loss is not None
    return replace(
        outputs, gradients=replace(outputs.gradients, loss=outputs.gradients.loss * count, gradients=gradients)
    )


def doubled_gradient(outputs: Outputs) -> None:
    """Double the gradient of one weight."""
    for answer in (outputs.gradients, outputs.perturbed):
        answer.gradients["dense/kernel"] *= 2


def other_rate(outputs: Outputs) -> None:
    """Update with twice the learning rate."""
    for name, value in outputs.adam.weights.items():
        value += value - INPUTS.weights[name]


def unbiased(outputs: Outputs) -> None:
    """Follow the unbiased variance."""
    for name, value in outputs.training.statistics.items():
        if name == "batch_normalization/moving_variance":
            old = INPUTS.weights[name]
            count = outputs.training.outputs["batch_normalization"][..., 0].size
            value += (value - 0.99 * old) / (count - 1)


@pytest.mark.parametrize(
    ("spoil", "stage", "tensor", "cause"),
    [
        (summed_loss, "loss", "", "loss-reduction"),
        (doubled_gradient, "gradients", "dense/kernel", "gradient"),
        (other_rate, "adam", "conv2d/kernel", "adam-rule"),
        (unbiased, "training", "batch_normalization/moving_variance", "running-variance"),
    ],
)
def test_a_reference_is_held_to_the_definitions_in_all_that_it_computes(
    spoil: Callable[[Outputs], Outputs | None], stage: str, tensor: str, cause: str, right: Outputs
) -> None:
    """Loss, gradients, update, running statistics: the reference is blamed, not the backend that is right."""
    wrong = copy.deepcopy(right)
    wrong = spoil(wrong) or wrong
    report = against(INPUTS, {"mine": right, "other": wrong}, "other")
    assert not report.passed
    assert {finding.backend for finding in report.findings} == {"other"}
    first = report.findings[0]
    assert first.row is not None
    assert first.cause is not None
    assert (first.stage, first.row.tensor, first.cause.id) == (stage, tensor, cause)
    assert report.verdict.startswith("other is off against the definitions, although it is the reference")


def test_a_mistake_of_reference_and_backend_alike_is_named(right: Outputs) -> None:
    """All gates hold, and still the verdict says that the reference is off."""
    wrong = summed_loss(copy.deepcopy(right))
    report = against(INPUTS, {"mine": copy.deepcopy(wrong), "other": wrong}, "other")
    assert report.passed
    assert {finding.backend for finding in report.findings} == {"other", "mine"}
    assert "gates hold" in report.verdict
    assert "other is off against the definitions" in report.verdict


def test_the_definitions_are_computed_only_for_another_reference(
    right: Outputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NumPy as reference is not held to itself."""
    monkeypatch.setattr(answers, "run_here", lambda *arguments: pytest.fail("asked again"))
    assert against(INPUTS, {"mine": right, "numpy": right}).passed


def test_the_reason_of_what_is_missing_is_told(compare_copies: CompareCopies) -> None:
    """A backend that raises instead of computing says why, and what it says reaches the reader."""

    def refuse(outputs: Outputs) -> Outputs:
        """Compute nothing, and say why; and fail in Adam for another reason."""
        silent = Trace(error="NotImplementedError: no trace in this backend")
        return replace(outputs, evaluation=silent, training=silent, adam=AdamUpdate(error="KeyError: 'step'"))

    report = compare_copies({"mine": refuse, "fine": unspoiled})
    messages = [finding.message for finding in report.findings]
    assert "NotImplementedError: no trace in this backend" in messages[0]
    assert any("KeyError: 'step'" in message for message in messages[1:])
    assert {finding.backend for finding in report.findings} == {"mine"}


def test_backends_that_agree_with_each_other_put_the_reference_in_doubt(compare_copies: CompareCopies) -> None:
    """Two that are off alike; one that is off alone is named beside the one that agrees."""

    def scale(outputs: Outputs) -> None:
        """Scale a layer."""
        outputs.evaluation.outputs["dense_1"] *= 1.5

    assert "numpy may be the one that is off" in compare_copies({"mine": scale, "yours": scale}).verdict
    verdict = compare_copies({"mine": scale, "yours": unspoiled}).verdict
    assert verdict.endswith("yours agrees with numpy.")


def test_equal_causes_are_told_once(compare_copies: CompareCopies) -> None:
    """One finding for all layers with the same mistake, which names the others."""

    def frozen(outputs: Outputs) -> None:
        """Keep the running statistics."""
        outputs.training.statistics.update({name: INPUTS.weights[name] for name in SMALL.statistics})

    (finding,) = compare_copies({"mine": frozen}).findings
    assert finding.cause is not None
    assert (finding.cause.id, finding.cause.parameters) == ("statistics-frozen", {})
    assert finding.message.endswith(", ".join(SMALL.statistics[1:]))


def test_a_learning_rate_is_told_as_a_number(compare_copies: CompareCopies) -> None:
    """A cause has parameters."""
    report = compare_copies({"mine": other_rate})
    cause = report.findings[0].cause
    assert cause is not None
    assert cause.parameters == {"learning_rate": pytest.approx(2 * Adam().learning_rate)}


def test_numbers_beyond_all_measure_are_an_error_of_the_backend(compare_copies: CompareCopies) -> None:
    """Their squares overflow, and JSON has no infinity."""

    def grow(outputs: Outputs) -> None:
        """Make a layer's output enormous."""
        outputs.evaluation.outputs["dense_1"] = np.full_like(outputs.evaluation.outputs["dense_1"], 1e300)
        outputs.gradients.gradients["dense_1/bias"] *= 1e250

    assert not compare_copies({"mine": grow}).passed
