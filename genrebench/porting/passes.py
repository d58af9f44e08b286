"""A graph run call by call, every layer by its definition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from genrebench.errors import ConfigError
from genrebench.network.types import Array
from genrebench.porting.definition import Given, Made, Mask, compute
from genrebench.porting.tape import Value
from genrebench.reading.graph import Call, Graph, Tensor
from genrebench.reading.kinds.core import InputLayer


@dataclass
class Pass:
    """What a run of a graph has made so far.

    Attributes
    ----------
    values : dict of Tensor to Value
        Every output of every call.
    masks : dict of Tensor to ndarray
        The masks that go out with them.
    statistics : dict of str to ndarray
        Running statistics that training has moved, by canonical name.
    """

    values: dict[Tensor, Value] = field(default_factory=dict)
    masks: dict[Tensor, Array] = field(default_factory=dict)
    statistics: dict[str, Array] = field(default_factory=dict)

    def add(self, call: Call, made: Made) -> None:
        """Keep what a call has made."""
        for output, value in enumerate(made.outputs):
            tensor = Tensor(call.name, output)
            self.values[tensor] = value
            mask = made.masks[output] if output < len(made.masks) else None
            if mask is not None:
                self.masks[tensor] = mask
        self.statistics |= {f"{call.layer.name}/{name}": value for name, value in made.statistics.items()}


def run_graph(
    graph: Graph,
    weights: Mapping[str, Value],
    inputs: Mapping[str, Value],
    *,
    training: bool = False,
    trainable: bool = True,
    draws: Mapping[str, Array] | None = None,
) -> Pass:
    """Run every call of a graph, in order.

    Parameters
    ----------
    weights : mapping of str to Value
        By canonical name.
    inputs : mapping of str to Value
        By the names of the calls of InputLayer.
    trainable : bool, optional
        False for a network that stands in a layer that is not trained.
    draws : mapping of str to ndarray, optional
        What random layers have drawn, by the names of their calls; with ``/`` and a word behind for layers that draw
        several times.

    Raises
    ------
    ConfigError
        If a kind has no definition.
    """
    done = Pass()
    for call in graph.calls.values():
        if isinstance(call.layer.kind, InputLayer):
            done.add(call, Made((inputs[call.name],)))
            continue
        given = Given(
            tuple(done.values[each] for each in call.inputs),
            weights=weights_of(call, weights, done.statistics),
            masks=tuple(done.masks.get(each) for each in call.inputs),
            arguments={name: _resolved(value, done.values) for name, value in call.arguments.items()},
            training=training,
            trainable=trainable,
            draws=draws_of(call, draws or {}),
        )
        done.add(call, made_by(call, given))
    return done


def made_by(call: Call, given: Given) -> Made:
    """Compute one call; its own mode stands above that of the run."""
    kind = call.layer.kind
    if kind is None:
        raise ConfigError(f"expected known layers alone, received `{call.layer.name}` ({call.layer.class_name})")
    fixed = call.arguments.get("training")
    training = fixed if isinstance(fixed, bool) and "training" in kind.arguments else given.training
    return compute(kind, given.inside("", training=training, trainable=given.trainable and call.layer.trainable))


def weights_of(call: Call, weights: Mapping[str, Value], statistics: Mapping[str, Array]) -> dict[str, Value]:
    """Find a layer's weights by their names in it; statistics that an earlier call has moved stay moved."""
    found = {}
    for weight in call.layer.weights:
        name = f"{call.layer.name}/{weight.name}"
        found[weight.name] = Value(statistics[name]) if name in statistics else weights[name]
    return found


def draws_of(call: Call, draws: Mapping[str, Array]) -> dict[str, Array]:
    """Find what a call has drawn."""
    found = {
        name.removeprefix(f"{call.name}/"): each for name, each in draws.items() if name.startswith(f"{call.name}/")
    }
    return {**found, "": draws[call.name]} if call.name in draws else found


def _resolved(value: Any, values: Mapping[Tensor, Value]) -> Any:
    """Put values in the place of tensors."""
    if isinstance(value, Tensor):
        return values[value]
    return tuple(_resolved(each, values) for each in value) if isinstance(value, tuple | list) else value


def name_of(tensor: Tensor) -> str:
    """Name an output: as its call, with ``#1`` behind for a further one."""
    return f"{tensor.call}#{tensor.output}" if tensor.output else tensor.call


def tensors_of(call: Call) -> Sequence[Tensor]:
    """List what a call gives."""
    return [Tensor(call.name, output) for output in range(len(call.output_shapes or ()))]


__all__ = ["Mask"]
