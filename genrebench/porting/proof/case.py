"""A call that gives something else than its definition, and how it is run with something swapped."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from genrebench.network.numerics import FORWARD_TOLERANCE, relative_error
from genrebench.network.types import Array
from genrebench.parity.ledger.base import Case
from genrebench.porting.reference import run_call
from genrebench.reading.graph import Call, Graph
from genrebench.reading.kinds.base import Kind, Weight
from genrebench.reading.kinds.recurrent import Bidirectional, TimeDistributed
from genrebench.reading.submodel import Submodel

Mask = Array | None


@dataclass(frozen=True, kw_only=True)
class CallCase(Case):
    """An output of a call, and what its definition makes of the same inputs.

    Attributes
    ----------
    graph : Graph
        The network.
    call : Call
        The call.
    tensor : str
        Name of the output.
    weights : mapping of str to ndarray
        All weights, by canonical name.
    inputs : tuple of ndarray
        What the call read, as the other side computed it.
    masks : tuple of ndarray or None
        The mask of each input.
    arguments : mapping
        Arrays in the place of arguments that are tensors.
    training : bool
        Whether it computed as in training.
    draws : mapping of str to ndarray
        What random layers were to draw.
    """

    graph: Graph
    call: Call
    tensor: str
    weights: Mapping[str, Array]
    inputs: tuple[Array, ...]
    masks: tuple[Mask, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    training: bool = False
    draws: Mapping[str, Array] = field(default_factory=dict)

    @property
    def is_right(self) -> bool:
        """Say whether the call gave what its definition makes of the same inputs."""
        same = self.received.shape == self.expected.shape
        return same and relative_error(self.received, self.expected) <= FORWARD_TOLERANCE

    @property
    def kind(self) -> Any:
        """Look up what the layer computes; its settings depend on it."""
        return self.call.layer.kind

    @property
    def x(self) -> Array:
        """Look up the first input."""
        return self.inputs[0]

    @property
    def own(self) -> dict[str, Array]:
        """Look up the layer's weights by their names in it."""
        name = self.call.layer.name
        return {weight.name: self.weights[f"{name}/{weight.name}"] for weight in self.call.layer.weights}

    def run(
        self,
        *,
        kind: Kind | None = None,
        own: Mapping[str, Array] | None = None,
        inputs: tuple[Array, ...] | None = None,
        masks: tuple[Mask, ...] | None = None,
        training: bool | None = None,
        draws: Mapping[str, Array] | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> Array:
        """Run the call with something swapped.

        Parameters
        ----------
        own : mapping of str to ndarray
            In the place of weights, by their names in the layer; a weight that it does not have is added.
        """
        name = self.call.layer.name
        weights = {**self.own, **(own or {})}
        layer = dataclasses.replace(
            self.call.layer,
            kind=kind or self.call.layer.kind,
            weights=tuple(
                next((each for each in self.call.layer.weights if each.name == key), Weight(key, value.shape))
                for key, value in weights.items()
            ),
        )
        made = run_call(
            dataclasses.replace(self.call, layer=layer),
            {f"{name}/{key}": value for key, value in weights.items()},
            self.inputs if inputs is None else inputs,
            masks=self.masks if masks is None else masks,
            arguments=self.arguments if arguments is None else arguments,
            training=self.training if training is None else training,
            draws=self.draws if draws is None else draws,
        )
        return made[self.tensor]

    def parts(self) -> list[tuple[str, Any]]:
        """List the kinds that the call is made of, each with what the names of its weights begin with.

        That is its own kind, or those of the layers in a wrapper.
        """
        return list(_parts(self.kind, ""))


def _parts(kind: Kind, prefix: str) -> Iterator[tuple[str, Any]]:
    """Look into wrappers."""
    if isinstance(kind, Bidirectional):
        yield from _parts(kind.layer, f"{prefix}forward/")
        yield from _parts(kind.backward_layer, f"{prefix}backward/")
    elif isinstance(kind, TimeDistributed) and not isinstance(kind.layer, Submodel):
        yield from _parts(kind.layer, prefix)
    else:
        yield prefix, kind


def with_settings(kind: Any, **changes: Any) -> Any:
    """Give a kind other settings, without checking them: a hypothesis may be what Keras cannot be told."""
    other = object.__new__(type(kind))
    for each in dataclasses.fields(kind):
        object.__setattr__(other, each.name, changes.get(each.name, getattr(kind, each.name)))
    return other


def changed(kind: Any, change: Callable[[Any], Kind | None]) -> Kind | None:
    """Change a kind, or those in a wrapper, both directions alike.

    Parameters
    ----------
    change : callable
        Gives another kind, or None where it does not apply.

    Returns
    -------
    Kind or None
        The whole, None if nothing changed.
    """
    found: dict[str, Kind] = {}
    for name in ("layer", "backward_layer"):
        inner = getattr(kind, name, None)
        if isinstance(inner, Kind) and (other := changed(inner, change)) is not None:
            found[name] = other
    if found:
        whole: Kind = with_settings(kind, **found)
        return whole
    is_wrapper = isinstance(getattr(kind, "layer", None), Kind)
    result: Kind | None = None if is_wrapper else change(kind)
    return result
