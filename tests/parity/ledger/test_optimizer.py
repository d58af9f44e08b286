"""Hypotheses about Adam."""

from dataclasses import replace

import numpy as np
import pytest

from genrebench.network.adam import Adam
from genrebench.parity.ledger.optimizer import AdamCase
from tests.parity.ledger.conftest import RNG, cause_of


@pytest.mark.parametrize("quantity", ["update", "m", "v"])
def test_rounded_hyperparameters_are_told_from_others(quantity: str) -> None:
    """In each quantity; a value that float32 does not give is no rounding."""
    gradient, m, weight = RNG.normal(size=(3, 9)) * 1e-6
    v = np.square(RNG.normal(size=9)) * 1e-12
    case = AdamCase(m, m, quantity=quantity, weight=weight, gradient=gradient, m=m, v=v, step=3)
    case = replace(case, expected=case.predict())
    single = Adam(beta_1=float(np.float32(0.9)), beta_2=float(np.float32(0.999)))
    assert cause_of(case, case.predict(single)) == ("adam-float32", {"rounded": "beta_1, beta_2"})
    found = cause_of(case, case.predict(Adam(beta_1=0.8, beta_2=0.99)))
    assert found is None or found[0] != "adam-float32"
    if quantity == "update":
        found = cause_of(case, case.predict(placement="corrected"))
        assert found == ("adam-epsilon", {"epsilon": 1e-7, "placement": "corrected"})
