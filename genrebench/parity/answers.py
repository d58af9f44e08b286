"""What a backend can be asked: each method of a call, on arrays that lie in files.

A worker does the calls of a job with these; see `genrebench.backend.jobs`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle
from typing import Any

import numpy as np

from genrebench.backend.protocol import Backend, Network, Trainable
from genrebench.backend.worker import Arrays
from genrebench.network.adam import Adam, AdamState
from genrebench.network.architecture import Architecture
from genrebench.network.layers import Dense, Dropout, Flatten
from genrebench.network.types import Weights


def nested(arrays: Arrays, argument: str) -> Arrays | None:
    """Gather the entries of an argument that is a mapping.

    Returns
    -------
    dict of str to ndarray or None
        Its entries; None if there are none.
    """
    prefix = f"{argument}/"
    found = {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}
    return found or None


@dataclass(frozen=True)
class Bench:
    """What a call works on.

    Attributes
    ----------
    backend : Backend
        The backend.
    architecture : Architecture
        What it builds.
    weights : dict of str to ndarray
        Canonical weights.
    dtype, device : str
        Where and in what type it computes.
    """

    backend: Backend
    architecture: Architecture
    weights: Weights
    dtype: str
    device: str

    @cached_property
    def network(self) -> Network:
        """Build the network, on first use."""
        return self.build(self.architecture, self.weights)

    def build(self, architecture: Architecture, weights: Weights) -> Network:
        """Build a network.

        Parameters
        ----------
        weights : dict of str to ndarray
            Canonical weights, among others maybe.
        """
        own = {name: weights[name] for name in architecture.weight_specs() if name in weights}
        return self.backend.build(architecture, own, dtype=self.dtype, device=self.device)


def _adam_update(bench: Bench, arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, Any]:
    """Do one update of Adam.

    Parameters
    ----------
    arrays : dict of str to ndarray
        Entries ``gradients/...``, and ``m/...`` and ``v/...`` unless Adam starts.
    options : dict
        ``step``, the number of updates done, and ``adam``, its hyperparameters.
    """
    gradients = nested(arrays, "gradients") or {}
    zeros = {name: np.zeros_like(value) for name, value in gradients.items()}
    state = AdamState(options.get("step", 0), nested(arrays, "m") or zeros, nested(arrays, "v") or zeros)
    weights, state = bench.network.adam_update(gradients, state, Adam(**options.get("adam", {})))
    named = (("weights", weights), ("m", state.m), ("v", state.v))
    return {f"{kind}/{name}": value for kind, values in named for name, value in values.items()}, state.step


def _loss_and_gradients(bench: Bench, arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, Any]:
    """Compute loss and gradients."""
    masks = nested(arrays, "dropout_masks")
    loss, gradients = bench.network.loss_and_gradients(arrays["x"], arrays["labels"], dropout_masks=masks, **options)
    return gradients, loss


def _trace(bench: Bench, arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, Any]:
    """Run the network layer by layer; if that fails, as many of its first layers as can be run.

    Parameters
    ----------
    options : dict
        ``training``; ``prefix``, whether the first layers are asked for.

    Returns
    -------
    str or None
        With ``prefix``, why the whole network could not be run; None if it could.
    """
    x, masks, training = arrays["x"], nested(arrays, "dropout_masks") or {}, options["training"]
    try:
        return bench.network.trace(x, training=training, dropout_masks=masks), None
    except Exception as error:
        if not options.get("prefix"):
            raise
        problem = f"{type(error).__name__}: {error}"
    for count in range(len(bench.architecture.layers) - 1, 0, -1):
        architecture, helper = bench.architecture.prefix(count)
        kept = {layer.name: masks[layer.name] for layer in architecture.layers if layer.name in masks}
        try:
            outputs = bench.build(architecture, bench.weights).trace(x, training=training, dropout_masks=kept)
        except Exception:
            continue
        return {name: value for name, value in outputs.items() if name != helper}, problem
    return {}, problem


def _steps(bench: Bench, arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, Any]:
    """Train for some steps without dropout, as training runs it if the backend trains, and else step by step.

    Parameters
    ----------
    arrays : dict of str to ndarray
        ``x`` [shape=(batches, n, height, width, channels)] and ``labels`` [shape=(batches, n)], taken in turn.
    """
    architecture = bench.architecture.without_dropout()
    network = bench.build(architecture, bench.weights)
    optimizer = Adam(**options.get("adam", {}))
    batches = [each for each, _ in zip(cycle(zip(arrays["x"], arrays["labels"], strict=True)), range(options["count"]))]
    if isinstance(network, Trainable):
        network.start_training(optimizer, seed=0)
        losses = [network.train_step(x, labels).loss for x, labels in batches]
        return network.weights(), losses
    weights, losses, state = network.weights(), [], None
    for x, labels in batches:
        loss, gradients = network.loss_and_gradients(x, labels)
        outputs = network.trace(x, training=True)
        zeros = {name: np.zeros_like(value) for name, value in gradients.items()}
        updated, state = network.adam_update(gradients, state or AdamState(0, zeros, zeros), optimizer)
        weights = {name: updated[name] if name in updated else outputs[name] for name in weights}
        network = bench.build(architecture, weights)
        losses.append(loss)
    return weights, losses


def _drawn_dropout(bench: Bench, _arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, Any]:
    """Find out what dropout keeps where training draws the masks, if the backend trains.

    Of a dense layer without weights behind dropout, fed with ones, the gradient is what dropout gave out, times the
    gradient of the bias.

    Parameters
    ----------
    options : dict
        ``adam``, hyperparameters with which one step gives the gradient back.

    Returns
    -------
    dict of str to ndarray [shape=(2, values)]
        By dropout layer, what it makes of ones in two steps.
    """
    kept: Arrays = {}
    layers = zip(bench.architecture.layers, bench.architecture.shapes()[:-1], strict=True)
    for layer, shape in ((layer, shape) for layer, shape in layers if isinstance(layer, Dropout)):
        flatten, dense = Flatten(name="genrebench_flatten"), Dense(2, name="genrebench_dense")
        parts = (layer, flatten, dense) if len(shape) == 3 else (flatten, layer, dense)
        architecture = Architecture((16, 16, 2), parts)
        weights = {name: np.zeros_like(value) for name, value in architecture.initial_weights(0).items()}
        network = bench.build(architecture, weights)
        if not isinstance(network, Trainable):
            return {}, None
        network.start_training(Adam(**options["adam"]), seed=0)
        found = []
        for label in range(2):
            before = network.weights()
            network.train_step(np.ones((1, 16, 16, 2), bench.dtype), np.array([label]))
            after = network.weights()
            moved = {name: before[name] - after[name] for name in before}
            gradients = {name: each / (1 - np.abs(each)) for name, each in moved.items()}
            found.append(gradients[f"{dense.name}/kernel"][:, label] / gradients[f"{dense.name}/bias"][label])
        kept[layer.name] = np.stack(found)
    return kept, None


# Each takes the bench, the arrays and the options of a call, and returns arrays and a plain value.
METHODS: dict[str, Callable[[Bench, Arrays, dict[str, Any]], tuple[Arrays, Any]]] = {
    "weights": lambda bench, arrays, options: (bench.network.weights(), None),
    "logits": lambda bench, arrays, options: ({"value": bench.network.logits(arrays["x"])}, None),
    "trace": _trace,
    "loss_and_gradients": _loss_and_gradients,
    "adam_update": _adam_update,
    "steps": _steps,
    "drawn_dropout": _drawn_dropout,
}
