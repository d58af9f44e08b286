"""Hypotheses about normalization and dropout: fitted numbers explain no more than they should."""

import numpy as np
import pytest

from genrebench.network.layers import BatchNormalization, Dropout, Flatten
from tests.parity.ledger.conftest import RNG, cause_of, layer_case


@pytest.mark.parametrize("filters", [1, 2, 6])
def test_a_fitted_epsilon_does_not_explain_everything(filters: int) -> None:
    """With one channel some epsilon gives any slope; a scale that was not applied is named as what it is."""
    case = layer_case(filters, BatchNormalization)
    received = case.run(weights={"gamma": np.ones(filters)})
    assert cause_of(case, received) == ("bias-dropped", {"weight": "gamma"})
    assert cause_of(case, case.expected * 1.7) is None
    other = case.run(layer=BatchNormalization(epsilon=0.0123, name="batch_normalization"))
    found = cause_of(case, other)
    assert found == (("batch-norm-epsilon", {"epsilon": 0.0123}) if filters == 6 else None)


def test_dropout_that_only_scales_is_named() -> None:
    """The two ways to scale in evaluation; and what drops values."""
    case = layer_case(6, Dropout)
    assert cause_of(case, case.expected / 0.7) == ("dropout", {"fault": "scaled in evaluation"})
    assert cause_of(case, case.expected * 0.7) == ("dropout", {"fault": "scaled down in evaluation"})
    kept = case.expected * (RNG.random(case.expected.shape) < 0.7) / 0.7
    found = cause_of(case, kept)
    assert found == ("dropout", {"fault": "active in evaluation", "dropped": pytest.approx(0.3, abs=0.04)})
    assert cause_of(case, case.expected + 1) is None


def test_an_order_of_flattening_is_named() -> None:
    """As PyTorch's, channels first."""
    case = layer_case(6, Flatten)
    channels_first = case.x.transpose(0, 3, 1, 2).reshape(len(case.x), -1)
    assert cause_of(case, channels_first) == ("flatten-order", {"order": "channels, height, width"})
