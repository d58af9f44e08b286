"""The graph in smaller steps: a port has activations, or what stands between two modules, as steps of their own."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from genrebench.porting.proof.case import with_settings
from genrebench.reading.graph import Call, Graph, Layer, Tensor
from genrebench.reading.kinds.activation import Activation
from genrebench.reading.kinds.core import Identity

# Behind the names of calls that no file has.
LINEAR, INPUT, OUTPUT = " before its activation", " as it is read", " as it is given back"
_APART = ("Activation", "SimpleRNN", "LSTM", "GRU")


def split_activations(graph: Graph) -> Graph:
    """Make activations calls of their own.

    Parameters
    ----------
    graph : Graph
        A model's.

    Returns
    -------
    Graph
        A convolution with an activation becomes two calls; the second one has its name.
    """
    calls: dict[str, Call] = {}
    for call in graph.calls.values():
        kind = call.layer.kind
        activation = getattr(kind, "activation", "linear")
        if kind is None or kind.name in _APART or activation == "linear" or "activation" not in kind.activations:
            calls[call.name] = call
            continue
        before = f"{call.name}{LINEAR}"
        layer = replace(call.layer, kind=with_settings(kind, activation="linear"))
        calls[before] = replace(call, name=before, layer=layer)
        after = Layer((before, "activation"), "Activation", Activation(activation=activation), has_shapes=True)
        calls[call.name] = Call(
            call.name, after, (Tensor(before),), {}, call.output_shapes, call.output_shapes, call.masked
        )
    return replace(graph, calls=calls)


def with_places(graph: Graph, read: Collection[str], given: Mapping[str, Tensor]) -> Graph:
    """Add a call that does nothing wherever a port shows a tensor a second time.

    Parameters
    ----------
    read : collection of str
        Calls of which it shows what they read.
    given : mapping of str to Tensor
        What it gives back, by the names of the calls that are added.
    """
    calls: dict[str, Call] = {}
    for call in graph.calls.values():
        if call.name in read:
            place = f"{call.name}{INPUT}"
            calls[place] = _nothing(graph, place, call.inputs[0])
            call = replace(call, inputs=(Tensor(place), *call.inputs[1:]))
        calls[call.name] = call
    calls |= {name: _nothing(graph, name, tensor) for name, tensor in given.items()}
    return replace(graph, calls=calls)


def _nothing(graph: Graph, name: str, tensor: Tensor) -> Call:
    """Make a call that hands a tensor on."""
    shape = graph.shape(tensor)
    shapes = None if shape is None else (shape,)
    layer = Layer((name,), "Identity", Identity(), has_shapes=True)
    return Call(name, layer, (tensor,), {}, shapes, shapes)
