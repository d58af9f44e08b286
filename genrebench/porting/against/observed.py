"""What a port shows of itself, held against the definitions: each tensor that is seen, and what was not before it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from genrebench.errors import GenrebenchError
from genrebench.network.types import Array
from genrebench.parity.ledger.base import Case, Entry, Prediction, Predictions
from genrebench.porting.against.matching import Match, best_layout
from genrebench.porting.against.refined import INPUT, LINEAR, OUTPUT, with_places
from genrebench.porting.passes import name_of
from genrebench.porting.proof.answers import Run
from genrebench.porting.proof.case import CallCase
from genrebench.porting.proof.causes.entries import call_entries
from genrebench.porting.reference import run_call
from genrebench.reading.graph import Call, Graph, Tensor
from genrebench.reading.kinds.core import InputLayer

_NO_SEQUENCE = ("LSTM", "GRU", "SimpleRNN", "Bidirectional")


@dataclass(frozen=True)
class Seen:
    """A tensor that a port shows.

    Attributes
    ----------
    case : CallCase
        The call that gives it, on what the port showed before.
    chain : tuple of CallCase
        Calls before it of which nothing was seen, nearest first.
    rest : Rest
        What the calls behind one of the chain make of its output.
    """

    case: CallCase
    chain: tuple[CallCase, ...]
    rest: "Rest"


@dataclass(frozen=True)
class Rest:
    """Runs calls again from one whose output is swapped."""

    graph: Graph
    values: Mapping[str, Array]
    masks: Mapping[str, Array]
    weights: Mapping[str, Array]
    chain: tuple[str, ...]
    training: bool

    def finish(self, call: str, value: Array) -> Array:
        """Compute the tensor that is seen, given another output of a call before it."""
        values = {**self.values, call: value}
        changed = {call}
        for name in self.chain[self.chain.index(call) + 1 :]:
            if any(name_of(each) in changed for each in self.graph.calls[name].inputs):
                values |= run_one(self.graph.calls[name], values, self.masks, self.weights, training=self.training)
                changed.add(name)
        return values[self.chain[-1]]


def run_one(
    call: Call, values: Mapping[str, Array], masks: Mapping[str, Array], weights: Mapping[str, Array], *, training: bool
) -> dict[str, Array]:
    """Run a call on values by tensor."""
    return run_call(
        call,
        weights,
        [values[name_of(each)] for each in call.inputs],
        masks=[masks.get(name_of(each)) for each in call.inputs],
        arguments={key: _given(value, values) for key, value in call.arguments.items() if _has_tensors(value)},
        training=training,
    )


def _has_tensors(value: Any) -> bool:
    """Return whether an argument is made of tensors."""
    return isinstance(value, Tensor) or (isinstance(value, tuple | list) and any(map(_has_tensors, value)))


def _given(value: Any, values: Mapping[str, Array]) -> Any:
    """Put arrays in the place of tensors."""
    return values[name_of(value)] if isinstance(value, Tensor) else tuple(_given(each, values) for each in value)


def refined_by(
    graph: Graph, matches: Sequence[Match], right: Mapping[str, Array], outputs: Sequence[Array]
) -> tuple[Graph, dict[str, Array]]:
    """Add to a graph the places where a port shows a tensor a second time, and list all that it shows.

    Returns
    -------
    Graph
        With calls for these places.
    dict of str to ndarray
        What is seen, by tensor, in Keras' order of axes.
    """
    seen: dict[str, Array] = {}
    read: dict[str, Array] = {}
    for each in matches:
        call = graph.calls[each.call]
        kind: Any = call.layer.kind
        is_state = kind.name in _NO_SEQUENCE and not _gives_sequence(kind)
        found = None if is_state else _first(each.record.outputs, right[each.call])
        if found is not None:
            seen[each.call] = found
        source = name_of(call.inputs[0]) if call.inputs else ""
        given = _first(each.record.inputs, right[source]) if source in right else None
        if given is not None and right[source].dtype.kind == "f":
            read[each.call] = given
    ends = {f"{name_of(tensor)}{OUTPUT}": tensor for tensor in graph.outputs}
    for (name, tensor), output in zip(ends.items(), outputs, strict=False):
        found = best_layout(output, right[name_of(tensor)])
        if found is not None:
            seen[name] = found
    wider = with_places(graph, read, {name: tensor for name, tensor in ends.items() if name in seen})
    seen |= {f"{name}{INPUT}": value for name, value in read.items()}
    return wider, seen


def _gives_sequence(kind: Any) -> bool:
    """Return whether a recurrent kind gives all steps."""
    return bool(getattr(kind, "layer", kind).return_sequences)


def _first(arrays: Sequence[Array], right: Array) -> Array | None:
    """Take the first array that fits."""
    return next((found for each in arrays if (found := best_layout(each, right)) is not None), None)


def look_at(
    graph: Graph, seen: Mapping[str, Array], inputs: Mapping[str, Array], right: Run,
    weights: Mapping[str, Array], *, training: bool,
) -> Iterator[Seen]:  # fmt: skip
    """Go through a graph, and hold what is seen against its definition on what was seen before it."""
    values: dict[str, Array] = dict(inputs)
    unseen: dict[str, tuple[str, ...]] = {}
    cases: dict[str, CallCase] = {}
    masks = dict(right.masks)
    for call in graph.calls.values():
        if isinstance(call.layer.kind, InputLayer):
            continue
        places = [name_of(each) for each in call.inputs]
        if call.name not in right.outputs and places[0] in masks:  # a place of our own hands masks on
            masks[call.name] = masks[places[0]]
        try:
            made = run_one(call, values, masks, weights, training=training)
        except (GenrebenchError, KeyError, ValueError, IndexError):
            continue
        values |= made
        before = dict.fromkeys(name for place in places for name in unseen.get(place.partition("#")[0], ()))
        case = CallCase(
            seen.get(call.name, made[call.name]),
            made[call.name],
            graph=graph,
            call=call,
            tensor=call.name,
            weights=weights,
            inputs=tuple(values[place] for place in places),
            masks=tuple(masks.get(place) for place in places),
            arguments={key: _given(each, values) for key, each in call.arguments.items() if _has_tensors(each)},
            training=training,
        )
        cases[call.name] = case
        if call.name not in seen:
            unseen[call.name] = (*before, call.name)
            continue
        chain = (*before, call.name)
        rest = Rest(graph, dict(values), masks, weights, chain, training)
        yield Seen(case, tuple(cases[name] for name in reversed(list(before))), rest)
        values[call.name] = seen[call.name]
        unseen[call.name] = ()


def explain_seen(seen: Seen) -> Iterator[tuple[Entry[Any], Case]]:
    """List the hypotheses for what is seen: about its own call, then about those before it that were not seen."""
    # A place between two layers computes nothing that could be wrong: what was not seen before it comes first.
    is_place = seen.case.call.name.endswith((INPUT, OUTPUT))
    own = [(entry, seen.case) for entry in call_entries(seen.case)]
    yield from () if is_place else own
    for case in seen.chain:
        for entry in call_entries(case):
            yield _finished(entry, case, seen), seen.case
    yield _EXTRA, seen.case
    yield from own if is_place else ()


def _finished(entry: Entry[Any], case: CallCase, seen: Seen) -> Entry[Any]:
    """Make a hypothesis about a call before one about what is seen."""

    def predict(_: CallCase) -> Predictions:
        """Carry each prediction on to what is seen."""
        for each in entry.predict(replace(case, received=case.expected)):
            value = seen.rest.finish(case.call.name, each.value)
            parameters = {**each.parameters, "at": _said(case)}
            yield Prediction(f"`{_said(case)}`: {each.explanation}", value, **parameters)

    return replace(entry, predict=predict)


def _said(case: CallCase) -> str:
    """Name the layer of a call, as the file does."""
    name = case.call.name
    for end in (LINEAR, INPUT, OUTPUT):
        name = name.removesuffix(end)
    return name


def _extra(case: CallCase) -> Predictions:
    """Predict something between two layers that the model does not have."""
    x = case.expected
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    ways = {
        "a rectifier": np.maximum(x, 0),
        "a softmax": powers / powers.sum(axis=-1, keepdims=True),
        "a sigmoid": 1 / (1 + np.exp(-x)),
        "a tangent": np.tanh(x),
        "an exponential": np.exp(x),
        "a logarithm": np.log(np.abs(x) + (x == 0)),
    }
    for word, value in ways.items():
        yield Prediction(f"{word} that the model does not have", value, extra=word)


_EXTRA: Entry[Any] = Entry("extra", "a step that the model does not have", "https://keras.io/api/layers/", _extra)
