"""What is proved, and with which numbers: weights as they are in the file, others that are nowhere trivial, inputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from genrebench.network.types import Array
from genrebench.porting.proof.options import DEFAULTS, ProofOptions
from genrebench.porting.sampling import Sample, draw_sample
from genrebench.reading.keras_file import KerasModel
from genrebench.reading.kinds.base import Weight

STORED, DRAWN = "stored", "drawn"
# How the rows of each are told apart.
SAID = {STORED: "", DRAWN: "drawn weights"}


@dataclass(frozen=True)
class Trial:
    """Weights and what the network is given with them.

    Attributes
    ----------
    name : str
        ``stored`` or ``drawn``.
    weights : dict of str to ndarray
        By canonical name, in float64.
    sample : Sample
        Inputs, draws and cotangents.
    """

    name: str
    weights: dict[str, Array] = field(repr=False)
    sample: Sample = field(repr=False)


def trials_of(model: KerasModel, options: ProofOptions = DEFAULTS) -> tuple[Trial, ...]:
    """Choose the numbers of a proof.

    Weights of a file may hide a mistake: biases of 0 that nobody adds, statistics that nobody moved, units that are
    always 0. So everything is done a second time with weights that are drawn.

    Parameters
    ----------
    model : KerasModel
        Without problems.
    options : ProofOptions
        With how many samples; equal seeds give equal numbers.
    """
    stored = {name: np.asarray(value, np.float64) for name, value in model.weights.items()}
    drawn = draw_weights(model, seed=options.seed)
    return tuple(
        Trial(name, weights, draw_sample(model.graph, weights, batch=options.batch, seed=options.seed + number))
        for number, (name, weights) in enumerate(((STORED, stored), (DRAWN, drawn)))
    )


def reached(model: KerasModel) -> KerasModel:
    """Leave out layers of which the outputs make nothing, such as those of an unused output of a nested model.

    They are in no source, and of them nothing could be proved.
    """
    graph = model.graph
    waiting = [each.call for each in graph.outputs]
    found = set(graph.inputs)
    while waiting:
        name = waiting.pop()
        found.add(name)
        call = graph.calls[name]
        waiting += [each.call for each in call.reads() if each.call not in found]
    if len(found) == len(graph.calls):
        return model
    calls = {name: call for name, call in graph.calls.items() if name in found}
    layers = {call.layer.name: call.layer for call in calls.values()}
    kept = {f"{layer.name}/{weight.name}" for layer in layers.values() for weight in layer.weights}
    weights = {name: value for name, value in model.weights.items() if name in kept}
    return replace(model, graph=replace(graph, calls=calls, layers=layers), weights=weights)


def draw_weights(model: KerasModel, *, seed: int = 0) -> dict[str, Array]:
    """Draw weights with which values neither vanish nor grow from layer to layer."""
    rng = np.random.default_rng(seed)
    return {
        f"{layer.name}/{weight.name}": _drawn(weight, rng)
        for layer in model.graph.layers.values()
        for weight in layer.weights
    }


def _drawn(weight: Weight, rng: np.random.Generator) -> Array:
    """Draw one weight, by what its name says."""
    shape, name = weight.shape, weight.name.rpartition("/")[2]
    if name in ("gamma", "scale", "concat_score_weight"):
        return np.asarray(rng.uniform(0.6, 1.4, shape))
    if name in ("moving_variance", "variance"):
        return np.asarray(rng.uniform(0.5, 2.0, shape))
    if name == "count":
        return np.asarray(7.0)
    if name == "alpha":
        return np.asarray(rng.uniform(0.05, 0.45, shape))
    if name == "embeddings":
        return np.asarray(rng.standard_normal(shape))
    if name.endswith("kernel"):
        fan = shape[-2] if name == "depthwise_kernel" else int(np.prod(shape[:-1]))
        size = int(np.prod(shape[:-2])) if name == "depthwise_kernel" else max(fan, 1)
        return np.asarray(rng.standard_normal(shape) * np.sqrt(1.6 / max(size, 1)))
    return np.asarray(rng.standard_normal(shape) * 0.3)


def arrays_of(trial: Trial) -> dict[str, Array]:
    """Lay out what a worker is given of a trial, but for the weights."""
    parts: Mapping[str, Mapping[str, Array]] = {
        "inputs": trial.sample.inputs,
        "draws": trial.sample.draws,
        "cotangents": trial.sample.cotangents,
    }
    return {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}
