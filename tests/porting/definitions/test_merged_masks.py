"""What becomes of masks where tensors are merged: in Keras 2 and in Keras 3."""

from typing import Any, Literal

import numpy as np
import pytest

from genrebench.porting import definitions as definitions
from genrebench.porting.definition import Given, compute
from genrebench.porting.tape import Value
from genrebench.reading.kinds.merging import Add, Concatenate, Maximum

FIRST, SECOND = np.array([[True, True, False, False]]), np.array([[False, True, True, False]])
X = Value(np.random.default_rng(0).normal(size=(1, 4, 2)))
Y = Value(np.random.default_rng(1).normal(size=(1, 4, 2)))


@pytest.mark.parametrize("kind", [Add, Maximum, Concatenate])
@pytest.mark.parametrize(
    ("rule", "both", "one"),
    [("all", [[False, True, False, False]], FIRST.tolist()), ("any", [[True, True, True, False]], None)],
)
def test_masks_are_merged_by_the_version_of_the_file(
    kind: Any, rule: Literal["all", "any"], both: list[list[bool]], one: list[list[bool]] | None
) -> None:
    """Keras 2 keeps what all masks have, though one input has none; Keras 3 what any has, if all inputs have masks."""
    (mask,) = compute(kind(mask_rule=rule), Given((X, Y), masks=(FIRST, SECOND))).masks
    assert mask is not None
    assert mask.tolist() == both
    (mask,) = compute(kind(mask_rule=rule), Given((X, Y), masks=(FIRST, None))).masks
    if kind is Concatenate and one is None:
        one = [[True] * 4]  # all features of the other are there
    assert (None if mask is None else mask.tolist()) == one


def test_maxima_of_keras_2_do_not_look_at_masks() -> None:
    """Those of Keras 3 take the other where a mask takes one away."""
    old, new = (
        compute(Maximum(mask_rule=rule), Given((X, Y), masks=(FIRST, SECOND))).outputs[0].data
        for rule in ("all", "any")
    )
    assert np.array_equal(old, np.maximum(X.data, Y.data))
    assert np.array_equal(new[:, 0], X.data[:, 0])
    assert not np.array_equal(old, new)
