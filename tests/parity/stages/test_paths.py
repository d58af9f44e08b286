"""What users run: the path of training, a trained model; no false alarm where digits cancel."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from genrebench.network.architecture import Architecture
from genrebench.network.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten
from genrebench.network.types import Array
from genrebench.parity.answers import run_here
from genrebench.parity.inputs import make_inputs
from genrebench.parity.ledger.base import explain
from genrebench.parity.ledger.entries import entries_for
from genrebench.parity.outputs import Logits
from genrebench.parity.stages.paths import mask_row
from tests.parity.conftest import SMALL, against


@pytest.mark.parametrize("spoiled", [None, np.zeros((3, 2), np.float32)], ids=["missing", "shape"])
def test_predictions_that_are_missing_or_of_another_shape_do_not_pass(spoiled: Array | None) -> None:
    """The trained model's, too."""
    inputs = make_inputs(SMALL, steps=2, spectrograms=np.zeros((3, *SMALL.input_shape), np.float32))
    right = run_here(inputs, "numpy")
    report = against(inputs, {"mine": replace(right, trained=Logits(spoiled)), "numpy": right})
    assert [stage.id for stage in report.stages if stage.passed is False] == ["trained"]


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
