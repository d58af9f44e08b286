"""Which entries are tried on which case."""

import numpy as np

from genrebench.network.layers import BatchNormalization, Conv2D
from genrebench.parity.ledger.base import Case
from genrebench.parity.ledger.entries import entries_for
from genrebench.parity.ledger.tensors import MASK_ENTRIES, MaskCase
from tests.parity.ledger.conftest import layer_case


def test_a_layer_is_tried_on_what_touches_its_kind() -> None:
    """And on what touches all; other cases have tables of their own."""
    convolution, normalization = (
        {entry.id for entry in entries_for(layer_case(6, kind))} for kind in (Conv2D, BatchNormalization)
    )
    assert convolution - normalization == {"conv-padding", "kernel-layout"}
    assert normalization - convolution == {"batch-norm-statistics", "batch-norm-epsilon"}
    assert convolution & normalization >= {"relu-order", "float32"}
    mask: Case = MaskCase(np.ones(2), np.ones(2), 0.5)
    assert entries_for(mask) == MASK_ENTRIES
