"""Layouts that people take for the right one."""

import numpy as np

from genrebench.network.layers import Conv2D, Dense
from genrebench.parity.ledger.case import flatten_orders, kernel_layouts
from tests.parity.ledger.conftest import layer_case


def test_wrong_layouts_have_the_right_shape_and_other_values() -> None:
    """Those of a convolution and of a dense layer; square ones have more."""
    for shape, count in (((3, 2, 4, 5), 2), ((3, 3, 4, 4), 4), ((3, 4), 1), ((4, 4), 2), ((4,), 0)):
        kernel = np.arange(float(np.prod(shape))).reshape(shape)
        layouts = list(kernel_layouts(kernel))
        assert len({name for name, _, _ in layouts}) == len(layouts) == count
        assert all(value.shape == shape and not np.array_equal(value, kernel) for _, _, value in layouts)


def test_wrong_orders_are_all_but_the_right_one() -> None:
    """Of a vector there is none."""
    assert len({axes for axes, _, _ in flatten_orders((2, 3, 4))} - {(0, 1, 2)}) == 5
    assert list(flatten_orders((6,))) == []


def test_a_layer_is_run_with_something_swapped() -> None:
    """By its definition; what is not swapped stays."""
    case = layer_case(6, Conv2D)
    np.testing.assert_array_equal(case.run(), case.expected)
    bias = case.weight("bias")
    moved = case.run(layer=case.layer.without_activation(), weights={"bias": bias + 1})
    np.testing.assert_allclose(moved, case.run(layer=case.layer.without_activation()) + 1)
    assert case.before is None
    before = layer_case(6, Dense).before
    assert before is not None
    assert before.layer.kind == "Flatten"
