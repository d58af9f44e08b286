"""What a network is given to prove it: inputs, what random layers draw, and cotangents."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from genrebench.network.types import Array
from genrebench.porting.passes import name_of
from genrebench.porting.reference import GraphReference
from genrebench.reading.graph import Graph
from genrebench.reading.kinds.core import InputLayer


@dataclass(frozen=True)
class Sample:
    """What a network is given.

    Attributes
    ----------
    inputs : dict of str to ndarray
        By the names of the calls of InputLayer.
    draws : dict of str to ndarray
        What random layers draw, by the names of their calls.
    cotangents : dict of str to ndarray
        By the names of the model's outputs.
    """

    inputs: dict[str, Array]
    draws: dict[str, Array]
    cotangents: dict[str, Array]


def draw_sample(graph: Graph, weights: Mapping[str, Array], *, batch: int, seed: int) -> Sample:
    """Draw inputs and cotangents.

    Parameters
    ----------
    graph : Graph
        Of the model.
    weights : mapping of str to ndarray
        By canonical name.
    batch : int
        Number of samples.
    seed : int
        Equal seeds give equal samples.

    Returns
    -------
    Sample
        Lengths that the model leaves open are small.
    """
    rng = np.random.default_rng(seed)
    inputs = {}
    for name in graph.inputs:
        kind = graph.calls[name].layer.kind
        shape = kind.shape if isinstance(kind, InputLayer) else ()
        inputs[name] = rng.standard_normal((batch, *(length or 9 for length in shape)))
    outputs = GraphReference(graph, weights).run(inputs).outputs
    names = [name_of(each) for each in graph.outputs]
    return Sample(inputs, {}, {name: rng.standard_normal(outputs[name].shape) for name in names})
