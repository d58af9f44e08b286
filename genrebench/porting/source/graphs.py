"""A graph written as a class: calls in an order that reads well, each by its entry in the table."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from genrebench.errors import ConfigError
from genrebench.porting.source.scope import Scope, Written
from genrebench.porting.source.site import Site
from genrebench.porting.source.table import WRITERS
from genrebench.reading.graph import Call, Graph, Tensor
from genrebench.reading.kinds.core import Embedding, Identity, InputLayer, Permute, RepeatVector, Reshape
from genrebench.reading.kinds.logic import Compare, Logical
from genrebench.reading.kinds.merging import Concatenate
from genrebench.reading.kinds.operations import Cast, Fill, Reduce, Slice, Unmask
from genrebench.reading.kinds.selecting import CategoryEncoding, Extreme, OneHot, Repeat, Take, Tile

# What gives truth values or whole numbers, and what gives whatever it is given.
_TRUTH = (Compare, Logical, Extreme)
_MOVES = (Concatenate, Fill, Identity, Permute, Repeat, RepeatVector, Reshape, Slice, Take, Tile, Unmask)


def write_graph(graph: Graph, parts: set[str]) -> Scope:
    """Write the calls of a graph into a class."""
    scope = Scope(parts)
    if any(layer.weights for layer in graph.layers.values()):
        scope.dtype = "next(self.parameters()).dtype"
    calls = reading_order(graph)
    by_layer: defaultdict[str, list[Call]] = defaultdict(list)
    for call in calls:
        by_layer[call.layer.name].append(call)
        for tensor in call.reads():
            scope.readers[tensor].add(call.layer.kind.name if call.layer.kind else "")
    # A network within a layer has the same calls, but nobody outside gives it anything.
    inputs = graph.inputs or [name for name, each in graph.calls.items() if isinstance(each.layer.kind, InputLayer)]
    for name in inputs:
        call = graph.calls[name]
        value = scope.value("inputs" if len(inputs) == 1 else scope.attribute(name))
        scope.parameters.append(value)
        scope.enter(Tensor(name), (call.output_shapes or ())[0], value, "keras")
        if takes_numbers(call, calls):
            number = scope.value("inputs" if len(inputs) == 1 else scope.attribute(name))
            scope.add(number, f"@{value}@.to({scope.dtype})", "whole numbers become floats")
            scope.replace(Tensor(name), number)
        elif _is_whole(call):
            scope.others.add(Tensor(name))
    for call in calls:
        if isinstance(call.layer.kind, InputLayer):
            continue
        write_call(scope, call, by_layer[call.layer.name])
    return scope


def write_call(scope: Scope, call: Call, calls: Sequence[Call]) -> None:
    """Write one call by its entry in the table; a mask that its kind passes on goes on.

    Parameters
    ----------
    calls : sequence of Call
        All calls of the same layer.

    Raises
    ------
    ConfigError
        If there is no entry.
    """
    site = Site(scope, call, calls)
    if site.kind.name not in WRITERS:
        raise ConfigError(f"expected a layer that can be written, `{call.name:.80}` is {site.kind.name}")
    WRITERS[site.kind.name](site)
    is_truth = isinstance(site.kind, _TRUTH) or (isinstance(site.kind, Reduce) and site.kind.function in ("any", "all"))
    if is_truth or (isinstance(site.kind, _MOVES) and scope.others.issuperset(call.inputs)):
        scope.others.add(Tensor(call.name))
    if (
        site.kind.masks == "pass"
        and len(call.inputs) == 1
        and Tensor(call.name) not in scope.masks
        and (mask := site.mask())
    ):
        site.give_mask(mask)


def takes_numbers(call: Call, calls: Sequence[Call]) -> bool:
    """Return whether whole numbers go into layers that compute with floats."""
    if not _is_whole(call):
        return False
    readers = [each for each in calls if Tensor(call.name) in each.inputs]
    is_truth = isinstance(call.layer.kind, InputLayer) and call.layer.kind.dtype == "bool"
    stays = (Embedding, Identity, Cast, OneHot, CategoryEncoding, *_TRUTH, *(_MOVES if is_truth else ()))
    return any(not isinstance(each.layer.kind, stays) for each in readers)


def _is_whole(call: Call) -> bool:
    """Return whether a call is an input of whole numbers or truth values."""
    kind = call.layer.kind
    return isinstance(kind, InputLayer) and kind.dtype.startswith(("int", "uint", "bool"))


def reading_order(graph: Graph) -> list[Call]:
    """Order the calls that the outputs depend on branch by branch, each after those that it reads.

    Where statistics are shared, which every call moves on, the order is the graph's.
    """
    found: dict[str, Call] = {}
    stack = [(each.call, False) for each in reversed(graph.outputs)]
    while stack:
        name, is_ready = stack.pop()
        if name in found:
            continue
        call = graph.calls[name]
        if is_ready:
            found[name] = call
            continue
        stack.append((name, True))
        stack += [(each.call, False) for each in reversed(list(call.reads())) if each.call not in found]
    if any(count > 1 for count in Counter(each.layer.name for each in found.values() if _counts(each)).values()):
        return [each for name, each in graph.calls.items() if name in found]
    return list(found.values())


def _counts(call: Call) -> bool:
    """Return whether a call moves statistics on."""
    return call.layer.trainable and any(not weight.trainable for weight in call.layer.weights)


def tensor_name(tensor: Tensor) -> str:
    """Name an output of a call."""
    return f"{tensor.call}#{tensor.output}" if tensor.output else tensor.call


def write_class(name: str, summary: str, scope: Scope, graph: Graph) -> tuple[list[str], Written]:
    """Write the class of a graph."""
    written = scope.write([f"@{scope.take(each, 'keras')}@" for each in graph.outputs])
    return [
        f"class {name}(nn.Module):",
        f'    """{summary}"""',
        "",
        "    def __init__(self) -> None:",
        '        """Make the layers; their weights are loaded later."""',
        "        super().__init__()",
        *scope.lines,
        "",
        *written.signature,
        '        """Compute what Keras computes."""',
        *written.lines,
    ], written
