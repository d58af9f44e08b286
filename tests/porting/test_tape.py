"""The tape: gradients by hand, several uses of a value, and what no gradient goes through."""

import numpy as np
import pytest

from genrebench.errors import BackendError
from genrebench.network.types import Array
from genrebench.porting.tape import Value, as_value, gradients


def leaf(*values: float) -> Value:
    """Make a tracked vector."""
    return Value(np.array(values), is_tracked=True)


def test_gradients_by_hand() -> None:
    """Of ``a b / c - c``: b / c, a / c, and -a b / c^2 - 1."""
    a, b, c = leaf(2.0), leaf(6.0), leaf(4.0)
    found = gradients([(a * b / c - c, np.ones(1))], {"a": a, "b": b, "c": c})
    assert {name: value[0] for name, value in found.items()} == {"a": 1.5, "b": 0.5, "c": -1.75}


def test_numbers_and_arrays_stand_on_either_side() -> None:
    """Of an operator; an array on the left does not take the value apart."""
    x = leaf(2.0, 4.0)
    y = (1.0 - x) * np.array([3.0, 5.0]) + np.array([1.0, 1.0]) / x
    assert isinstance(np.array([3.0, 5.0]) * x, Value)
    assert y.data.tolist() == [-2.5, -14.75]
    assert gradients([(y, np.ones(2))], {"x": x})["x"].tolist() == [-3.25, -5.0625]


def test_a_value_that_is_used_twice_gets_both_gradients() -> None:
    """And so does a result that is given two cotangents."""
    x = leaf(3.0)
    square = x * x
    assert gradients([(square + square * x, np.ones(1))], {"x": x})["x"][0] == 6 + 27
    assert gradients([(square, np.ones(1)), (square, np.ones(1)), (x, np.ones(1))], {"x": x})["x"][0] == 13


def test_gradients_of_results_on_the_way_are_those_of_all_that_follows() -> None:
    """The cotangent of an inner value adds to what comes from behind it."""
    x = leaf(3.0)
    inner = x * 2.0
    outer = inner * inner
    assert gradients([(outer, np.ones(1)), (inner, np.array([10.0]))], {"x": x})["x"][0] == 2 * (2 * 6 + 10)


def test_broadcasting_is_undone() -> None:
    """A value that was spread gets the sum, in its own shape."""
    x, y = Value(np.ones((3, 1)), is_tracked=True), leaf(1.0, 2.0)
    found = gradients([(x * y, np.arange(6.0).reshape(3, 2))], {"x": x, "y": y})
    assert found["x"].tolist() == [[2.0], [8.0], [14.0]]
    assert found["y"].tolist() == [6.0, 9.0]


def test_what_is_not_tracked_or_not_used_has_no_gradient() -> None:
    """Whole numbers are never tracked; what no result depends on has zeros."""
    x, unused = leaf(1.0), leaf(1.0, 2.0)
    assert not Value(np.array([1, 2]), is_tracked=True).is_tracked
    assert not (as_value(2.0) * as_value(3.0)).is_tracked
    assert gradients([(x * 2.0, np.ones(1))], {"unused": unused})["unused"].tolist() == [0.0, 0.0]


def test_cotangents_are_left_as_they_are() -> None:
    """What the caller gives is neither changed nor handed out."""
    x, cotangent = leaf(1.0), np.ones(1)
    found = gradients([(x, cotangent), (x * 2.0, cotangent)], {"x": x})
    assert found["x"][0] == 3.0
    assert cotangent[0] == 1.0


def test_a_cotangent_of_another_shape_is_refused() -> None:
    """It would be spread without a word."""
    with pytest.raises(BackendError, match=r"expected a cotangent of shape \(2,\), received \(1,\)"):
        gradients([(leaf(1.0, 2.0) * 1.0, np.ones(1))], {})


def test_a_long_chain_needs_no_recursion() -> None:
    """A recurrent layer over thousands of steps is one."""
    x = leaf(1.0)
    y = x
    for _ in range(5000):
        y = y * 1.0
    assert gradients([(y, np.ones(1))], {"x": x})["x"][0] == 1.0


@pytest.mark.parametrize(
    ("index", "expected"),
    [((slice(None), 1), [[0, 1, 0], [0, 1, 0]]), ((slice(None), slice(None, None, -2)), [[1, 0, 1], [1, 0, 1]])],
)
def test_parts_give_their_gradient_back_in_place(index: tuple[object, ...], expected: list[list[int]]) -> None:
    """What was not taken has none."""
    x = Value(np.zeros((2, 3)), is_tracked=True)
    part = x[index]
    assert gradients([(part, np.ones(part.shape))], {"x": x})["x"].tolist() == expected


def moved_back(x: Value) -> Array:
    """Send distinct cotangents back."""
    y = x.moved(1, -1)
    return gradients([(y, np.arange(24.0).reshape(y.shape))], {"x": x})["x"]


def test_moved_axes_are_moved_back() -> None:
    """The gradient has the value's own order."""
    x = Value(np.zeros((2, 3, 4)), is_tracked=True)
    assert x.moved(1, -1).shape == (2, 4, 3)
    assert np.array_equal(np.moveaxis(moved_back(x), 1, -1), np.arange(24.0).reshape(2, 4, 3))
