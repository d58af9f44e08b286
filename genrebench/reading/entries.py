"""Layers and calls as they are entered in a graph: names, shapes, weights, masks, and what is not understood."""

import math
from collections.abc import Sequence
from typing import Any

from genrebench.errors import ConfigError
from genrebench.reading.graph import Call, Graph, Layer, Tensor
from genrebench.reading.kinds.base import Kind, Shape
from genrebench.reading.kinds.operations import Unmask
from genrebench.reading.kinds.recurrent import TimeDistributed
from genrebench.reading.limits import MAX_CALLS, MAX_PARAMETERS, MAX_TENSOR_SIZE
from genrebench.reading.problems import Problem, UnreadableError
from genrebench.reading.program import Program
from genrebench.reading.submodel import Submodel


class Entries:
    """What is entered in a graph, one layer and one call at a time.

    Parameters
    ----------
    graph : Graph
        Where; it changes.
    """

    def __init__(self, graph: Graph) -> None:
        """Begin with no masks."""
        self._graph = graph
        self._masked: set[Tensor] = set()

    def report(self, layer: str, error: ConfigError) -> None:
        """Note what is not understood, once."""
        reason, remedy = str(error), error.remedy if isinstance(error, UnreadableError) else ""
        problem = Problem(layer, " ".join(reason.split()), remedy)
        if problem not in self._graph.problems:
            self._graph.problems.append(problem)

    def unfold(self, path: tuple[str, ...], name: str, program: Program, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Call what stands in place of a layer, step by step; the last one bears the layer's name."""
        values: list[Tensor] = []
        for number, each in enumerate(inputs):
            if each in self._masked:
                values += self.call(self._step((*path, f"unmask_{number}"), name, Unmask()), [each], {})
            else:
                values.append(each)
        for step in program.steps:
            if [len(values)] == program.outputs:
                layer = self.known(path) or self.layer(path, name, step.kind, True)
            else:
                layer = self._step((*path, step.name), name, step.kind)
            values += self.call(layer, [values[index] for index in step.reads], {})
        return [values[index] for index in program.outputs]

    def _step(self, path: tuple[str, ...], name: str, kind: Kind) -> Layer:
        """Find or add a layer that is none in the file."""
        layer = self.known(path) or self.layer(path, name, kind, True)
        layer.is_step = True
        return layer

    def known(self, path: tuple[str, ...]) -> Layer | None:
        """Find a layer that was called before."""
        found = self._graph.layers.get("/".join(path))
        return found if found and found.path == path else None

    def layer(self, path: tuple[str, ...], name: str, kind: Kind | None, trainable: bool) -> Layer:
        """Enter a layer."""
        layer = Layer(path, name, kind, trainable)
        if layer.name in self._graph.layers:
            raise ConfigError(f"expected one layer of the name {layer.name!r:.80}, received two")
        self._graph.layers[layer.name] = layer
        return layer

    def call(self, layer: Layer, inputs: Sequence[Tensor], arguments: dict[str, Any]) -> list[Tensor]:
        """Enter a call, and infer its shapes."""
        if len(self._graph.calls) >= MAX_CALLS:
            raise ConfigError(f"expected at most {MAX_CALLS} calls of layers, received more")
        name, number = layer.name, 1
        while name in self._graph.calls:
            number += 1
            name = f"{layer.name}:{number}"
        found = [self._graph.shape(each) for each in inputs]
        shapes = None if None in found else tuple(shape for shape in found if shape is not None)
        after = None
        try:
            after = self._shapes(layer, shapes, arguments)
        except ConfigError as error:
            self.report(layer.name, error)
        except OverflowError:
            self.report(layer.name, ConfigError("expected sizes that fit a computer, received far larger ones"))
        masked = any(each in self._masked for each in inputs[:1]) or isinstance(arguments.get("mask"), Tensor)
        self._graph.calls[name] = Call(name, layer, tuple(inputs), arguments, shapes, after, masked)
        made = [Tensor(name, index) for index in range(max(1, len(after or ())))]
        kind = layer.kind
        if kind and (kind.makes_mask or (kind.hands_mask_on and any(each in self._masked for each in inputs))):
            self._masked.add(made[0])
        return made

    def _shapes(
        self, layer: Layer, shapes: tuple[Shape, ...] | None, arguments: dict[str, Any]
    ) -> tuple[Shape, ...] | None:
        """Infer the shapes of the outputs, and of the weights."""
        if layer.kind is None or shapes is None:
            return None
        after = layer.kind.output_shapes(shapes, arguments)
        for shape in after:
            if math.prod(each or 1 for each in shape) > MAX_TENSOR_SIZE:
                raise ConfigError(f"expected tensors of at most {MAX_TENSOR_SIZE:,} values, received shape {shape}")
        weights = layer.kind.weights(shapes)
        if layer.has_shapes and weights != layer.weights:
            raise ConfigError("expected every call of a shared layer to fit its weights, received another shape")
        layer.weights, layer.has_shapes = weights, True
        if isinstance(layer.kind, TimeDistributed) and isinstance(layer.kind.layer, Submodel):
            inside = layer.kind.layer.graph([shape[1:] for shape in shapes])
            self._graph.models |= {(*layer.path, *path): names for path, names in inside.models.items()}
        if layer.parameters > MAX_PARAMETERS:
            layer.weights = ()
            raise ConfigError(f"expected at most {MAX_PARAMETERS:,} parameters, received {weights[0].shape} and more")
        return after
