"""Which entries of the ledger are tried on which case."""

from typing import Any

from genrebench.parity.ledger.base import Case, Entry
from genrebench.parity.ledger.case import LayerCase
from genrebench.parity.ledger.layers import LAYER_ENTRIES
from genrebench.parity.ledger.optimizer import ADAM_ENTRIES, AdamCase
from genrebench.parity.ledger.tensors import (
    GRADIENT_ENTRIES,
    LOSS_ENTRIES,
    MASK_ENTRIES,
    STATISTIC_ENTRIES,
    WEIGHT_ENTRIES,
    GradientCase,
    LossCase,
    MaskCase,
    StatisticCase,
    WeightCase,
)

_ENTRIES: dict[type[Case], tuple[Entry[Any], ...]] = {
    AdamCase: ADAM_ENTRIES,
    GradientCase: GRADIENT_ENTRIES,
    LossCase: LOSS_ENTRIES,
    MaskCase: MASK_ENTRIES,
    StatisticCase: STATISTIC_ENTRIES,
    WeightCase: WEIGHT_ENTRIES,
}


def entries_for(case: Case) -> tuple[Entry[Any], ...]:
    """List the entries for a case, special ones before general ones."""
    if isinstance(case, LayerCase):
        return tuple(entry for entry in LAYER_ENTRIES if not entry.kinds or case.layer.kind in entry.kinds)
    return _ENTRIES[type(case)]
