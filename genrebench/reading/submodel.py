"""A whole network in the place of a layer, as TimeDistributed may hold one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError
from genrebench.reading.graph import Graph
from genrebench.reading.kinds.base import Kind, Shape, Trap, Weight


@dataclass(frozen=True, kw_only=True)
class Submodel(Kind, is_layer=False):
    """A network that is applied as a layer is."""

    build: Any

    def graph(self, shapes: Sequence[Shape]) -> Graph:
        """Build the network's graph for inputs of given shapes.

        Raises
        ------
        ConfigError
            If it is not understood.
        """
        graph: Graph = self.build(shapes)
        if graph.problems:
            raise ConfigError(f"in the model inside: {graph.problems[0]}")
        return graph

    @property
    def name(self) -> str:
        """See `Kind.name`."""
        return "Model"

    def output_shapes(self, shapes: Sequence[Shape], arguments: Mapping[str, Any]) -> tuple[Shape, ...]:
        """See `Kind.output_shapes`."""
        graph = self.graph(shapes)
        found = [graph.shape(each) for each in graph.outputs]
        return tuple(shape for shape in found if shape is not None)

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        return tuple(
            Weight(f"{layer.name}/{weight.name}", weight.shape, weight.trainable and layer.trainable)
            for layer in self.graph(shapes).layers.values()
            for weight in layer.weights
        )

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield from self.graph(shapes).traps()

    def settings(self) -> dict[str, Any]:
        """See `Kind.settings`."""
        return {}
