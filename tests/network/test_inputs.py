"""Inputs, labels and masks that a network cannot work on."""

import numpy as np
import pytest

from genrebench.errors import BackendError
from genrebench.network.inputs import check_inputs
from genrebench.network.types import Array
from tests.network.conftest import EVERYTHING, draw


def test_what_fits_passes() -> None:
    """Also with some masks only, and with no input at all."""
    x, labels, masks = draw(EVERYTHING, 2)
    check_inputs(EVERYTHING, x, labels=labels, dropout_masks=masks)
    check_inputs(EVERYTHING, x, labels=labels.astype(np.uint8), dropout_masks={"dropout": masks["dropout"]})
    check_inputs(EVERYTHING, x[:0], labels=labels[:0])


@pytest.mark.parametrize("shape", [(2, 6, 7, 2), (7, 6, 2), (2, 7, 6, 1), (2, 7, 6, 2, 1)])
def test_inputs_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    """The message has both shapes."""
    with pytest.raises(BackendError, match=r"expected inputs of shape \(n, 7, 6, 2\), received \("):
        check_inputs(EVERYTHING, np.zeros(shape))


@pytest.mark.parametrize("labels", [[0], [0, 4], [-1, 0], [0.0, 1.0], [[0, 1]]], ids=repr)
def test_wrong_labels_are_refused(labels: list[object]) -> None:
    """Too few, out of range, no whole numbers, or of another shape."""
    with pytest.raises(BackendError, match="expected 2 labels from 0 to 3, received shape"):
        check_inputs(EVERYTHING, np.zeros((2, 7, 6, 2)), labels=np.array(labels))


@pytest.mark.parametrize(
    ("name", "mask", "message"),
    [
        ("dense", np.ones((2, 6)), r"dense: expected masks for \['dropout', 'dropout_1'\] only"),
        ("dropout", np.ones((1, 4, 3, 3)), r"dropout: expected a mask of shape \(2, 4, 3, 3\), received one of shape"),
    ],
)
def test_masks_that_no_layer_takes_are_refused(name: str, mask: Array, message: str) -> None:
    """A mask that is silently ignored would make a comparison prove nothing."""
    with pytest.raises(BackendError, match=message):
        check_inputs(EVERYTHING, np.zeros((2, 7, 6, 2)), dropout_masks={name: mask})
