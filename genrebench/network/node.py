"""One layer in its place in a network: what it reads, its shapes, its weights."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from genrebench.network.layers import Layer, WeightSpec
from genrebench.network.types import Shape, Weights

# What nodes read that are given the network's own input; no layer can bear this name.
INPUT = "/input"


@dataclasses.dataclass(frozen=True)
class Node:
    """One layer in its place in the network.

    Attributes
    ----------
    layer : Layer
        What is computed.
    inputs : tuple of str
        Names of the nodes whose outputs it reads, in order; `INPUT` is the network's own input.
    input_shapes : tuple of tuple of int
        Their shapes, without the batch axis.
    output_shape : tuple of int
        Shape of the output, without the batch axis.
    weights : dict of str to WeightSpec
        Its weights by canonical name, in Keras' order.
    """

    layer: Layer
    inputs: tuple[str, ...]
    input_shapes: tuple[Shape, ...]
    output_shape: Shape
    weights: dict[str, WeightSpec]

    @property
    def name(self) -> str:
        """Name the node, as its layer is named."""
        return self.layer.name

    @property
    def kind(self) -> str:
        """Name the layer's kind."""
        return self.layer.kind

    @property
    def parameters(self) -> int:
        """Count the values in its weights."""
        return sum(math.prod(spec.shape) for spec in self.weights.values())

    @property
    def trainable_parameters(self) -> int:
        """Count the values that the optimizer moves."""
        return sum(math.prod(spec.shape) for spec in self.weights.values() if spec.trainable)

    @property
    def input_shape(self) -> Shape:
        """Give the shape of the only input, without the batch axis."""
        (shape,) = self.input_shapes
        return shape

    def own(self, weights: Mapping[str, NDArray[Any]]) -> Weights:
        """Pick the layer's weights from the network's, by their names within the layer."""
        return {spec.name: weights[name] for name, spec in self.weights.items()}
