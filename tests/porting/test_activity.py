"""How alive an output is: zeros, samples that differ, and which pieces of an activation were taken."""

import numpy as np
import pytest

from genrebench.porting.activity import measure
from genrebench.reading.kinds.activation import Activation, LeakyReLU, ReLU
from genrebench.reading.kinds.base import Kind
from genrebench.reading.kinds.core import Dense


def test_an_output_that_is_the_same_for_all_samples_is_dead() -> None:
    """Also where its values differ; of one sample the values must differ."""
    assert not measure(None, np.array([[1.0, 2.0], [1.0, 2.0]])).varies
    assert measure(None, np.array([[1.0, 2.0], [1.0, 3.0]])).varies
    assert measure(None, np.array([[1.0, 2.0]])).varies
    assert not measure(None, np.array([[0.0, 0.0]])).varies
    assert not measure(None, np.zeros((0, 3))).varies


@pytest.mark.parametrize(
    ("kind", "values", "pieces"),
    [
        (Activation(activation="relu"), [0.0, 1.0, 2.0, 3.0], (0.25, 0.75)),
        (Activation(activation="relu6"), [1.0, 6.0], (0.0, 0.5, 0.5)),
        (Activation(activation={"name": "relu", "max_value": 2.0}), [0.0, 2.0], (0.5, 0.0, 0.5)),
        (Activation(activation="tanh"), [0.0, 1.0], ()),
        (Dense(units=2, activation="hard_sigmoid"), [0.0, 0.5], (0.5, 0.5, 0.0)),
        (LeakyReLU(negative_slope=0.3), [-1.0, 1.0], (0.5, 0.5)),
        (ReLU(max_value=1.0), [0.5, 0.25], (0.0, 1.0, 0.0)),
    ],
    ids=str,
)
def test_pieces_are_counted(kind: Kind, values: list[float], pieces: tuple[float, ...]) -> None:
    """From the lowest; a piece that no value took is missed."""
    found = measure(kind, np.array([values]))
    assert found.pieces == pieces
    assert found.misses == (0.0 in pieces)


def test_zeros_are_counted() -> None:
    """Their share."""
    assert measure(None, np.array([[0.0, 1.0], [0.0, 0.0]])).zeros == 0.75
