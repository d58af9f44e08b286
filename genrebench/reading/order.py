"""The order in which Keras runs the calls of a network: where statistics are shared, they are moved in that order."""

from collections.abc import Iterable, Mapping, Sequence

# A layer's name, and which of its calls.
Node = tuple[str, int]


def running_order(parents: Mapping[Node, Sequence[Node]], outputs: Iterable[Node]) -> list[Node]:
    """Order calls as Keras does: those farthest from the outputs first (``map_graph`` in keras/src/ops/function.py).

    Parameters
    ----------
    parents : mapping of (str, int) to sequence of (str, int)
        The calls that each call reads, in the order of its arguments.
    outputs : iterable of (str, int)
        The calls that give the network's outputs.

    Returns
    -------
    list of (str, int)
        The calls that the outputs depend on.

    Examples
    --------
    >>> running_order({("b", 0): [("a", 0)], ("c", 0): [("b", 0), ("a", 0)]}, [("c", 0)])
    [('a', 0), ('b', 0), ('c', 0)]
    """
    depths: dict[Node, int] = {}
    of_layers: dict[str, int] = {}
    for node in reversed(_finished(parents, outputs)):
        # A layer that is called several times is as far away as the farthest of the calls seen so far.
        depth = max(depths.setdefault(node, 0), of_layers.get(node[0], 0))
        depths[node] = of_layers[node[0]] = depth
        for parent in parents.get(node, ()):
            depths[parent] = max(depth + 1, depths.get(parent, 0))
    return sorted(depths, key=lambda node: -depths[node])


def _finished(parents: Mapping[Node, Sequence[Node]], outputs: Iterable[Node]) -> list[Node]:
    """List calls in the order in which a search into depth is through with them."""
    found: dict[Node, None] = {}
    begun: set[Node] = set()
    stack = [(node, False) for node in reversed(list(outputs))]
    while stack:
        node, is_through = stack.pop()
        if is_through:
            found[node] = None
        elif node not in begun:
            begun.add(node)
            stack.append((node, True))
            stack += [(each, False) for each in reversed(parents.get(node, ()))]
    return list(found)
