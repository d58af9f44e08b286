"""The definitions' own answer, and which of it proves nothing."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np

from genrebench.network.adam import Adam, AdamState, adam_step
from genrebench.network.numerics import MOST_ROUNDING, perturb_by_ulp, relative_error
from genrebench.network.types import Array
from genrebench.parity.context import CONTROL_FACTOR
from genrebench.porting.losses import loss_and_gradient
from genrebench.porting.passes import name_of
from genrebench.porting.proof.answers import MODES, TRAINING, Answer, Run
from genrebench.porting.proof.subject import Trial
from genrebench.porting.reference import GraphReference
from genrebench.reading.graph import Graph, Tensor

REFERENCE = "definitions"
# What is there to say where steps are, not to be computed with.
_OF_MASKS = ("Compare", "Logical", "Fill", "InputLayer")
# Through which no gradient goes.
_WITHOUT_GRADIENT = ("Compare", "Logical", "Fill", "StopGradient", "Extreme", "OneHot", "CategoryEncoding")
_STEPS = ("sign", "floor", "ceil", "round")


@dataclass(frozen=True)
class Reference:
    """What the definitions give.

    Attributes
    ----------
    answer : Answer
        Passes of all trials, and the short run.
    tolerances : dict of (str, str) to dict
        By trial and mode, the relative error of each gradient that is allowed beside the gate, where the terms of a
        gradient cancel and leave fewer digits: a multiple of what one ulp in each weight does.
    effects : dict of (str, str) to dict
        By trial and mode, how much that changes each output and each running statistic, relative to its norm.
    control : dict of str to ndarray
        The short run from weights one ulp away.
    dead : dict of str to str
        What no trial brought to life, and how: outputs that are always the same, gradients that are 0.
    missed : dict of str to str
        Activations of which some piece was never taken.
    """

    answer: Answer
    tolerances: dict[tuple[str, str], dict[str, float]]
    effects: dict[tuple[str, str], dict[str, float]]
    control: dict[str, Array]
    dead: dict[str, str] = field(default_factory=dict)
    missed: dict[str, str] = field(default_factory=dict)

    def limits(self, trial: str, mode: str, least: float) -> dict[str, float]:
        """Choose how far each output and statistic of a whole pass may be off: as far as rounding grows on its way.

        That is, as it grew at most until there. Every layer alone has its own gate, which does not depend on this.

        Parameters
        ----------
        least : float
            What is allowed in any case.
        """
        effects = self.effects[trial, mode]
        until = accumulate(effects.values(), max)
        return {
            name: max(least, min(CONTROL_FACTOR * effect, MOST_ROUNDING))
            for name, effect in zip(effects, until, strict=True)
        }


def compute_reference(
    graph: Graph, trials: Sequence[Trial], loss: Mapping[str, Any] | None, targets: Mapping[str, Array], steps: int
) -> Reference:
    """Run a network by the definitions, in all trials and both modes."""
    runs, tolerances, effects = {}, {}, {}
    for trial in trials:
        moved = perturb_by_ulp(trial.weights)
        for mode in MODES:
            run = runs[trial.name, mode] = run_of(graph, trial.weights, trial, mode)
            other = run_of(graph, moved, trial, mode, moved=True)
            after = {**other.outputs, **other.statistics}
            before = {**run.outputs, **run.statistics}
            effects[trial.name, mode] = {name: relative_error(after[name], value) for name, value in before.items()}
            near = {**other.gradients, **other.slopes}
            both = {**run.gradients, **run.slopes}
            tolerances[trial.name, mode] = {name: _tolerance(value, near[name]) for name, value in both.items()}
    short, control = {}, {}
    if loss:
        first = trials[0]
        short = train(graph, first.weights, first, loss, targets, steps)
        control = train(graph, perturb_by_ulp(first.weights), first, loss, targets, steps)
    return Reference(Answer(runs, steps=short), tolerances, effects, control, _dead(graph, runs, trials), _missed(runs))


def run_of(graph: Graph, weights: Mapping[str, Array], trial: Trial, mode: str, *, moved: bool = False) -> Run:
    """Run a network by the definitions, perhaps with every output moved by an ulp before gradients are computed."""
    is_training = mode == TRAINING
    made = GraphReference(graph, weights).run(
        trial.sample.inputs, training=is_training, draws=trial.sample.draws if is_training else {}
    )
    activity = made.activity()
    if moved:
        made.move_by_ulp()
    slopes, gradients = made.vjp(trial.sample.cotangents)
    read = tensors_of_outputs(graph)
    outputs = {name: value for name, value in made.outputs.items() if name in read}
    return Run(outputs, made.masks, gradients, slopes, made.statistics, activity)


def tensors_of_outputs(graph: Graph) -> set[str]:
    """Name what the outputs are made of, and the inputs: what nobody reads is in no source.

    Such as the sequence of a layer of which the states go on, or a mask of Keras 3 that is handed to a layer which does
    nothing with it; a mask that matters is compared by what it does, and beside the data that it comes with.
    """
    found, seen, waiting = set(graph.inputs), set[str](), list(graph.outputs)
    while waiting:
        tensor = waiting.pop()
        found.add(name_of(tensor))
        if tensor.call in seen:
            continue
        seen.add(tensor.call)
        call = graph.calls[tensor.call]
        others = {name: value for name, value in call.arguments.items() if name != "mask"}
        waiting += dataclasses.replace(call, arguments=others).reads()
    return found


def _tolerance(gradient: Array, near: Array) -> float:
    """Choose the tolerance of a gradient, given the one with weights one ulp away."""
    norm = float(np.linalg.norm(gradient)) or 1.0
    return CONTROL_FACTOR * float(np.linalg.norm(near - gradient)) / norm


def train(
    graph: Graph, weights: Mapping[str, Array], trial: Trial, loss: Mapping[str, Any], targets: Mapping[str, Array],
    steps: int,
) -> dict[str, Array]:  # fmt: skip
    """Train for some steps on one batch, with Keras' Adam: losses, and weights at the end."""
    current, losses, optimizer = dict(weights), [], Adam()
    state: AdamState | None = None
    for step in range(1, steps + 1):
        made = GraphReference(graph, current).run(trial.sample.inputs, training=True, draws=trial.sample.draws)
        found = {name: loss_and_gradient(loss, made.outputs[name], target) for name, target in targets.items()}
        losses.append(sum(value for value, _ in found.values()))
        gradients = made.vjp({name: gradient for name, (_, gradient) in found.items()})[1]
        state = state or AdamState.zeros(gradients)
        for name, gradient in gradients.items():
            done = adam_step(gradient, state.m[name], state.v[name], step, optimizer)
            current[name] = current[name] + done["update"]
            state.m[name], state.v[name] = done["m"], done["v"]
        current |= made.statistics
    trained = state.m if state else {}
    return {"losses": np.array(losses), **{f"weights/{name}": current[name] for name in trained}}


