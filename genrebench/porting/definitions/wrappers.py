"""A layer, or a whole network, for each step of time alone."""

import dataclasses

from genrebench.network.types import Array
from genrebench.porting.definition import Given, Made, compute, defines, handed_on
from genrebench.porting.passes import run_graph
from genrebench.porting.primitives import stack
from genrebench.porting.tape import Value
from genrebench.reading.kinds.recurrent import TimeDistributed
from genrebench.reading.submodel import Submodel


@defines(TimeDistributed)
def _time_distributed(kind: TimeDistributed, given: Given) -> Made:
    """Call the layer for one step after the other, as Keras 3 does (keras/src/layers/rnn/time_distributed.py).

    Each step is a batch of its own: batch normalization inside sees no other, and its running statistics move at each.
    """
    weights, statistics, steps = dict(given.weights), dict[str, Array](), []
    for time in range(given.x.shape[1]):
        made = compute(
            kind.layer,
            dataclasses.replace(
                given,
                inputs=(given.x[:, time],),
                weights=weights,
                masks=(),
                arguments={},
                draws={name: draw[:, time] for name, draw in given.draws.items()},
            ),
        )
        steps.append(made.outputs)
        statistics |= made.statistics
        weights |= {name: Value(value) for name, value in made.statistics.items()}
    outputs = tuple(stack(each, 1) for each in zip(*steps, strict=True))
    return Made(outputs, (handed_on(kind, given),), statistics)


@defines(Submodel)
def _submodel(kind: Submodel, given: Given) -> Made:
    """Run a network."""
    graph = kind.graph([value.shape[1:] for value in given.inputs])
    inputs = {f"input_{number}": value for number, value in enumerate(given.inputs)}
    done = run_graph(
        graph,
        given.weights,
        inputs,
        training=given.training,
        trainable=given.trainable,
        draws=given.draws,
    )
    outputs = tuple(done.values[each] for each in graph.outputs)
    return Made(outputs, tuple(done.masks.get(each) for each in graph.outputs), done.statistics)
