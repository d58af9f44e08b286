"""Where a weight of Keras goes in PyTorch, and the way back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from genrebench.network.types import Array


@dataclass(frozen=True)
class Layout:
    """How one array of Keras becomes arrays of PyTorch, and the way back.

    Attributes
    ----------
    split : callable
        From Keras' array to PyTorch's.
    join : callable
        From PyTorch's arrays to Keras'.
    """

    split: Callable[[Array], tuple[Array, ...]]
    join: Callable[[Sequence[Array]], Array]


@dataclass(frozen=True)
class WeightPlace:
    """Where a weight went.

    Attributes
    ----------
    names : tuple of str
        PyTorch's tensors, of which most weights are one.
    layout : Layout
        How the weight becomes these tensors.
    """

    names: tuple[str, ...]
    layout: Layout

    def within(self, module: str) -> "WeightPlace":
        """Give the place in a module that holds the one of these tensors."""
        return WeightPlace(tuple(f"{module}.{name}" for name in self.names), self.layout)

    def to_torch(self, weight: Array) -> dict[str, Array]:
        """Bring a weight into PyTorch's layout."""
        arrays = self.layout.split(weight)
        return {name: np.array(array, order="C") for name, array in zip(self.names, arrays, strict=True)}

    def to_keras(self, state: Mapping[str, Array]) -> Array:
        """Bring tensors, or what has their layout, such as gradients, back into Keras' layout."""
        return np.array(self.layout.join([state[name] for name in self.names]), order="C")


def axes(*order: int) -> Layout:
    """Order axes anew.

    Examples
    --------
    >>> axes(1, 0).split(np.zeros((2, 3)))[0].shape
    (3, 2)
    """
    back = np.argsort(order)
    return Layout(lambda weight: (weight.transpose(order),), lambda arrays: arrays[0].transpose(back))


SAME = Layout(lambda weight: (weight,), lambda arrays: arrays[0])


def kernel(rank: int) -> Layout:
    """Put a convolution's [..., in, out] as [out, in, ...]; a transposed one's [..., out, in] as [in, out, ...]."""
    return axes(rank + 1, rank, *range(rank))


def depthwise(shape: Sequence[int]) -> Layout:
    """Put a depthwise kernel [..., channel, multiplier] as [channel * multiplier, 1, ...]."""
    *sizes, channels, multiplier = shape
    rank = len(sizes)
    order = (rank, rank + 1, *range(rank))
    back = np.argsort(order)
    return Layout(
        lambda weight: (weight.transpose(order).reshape(channels * multiplier, 1, *sizes),),
        lambda arrays: arrays[0].reshape(channels, multiplier, *sizes).transpose(back),
    )


def reshaped(before: Sequence[int], after: Sequence[int]) -> Layout:
    """Give an array another shape."""
    return Layout(lambda weight: (weight.reshape(after),), lambda arrays: arrays[0].reshape(before))
