"""Where Keras 3, as a witness, computes something else than the Keras that saved the file."""

from collections.abc import Mapping

import numpy as np

from genrebench.network.types import Array
from genrebench.porting.passes import name_of
from genrebench.reading.graph import Graph
from genrebench.reading.kinds.imaging import RandomCrop


def merged_otherwise(graph: Graph, masks: Mapping[str, Array]) -> str:
    """Find the first call of which Keras 3 would make another mask than Keras 2 did.

    Parameters
    ----------
    graph : Graph
        Of the model.
    masks : mapping of str to ndarray
        The masks of all tensors that have one, by name, as Keras 2 made them.

    Returns
    -------
    str
        The call; empty if there is none.
    """
    for call in graph.calls.values():
        if getattr(call.layer.kind, "mask_rule", "any") == "any":
            continue
        given = [masks.get(name_of(each)) for each in call.inputs]
        found = [each for each in given if each is not None]
        if found and (len(found) < len(given) or any(not np.array_equal(each, found[0]) for each in found)):
            return call.name
    return ""


def cropped_otherwise(graph: Graph) -> str:
    """Find the first call of RandomCrop that makes an image of another size, which today's Keras lets pass.

    Returns
    -------
    str
        The call; empty if there is none.
    """
    for call in graph.calls.values():
        if isinstance(call.layer.kind, RandomCrop) and call.input_shapes != call.output_shapes:
            return call.name
    return ""