def _dead(graph: Graph, runs: Mapping[tuple[str, str], Run], trials: Sequence[Trial]) -> dict[str, str]:
    """Find what is 0, or always the same, in every trial and mode: of that nothing is proved."""
    found = {}
    for call in graph.calls.values():
        kind = call.layer.kind
        if kind is None or kind.name in _OF_MASKS or getattr(kind, "function", "") in ("any", "all"):
            continue
        if not any(run.activity[call.name].varies for run in runs.values()):
            found[call.name] = "its output is the same for every input"
    moved = weights_with_gradients(graph)
    for name in runs[next(iter(runs))].gradients:
        if name in moved and not any(run.gradients[name].any() for run in runs.values()):
            found[name] = "its gradient is nothing but zeros"
    for name in canceled(graph, trials, found):
        del found[name]
    return found


def canceled(graph: Graph, trials: Sequence[Trial], names: Iterable[str]) -> list[str]:
    """Find weights of shared layers to which several calls give gradients that cancel: biases before a difference."""
    calls: defaultdict[str, list[str]] = defaultdict(list)
    owners = {f"{layer.name}/{weight.name}": layer.name for layer in graph.layers.values() for weight in layer.weights}
    for call in graph.calls.values():
        calls[call.layer.name].append(call.name)
    asked = {name: calls[owners[name]] for name in names if name in owners and len(calls[owners[name]]) > 1}
    found: dict[str, None] = {}
    for trial in trials if asked else ():
        made = GraphReference(graph, trial.weights).run(trial.sample.inputs)
        slopes = made.slopes(trial.sample.cotangents, {each for several in asked.values() for each in several})
        live = (name for name, several in asked.items() if sum(bool(slopes[each].any()) for each in several) > 1)
        found |= dict.fromkeys(live)
    return list(found)


def weights_with_gradients(graph: Graph) -> set[str]:
    """Find the weights to which a gradient goes back from an output; before a step, or a place, none does by nature."""
    reached, found = set(graph.outputs), set[str]()
    for call in reversed(graph.calls.values()):
        kind = call.layer.kind
        if kind is None or not any(
            Tensor(call.name, output) in reached for output in range(len(call.output_shapes or ()))
        ):
            continue
        found |= {f"{call.layer.name}/{weight.name}" for weight in call.layer.weights}
        if kind.name in _WITHOUT_GRADIENT or getattr(kind, "activation", "") in _STEPS:
            continue
        if getattr(kind, "function", "") not in ("any", "all"):
            reached |= set(call.reads())
    return found


def _missed(runs: Mapping[tuple[str, str], Run]) -> dict[str, str]:
    """Find activations that are defined piece by piece, and of which a piece was never taken."""
    found = {}
    for name in next(iter(runs.values())).activity:
        pieces = [run.activity[name].pieces for run in runs.values()]
        never = [index for index, shares in enumerate(zip(*pieces, strict=True), 1) if not any(shares)]
        if never:
            found[name] = f"of its activation, piece {', '.join(map(str, never))} of {len(pieces[0])} was never taken"
    return found
