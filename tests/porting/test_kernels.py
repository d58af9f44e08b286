"""Tests of convolutions on the tape, against their definition as a sum."""

import itertools

import numpy as np
import pytest

from genrebench.network.types import Array
from genrebench.porting import kernels
from genrebench.porting.kernels import Placing
from genrebench.porting.tape import Value, gradients

RNG = np.random.default_rng(0)
# Of one axis and two, with steps and gaps, channels in groups, few of them and more than go into one product.
CASES = {
    "one axis": (Placing((3,), (1,), (1,)), (2, 7, 2), 3),
    "stride": (Placing((3,), (2,), (1,)), (2, 8, 2), 3),
    "dilation": (Placing((2,), (3,), (2,)), (2, 9, 3), 1),
    "two axes": (Placing((2, 3), (1, 2), (2, 1)), (2, 6, 7, 2), 3),
    "groups": (Placing((2, 2), (1, 1), (1, 1), groups=3), (2, 4, 3, 6), 9),
    "channels of their own": (Placing((3,), (1,), (1,), groups=4), (3, 5, 4), 8),
    "three axes": (Placing((2, 1, 2), (1, 1, 2), (1, 1, 1)), (1, 3, 2, 4, 2), 2),
    "many channels": (Placing((2,), (1,), (1,)), (2, 3, 200), 5),
    "many positions": (Placing((150,), (4,), (1,)), (1, 163, 3), 2),
    "one place": (Placing((4, 4), (1, 1), (1, 1)), (2, 4, 4, 2), 3),
}


def summed(placing: Placing, x: Array, kernel: Array, y: Array) -> tuple[Array, Array, Array]:
    """Sum ``x * kernel * y`` over everything, term by term, and give the slopes by x, by the kernel and by y."""
    slopes = [np.zeros_like(each) for each in (x, kernel, y)]
    inner, outer = kernel.shape[-2], kernel.shape[-1] // placing.groups
    for place, position in itertools.product(np.ndindex(*y.shape[1:-1]), np.ndindex(*placing.size)):
        at = tuple(np.add(np.multiply(place, placing.strides), np.multiply(position, placing.dilation)))
        for group in range(placing.groups):
            c, o = slice(group * inner, (group + 1) * inner), slice(group * outer, (group + 1) * outer)
            seen, part, factor = (
                x[(slice(None), *at, c)],
                kernel[(*position, slice(None), o)],
                y[(slice(None), *place, o)],
            )
            slopes[0][(slice(None), *at, c)] += factor @ part.T
            slopes[1][(*position, slice(None), o)] += seen.T @ factor
            slopes[2][(slice(None), *place, o)] += seen @ part
    return slopes[0], slopes[1], slopes[2]


@pytest.mark.parametrize("name", CASES)
def test_a_convolution_and_its_transpose_are_the_sums_that_they_are_said_to_be(name: str) -> None:
    """Results and gradients of both are the slopes of one sum."""
    placing, shape, filters = CASES[name]
    places = placing.places(shape[1:-1])
    x, y = (Value(RNG.normal(size=each), is_tracked=True) for each in (shape, (shape[0], *places, filters)))
    kernel = Value(RNG.normal(size=(*placing.size, shape[-1] // placing.groups, filters)), is_tracked=True)
    by_x, by_kernel, by_y = summed(placing, x.data, kernel.data, y.data)
    made = kernels.convolve(x, kernel, placing)
    np.testing.assert_allclose(made.data, by_y, rtol=0, atol=1e-11)
    found = gradients([(made, y.data)], {"x": x, "kernel": kernel})
    np.testing.assert_allclose(found["x"], by_x, rtol=0, atol=1e-11)
    np.testing.assert_allclose(found["kernel"], by_kernel, rtol=0, atol=1e-11)
    back = kernels.convolve_transposed(y, kernel, placing, shape[1:-1])
    np.testing.assert_allclose(back.data, by_x, rtol=0, atol=1e-11)
    found = gradients([(back, x.data)], {"y": y, "kernel": kernel})
    np.testing.assert_allclose(found["y"], by_y, rtol=0, atol=1e-11)
    np.testing.assert_allclose(found["kernel"], by_kernel, rtol=0, atol=1e-11)


@pytest.mark.parametrize("multiplier", [1, 3])
@pytest.mark.parametrize("name", ["one axis", "stride", "dilation", "two axes"])
def test_a_depthwise_convolution_is_one_with_a_group_for_each_channel(name: str, multiplier: int) -> None:
    """So are its gradients."""
    placing, shape, _ = CASES[name]
    channels = shape[-1]
    x = Value(RNG.normal(size=shape), is_tracked=True)
    kernel = Value(RNG.normal(size=(*placing.size, channels, multiplier)), is_tracked=True)
    apart = Placing(placing.size, placing.strides, placing.dilation, groups=channels)
    joined = kernel.reshape(*placing.size, 1, channels * multiplier)
    right, made = kernels.convolve(x, joined, apart), kernels.convolve_depthwise(x, kernel, placing)
    np.testing.assert_allclose(made.data, right.data.reshape(made.shape), rtol=0, atol=1e-12)
    factor = RNG.normal(size=made.shape)
    wanted = {"x": x, "kernel": kernel}
    found, expected = gradients([(made, factor)], wanted), gradients([(right, factor.reshape(right.shape))], wanted)
    for each in wanted:
        np.testing.assert_allclose(found[each], expected[each], rtol=0, atol=1e-12)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_windows_hold_what_lies_under_them(stride: int) -> None:
    """Where they overlap their gradients add up."""
    x = Value(RNG.normal(size=(2, 9, 8, 3)), is_tracked=True)
    seen = kernels.windows(x, (2, 3), (stride, 1))
    assert seen.data[1, 1, 2, 0, 1, 2] == x.data[1, stride + 1, 4, 0]
    factor = RNG.normal(size=seen.shape)
    (found,) = gradients([(seen, factor)], {"x": x}).values()
    np.testing.assert_allclose((seen.data * factor).sum(), (x.data * found).sum(), rtol=1e-12)
    assert found[0, 0, 0, 0] == factor[0, 0, 0, 0, 0, 0]
