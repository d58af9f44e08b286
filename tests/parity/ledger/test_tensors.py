"""Hypotheses about weights, statistics, losses, gradients."""

from typing import Any

import numpy as np
import pytest

from genrebench.network.numerics import cross_entropy
from genrebench.parity.ledger.base import Case
from genrebench.parity.ledger.tensors import GradientCase, LossCase, WeightCase
from tests.parity.ledger.conftest import RNG, cause_of


@pytest.mark.parametrize(
    ("case", "received", "cause"),
    [
        ("gradient", "zero", ("gradient", {"factor": 0.0})),
        ("gradient", "other", ("gradient", {"weight": "b"})),
        ("gradient", "undropped", ("gradient", {"masks": "ignored"})),
        ("gradient", "decay", ("gradient", {"weight_decay": pytest.approx(0.1)})),
        ("weight", "other", ("weights-swapped", {"weight": "b"})),
        ("weight", "zero", ("weights-zero", {})),
        ("weight", "transposed", ("kernel-layout", {"layout": "reshaped"})),
    ],
)
def test_gradients_and_weights_have_their_causes(case: str, received: str, cause: tuple[str, dict[str, Any]]) -> None:
    """Each by what was done to the tensor."""
    right, other, weight, undropped = RNG.normal(size=(4, 3, 3))
    values = {
        "zero": np.zeros((3, 3)),
        "other": other,
        "undropped": undropped,
        "decay": right + 0.1 * weight,
        "transposed": right.T,
    }
    both = {"a": right, "b": other}
    cases: dict[str, Case] = {
        "gradient": GradientCase(right, right, weight, undropped, both),
        "weight": WeightCase(right, right, "a", both),
    }
    assert cause_of(cases[case], values[received]) == cause


def test_losses_have_their_causes() -> None:
    """Softmax, reduction, mode."""
    logits, other, labels = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3)), np.array([0, 1, 2, 0])
    right = np.array(cross_entropy(logits, labels))
    case = LossCase(right, right, logits, labels, {"evaluation": other})
    assert cause_of(case, right * 4) == ("loss-reduction", {"reduction": "sum"})
    assert cause_of(case, -logits[np.arange(4), labels].mean(keepdims=True)[0]) == ("softmax", {"softmax": "none"})
    assert cause_of(case, np.array(cross_entropy(other, labels))) == ("loss-mode", {"mode": "evaluation"})
