"""Layouts of weights, there and back."""

import numpy as np
import pytest

from genrebench.porting.source.kinds.attention import flat, joined
from genrebench.porting.source.kinds.recurrent import gates, two_biases
from genrebench.porting.source.places import SAME, Layout, WeightPlace, axes, depthwise, kernel, reshaped


@pytest.mark.parametrize(
    ("layout", "shape"),
    [
        (SAME, (3,)),
        (SAME, ()),
        (axes(1, 0), (3, 4)),
        (kernel(1), (2, 3, 4)),
        (kernel(3), (2, 3, 4, 5, 6)),
        (depthwise((2, 3, 4, 5)), (2, 3, 4, 5)),
        (reshaped((2, 3), (6,)), (2, 3)),
        (gates((1, 0, 2), 4), (5, 12)),
        (two_biases((1, 0, 2), 4), (2, 12)),
        (joined(5, 6, (5, 2, 3)), (5, 2, 3)),
        (flat((2, 3)), (2, 3)),
    ],
)
def test_weights_come_back(layout: Layout, shape: tuple[int, ...]) -> None:
    """As they were, in memory of their own."""
    weight = np.arange(np.prod(shape, dtype=int), dtype=np.float64).reshape(shape)
    place = WeightPlace(tuple(f"module.{number}" for number in range(len(layout.split(weight)))), layout)
    state = place.to_torch(weight)
    assert place.to_keras(state).shape == shape
    assert np.array_equal(place.to_keras(state), weight)
    assert not any(np.shares_memory(each, weight) for each in state.values())
    assert place.within("outer").names == tuple(f"outer.{name}" for name in place.names)


def test_gates_go_where_pytorch_has_them() -> None:
    """Of z, r, h come r, z, h."""
    weight = np.repeat([[0.0, 1.0, 2.0]], 2, axis=1)
    assert gates((1, 0, 2), 2).split(weight)[0][:, 0].tolist() == [1, 1, 0, 0, 2, 2]


def test_depthwise_channels_are_channel_by_multiplier() -> None:
    """Output channel c * multiplier + j is that of channel c."""
    weight = np.arange(6.0).reshape(1, 1, 3, 2)
    assert depthwise(weight.shape).split(weight)[0].reshape(-1).tolist() == [0, 1, 2, 3, 4, 5]
