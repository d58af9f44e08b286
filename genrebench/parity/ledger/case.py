"""A layer that gives something else than its definition, and how it is run with something swapped."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from genrebench.network.architecture import Architecture
from genrebench.network.layers import LAYER_KINDS, Layer
from genrebench.network.node import INPUT, Node
from genrebench.network.reference import run_layer
from genrebench.network.types import Array, Weights
from genrebench.parity.ledger.base import Case

LINEAR_KINDS = tuple(name for name, kind in LAYER_KINDS.items() if kind.is_linear)


@dataclass(frozen=True, kw_only=True)
class LayerCase(Case):
    """A layer's output, and what its definition makes of the same input.

    `x` is the layer's input, as the backend computed it; `outputs` are all outputs of the backend in this pass; `mask`
    is what dropout was to keep.
    """

    architecture: Architecture
    node: Node
    weights: Weights
    x: Array
    outputs: Mapping[str, Array]
    training: bool
    mask: Array | None = None

    @property
    def layer(self) -> Any:
        """Look up the layer, whose attributes depend on its kind."""
        return self.node.layer

    @property
    def before(self) -> Node | None:
        """Look up the node that the layer reads; None for one that reads the network's input."""
        source = self.node.inputs[0]
        return None if source == INPUT else self.architecture.node(source)

    def run(
        self,
        *,
        x: Array | None = None,
        layer: Layer | None = None,
        training: bool | None = None,
        weights: Mapping[str, Array] | None = None,
    ) -> Array:
        """Run the layer with something swapped; weights by their names within the layer."""
        swapped = self.weights | {f"{self.node.name}/{name}": value for name, value in (weights or {}).items()}
        return run_layer(
            layer or self.layer,
            swapped,
            self.x if x is None else x,
            training=self.training if training is None else training,
            mask=self.mask,
        )[self.node.name]

    def weight(self, name: str) -> Array:
        """Look up a weight by its name within the layer."""
        return self.weights[f"{self.node.name}/{name}"]


def kernel_layouts(kernel: Array) -> Iterator[tuple[str, str, Array]]:
    """List what people make of a right kernel's layout, in one word, in words, and as a kernel of the same shape."""
    if kernel.ndim == 4:
        height, width, channels, filters = kernel.shape
        yield "flipped", "kernel flipped in height and width, expected a cross-correlation", kernel[::-1, ::-1]
        reshaped = kernel.reshape(filters, channels, height, width).transpose(2, 3, 1, 0)
        yield "reshaped", "kernel reshaped to (out, in, height, width), expected a transposition (3, 2, 0, 1)", reshaped
        if height == width:
            yield "height-width", "kernel's height and width exchanged", kernel.transpose(1, 0, 2, 3)
        if channels == filters:
            yield "in-out", "kernel's in and out exchanged", kernel.transpose(0, 1, 3, 2)
    elif kernel.ndim == 2:
        other = kernel.reshape(kernel.shape[::-1]).T
        yield "reshaped", "kernel reshaped to (out, in), expected a transposition", other
        if kernel.shape[0] == kernel.shape[1]:
            yield "in-out", "kernel transposed, expected (in, out)", kernel.T


def flatten_orders(shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], str, str]]:
    """List the wrong orders of flattening a feature map: the axes, their names, and how to say it."""
    names = ("height", "width", "channels")
    if len(shape) == 3:
        for axes in permutations(range(3)):
            if axes != (0, 1, 2):
                order = ", ".join(names[axis] for axis in axes)
                known = " (NCHW)" if axes == (2, 0, 1) else ""
                yield axes, order, f"in the order {order}{known}, expected height, width, channels"
