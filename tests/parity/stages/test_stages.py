"""Gates: what is missing never passes, in whichever stage; and no stage raises a false alarm where digits cancel."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from genrebench.network.adam import Adam, adam_step
from genrebench.network.architecture import Architecture
from genrebench.network.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from genrebench.network.types import Array
from genrebench.parity.answers import run_here
from genrebench.parity.compare import compare
from genrebench.parity.inputs import make_inputs
from genrebench.parity.ledger.base import explain
from genrebench.parity.ledger.entries import entries_for
from genrebench.parity.outputs import Logits, Outputs
from genrebench.parity.stages.paths import mask_row
from tests.parity.conftest import SMALL, CompareCopies, against

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


@pytest.mark.parametrize("spoiled", [None, np.zeros((3, 2), np.float32)], ids=["missing", "shape"])
def test_predictions_that_are_missing_or_of_another_shape_do_not_pass(spoiled: Array | None) -> None:
    """The trained model's, too."""
    inputs = make_inputs(SMALL, steps=2, spectrograms=np.zeros((3, *SMALL.input_shape), np.float32))
    right = run_here(inputs, "numpy")
    report = against(inputs, {"mine": replace(right, trained=Logits(spoiled)), "numpy": right})
    assert [stage.id for stage in report.stages if stage.passed is False] == ["trained"]


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_too_few_and_too_many_losses_do_not_pass(count: int, compare_copies: CompareCopies) -> None:
    """Each step has one; three were asked for."""

    def cut(outputs: Outputs) -> Outputs:
        """Give another number of losses."""
        assert outputs.steps.losses is not None
        losses = np.tile(outputs.steps.losses, 2)[:count]
        return replace(outputs, steps=replace(outputs.steps, losses=losses))

    assert compare_copies({"mine": cut}).passed is (count == 3)


def test_a_network_without_weights_is_compared_all_the_same() -> None:
    """There is nothing to train in it, and all that there is agrees."""
    inputs = make_inputs(NO_WEIGHTS, steps=2)
    right = run_here(inputs, "numpy")
    report = against(inputs, {"mine": right, "numpy": right})
    assert report.passed, report.findings


def test_small_gradients_raise_no_false_alarm() -> None:
    """What a weight that moved by a gradient can show of it ends with the weight's last digit."""
    pytest.importorskip("torch")
    layers = (Conv2D(4, (3, 3), activation="relu"), BatchNormalization(), Flatten(), Dense(6), Dense(3))
    architecture = Architecture((9, 11, 1), layers)
    weights = dict(make_inputs(architecture).weights)
    weights["dense_1/kernel"] = weights["dense_1/kernel"] * 1e-7
    inputs = make_inputs(architecture, weights=weights)
    report = against(inputs, {"torch": run_here(inputs, "torch"), "numpy": run_here(inputs, "numpy")})
    assert report.passed, report.findings


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda kept: np.ones_like(kept), "drops nothing"),
        (lambda kept: (kept != 0).astype(float), "not scaled"),
        (lambda kept: np.stack([kept[0], kept[0]]), "same mask"),
        (lambda kept: np.where(kept == 0, 1 / 0.3, 0.0), "other rate"),
        (lambda kept: np.where(np.arange(kept.shape[1]) % 50, kept.max(), 0.0) + 0 * kept, "same mask"),
    ],
)
def test_dropout_that_training_samples_otherwise_is_found(spoil: Callable[[Array], Array], fault: str) -> None:
    """Nothing dropped, not scaled, always the same, the other share: each is named."""
    pytest.importorskip("torch")
    inputs = make_inputs(SMALL, steps=2)
    outputs, right = run_here(inputs, "torch"), run_here(inputs, "numpy")
    kept = outputs.dropout.values["dropout"]
    assert kept.shape == (2, 512)
    assert set(np.unique(kept.round(12))) == {0.0, round(1 / 0.7, 12)}
    assert against(inputs, {"torch": outputs, "numpy": right}).passed
    outputs.dropout.values["dropout"] = spoil(kept)
    (finding,) = against(inputs, {"torch": outputs, "numpy": right}).findings
    assert finding.row is not None
    assert finding.cause is not None
    assert (finding.stage, finding.row.tensor, finding.row.quantity) == ("fast-path", "dropout", "mask")
    assert (finding.cause.id, finding.cause.parameters["fault"]) == ("dropout", fault)


def test_rates_near_one_raise_no_false_alarm() -> None:
    """All values may be dropped twice; and a rate of nothing is explained without dividing by it."""
    for rate in (0.999, 0.995):
        assert not mask_row(Dropout(rate), np.zeros((2, 512))).diverges
    kept = np.where(np.random.default_rng(0).random((2, 512)) < 0.3, 0.0, 1.7)
    row = mask_row(Dropout(0.0), kept)
    assert row.diverges
    assert explain(entries_for(row.case), row.case) is None


def test_a_loss_of_nothing_excuses_no_other() -> None:
    """Relative to the loss of equal logits, not to zero."""
    row = compare("", np.array(5.0), np.array(0.0), quantity="loss", tolerance=1e-12, floor=1.386)
    assert row.diverges
    assert row.relative_l2 == pytest.approx(5 / 1.386)
    tiny = compare("", np.array(1e-14), np.array(0.0), quantity="loss", tolerance=1e-12, floor=1.386)
    assert not tiny.diverges


SINGLE = Adam(beta_1=float(np.float32(0.9)), beta_2=float(np.float32(0.999)))


def update_with(outputs: Outputs, optimizer: Adam) -> None:
    """Update by definition with other hyperparameters."""
    inputs = make_inputs(SMALL, steps=3)
    for name, gradient in inputs.gradients.items():
        after = adam_step(gradient, inputs.adam.m[name], inputs.adam.v[name], inputs.adam.step + 1, optimizer)
        outputs.adam.m[name], outputs.adam.v[name] = after["m"], after["v"]
        outputs.adam.weights[name] = inputs.weights[name] + after["update"]


def test_a_rounded_optimizer_is_known(compare_copies: CompareCopies) -> None:
    """What float32 makes of Adam's hyperparameters is predicted, not tolerated; the short run is held to that, too."""
    report = compare_copies({"mine": lambda outputs: update_with(outputs, SINGLE)})
    rows = report.stage("adam").comparisons[0].rows
    assert {(row.quantity, row.known) for row in rows if row.verdict == "known"} >= {("m", "adam-float32")}
    assert report.stage("adam").passed
    assert report.stage("steps").passed is False  # it ran with the hyperparameters as they are


def test_another_epsilon_is_not(compare_copies: CompareCopies) -> None:
    """It diverges, and is named."""
    report = compare_copies({"mine": lambda outputs: update_with(outputs, Adam(epsilon=1e-8))})
    cause = report.findings[0].cause
    assert cause is not None
    assert (cause.id, cause.parameters) == ("adam-epsilon", {"epsilon": 1e-8, "placement": "uncorrected"})
