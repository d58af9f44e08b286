"""A layer, or a whole network, for each step of time alone."""

import dataclasses

from genrebench.errors import ConfigError
from genrebench.porting.source.graphs import write_call, write_class, write_graph
from genrebench.porting.source.kinds.normalization import batch_norm_module
from genrebench.porting.source.names import identifier
from genrebench.porting.source.scope import Scope
from genrebench.porting.source.site import Site
from genrebench.porting.source.table import writes
from genrebench.reading.graph import Call, Graph, Layer, Tensor
from genrebench.reading.kinds.base import Kind, axis_of
from genrebench.reading.kinds.normalization import BatchNormalization
from genrebench.reading.kinds.recurrent import TimeDistributed
from genrebench.reading.submodel import Submodel

# Of each step alone they make what they make of all steps at once.
_ANYWHERE = frozenset(
    "Dense Activation ReLU LeakyReLU ELU ThresholdedReLU Dropout Identity GaussianNoise GaussianDropout".split()
)


@writes("TimeDistributed")
def write_time_distributed(site: Site) -> None:
    """Write a layer for all steps: on its own where it does not see time, else with time folded into the batch."""
    assert isinstance(site.kind, TimeDistributed)
    inner = site.kind.layer
    if isinstance(inner, Submodel):
        write_inner_network(site, inner)
    elif inner.name in _ANYWHERE and getattr(inner, "noise_shape", None) is None:
        write_call(site.scope, *_inside(site, inner, axes=0))
    elif isinstance(inner, BatchNormalization) and site.is_trained:
        write_steps_of_batch_norm(site, inner)
    else:
        write_folded(site, inner)


def _inside(site: Site, kind: Kind, axes: int = 1) -> tuple[Call, list[Call]]:
    """Make calls of the layer inside, under the names of the wrapper's: this one, and all.

    Parameters
    ----------
    axes : int
        How many axes beside the batch are taken away: 1 for time, or 0.
    """
    outer = site.call.layer
    layer = Layer(outer.path, kind.name, kind, outer.trainable, outer.weights, has_shapes=True)
    calls = [
        Call(
            each.name,
            layer,
            each.inputs,
            dict(each.arguments),
            tuple(shape[axes:] for shape in each.input_shapes or ()),
            tuple(shape[axes:] for shape in each.output_shapes or ()),
        )
        for each in site.calls
    ]
    return calls[[each is site.call for each in site.calls].index(True)], calls


def _steps(site: Site, x: str) -> str:
    """Write how batch and time part again."""
    steps = site.shapes[0][0]
    return f".unflatten(0, (-1, {steps}))" if steps else f".unflatten(0, {x}.shape[:2])"


def write_folded(site: Site, kind: Kind) -> None:
    """Write the layer inside with batch and time as one axis."""
    x = site.take()
    call, calls = _inside(site, kind)
    folded = site.step(f"{x}.flatten(0, 1)", "every step by itself")
    # A name that no call in a file can have.
    start = Tensor(f"{site.call.name}\0in")
    site.scope.enter(start, (call.input_shapes or ())[0], int(folded.strip("@")), "keras")
    call = dataclasses.replace(call, inputs=(start,))
    calls = [call if each.name == call.name else each for each in calls]
    random, drawn = site.scope.random, len(site.scope.random)
    write_call(site.scope, call, calls)
    random[drawn:] = [dataclasses.replace(each, steps=("fold", *each.steps)) for each in random[drawn:]]
    inside = [site.scope.take(Tensor(call.name, output), "keras") for output in range(len(site.after))]
    site.scope.forget(call.name)
    for output, value in enumerate(inside):
        site.give(f"@{value}@{_steps(site, x)}", output=output)


def write_steps_of_batch_norm(site: Site, kind: BatchNormalization) -> None:
    """Write batch normalization of one step after the other: in training each is a batch of its own."""
    shape = site.shapes[0][1:]
    if [axis_of(axis, len(shape)) for axis in kind.axis] != [len(shape) - 1]:
        raise ConfigError(f"expected channels last in TimeDistributed, received axis {kind.axis} in `{site.name}`")
    call, calls = _inside(site, kind)
    module = batch_norm_module(Site(site.scope, call, calls), dims=1)
    x = site.take()
    if len(shape) == 1:
        site.give(f"{site.part('each_step')}({module}, {x})")
        return
    flat = site.step(f"{x}.flatten(2, -2).transpose(2, 3)")
    y = site.step(f"{site.part('each_step')}({module}, {flat})")
    site.give(f"{y}.transpose(2, 3).reshape({x}.shape)")


def write_inner_network(site: Site, kind: Submodel) -> None:
    """Write a network as a class of its own, and call it for all steps at once, or for one after the other."""
    graph = kind.graph([site.shapes[0][1:]])
    for layer in graph.layers.values():
        layer.trainable = layer.trainable and site.is_trained
    inner = write_graph(graph, site.scope.parts)
    is_counting = any(isinstance(each.kind, BatchNormalization) and each.trainable for each in graph.layers.values())
    if site.call is site.calls[0]:
        name = "".join(word.capitalize() for word in site.name.split("_"))
        name = identifier(f"{name}Network", site.scope.parts)
        site.scope.parts.add(name)
        lines, _ = write_class(name, f"What {site.name} does to every step.", inner, graph)
        site.scope.classes += [*inner.classes, lines]
        module = site.module(f"{name}()")
        own = module.removeprefix("self.")
        for canonical, place in inner.places.items():
            site.scope.places[f"{site.call.layer.name}/{canonical}"] = place.within(own)
        site.scope.constants |= {f"{own}.{each}": value for each, value in inner.constants.items()}
    else:
        module = site.module("")
    call_for_steps(site, graph, inner, module, is_counting)


def call_for_steps(site: Site, graph: Graph, inner: Scope, module: str, is_counting: bool) -> None:
    """Write the call of a network inside, and note what it draws."""
    x = site.take()
    step = "loop" if is_counting else "fold"
    for each in inner.random:
        site.scope.random.append(
            dataclasses.replace(
                each,
                name=f"{site.call.name}/{each.name}",
                module=f"{module.removeprefix('self.')}.{each.module}",
                steps=(step, *each.steps),
            )
        )
    if is_counting:
        if len(graph.outputs) > 1:
            raise ConfigError(f"expected a network of one output in `{site.call.name:.80}`, received several")
        site.give(f"{site.part('each_step')}({module}, {x})")
        return
    if len(graph.outputs) == 1:
        y = site.step(f"{module}({x}.flatten(0, 1))", "every step by itself")
        site.give(f"{y}{_steps(site, x)}")
        return
    pattern = ", ".join(["{}"] * len(graph.outputs))
    found = site.steps(pattern, f"{module}({x}.flatten(0, 1))", *(f"{site.name}_part" for _ in graph.outputs))
    for output, y in enumerate(found):
        site.give(f"{y}{_steps(site, x)}", output=output)
