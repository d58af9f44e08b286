"""What backends are asked: a job that runs in the interpreter which has the backend, and who starts it."""

import os
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import cycle, islice
from typing import Any

import numpy as np

from genrebench.backend.protocol import Network, Trainable
from genrebench.backend.registry import load_backend
from genrebench.backend.worker import JobResult, one_line, start_job
from genrebench.network.adam import Adam, AdamState
from genrebench.network.architecture import Architecture
from genrebench.network.layers import Dense, Dropout, Flatten
from genrebench.network.numerics import perturb_by_ulp
from genrebench.network.reference import ReferenceNetwork
from genrebench.network.types import Array, Weights
from genrebench.parity.arrays import pack
from genrebench.parity.inputs import ParityInputs
from genrebench.parity.outputs import (
    AdamUpdate,
    Answer,
    Logits,
    LossAndGradients,
    Outputs,
    Trace,
    Training,
    Values,
    answer_types,
)
from genrebench.parity.request import ParityRequest
from genrebench.system.environment import versions
from genrebench.system.files import StrPath
from genrebench.system.process import MAX_REPLY, TIMEOUT

# With these, one step of Adam moves a weight by g / (|g| + 1), which gives the gradient g back.
GRADIENT_PROBE_ADAM = Adam(learning_rate=1.0, beta_1=0.0, beta_2=0.0, epsilon=1.0)
_DEVICE = "cpu"
# All that a backend is asked which only predicts.
PREDICTION = frozenset(
    {"weights", "evaluation", "logits", "weights_float32", "evaluation_float32", "logits_float32", "trained"}
)

Build = Callable[[Architecture, Weights], Network]


def run_backends(
    inputs: ParityInputs,
    backends: Iterable[str],
    *,
    pythons: Mapping[str, StrPath] | None = None,
    threads: int = ParityRequest.threads,
    timeout: float = TIMEOUT,
    max_reply: float = MAX_REPLY,
    on_done: Callable[[str, float], None] = lambda backend, seconds: None,
) -> dict[str, Outputs]:
    """Ask several backends the same, each in a process of its own, as many at a time as there are cores for.

    Parameters
    ----------
    on_done : callable
        Called with the name of each backend that has answered, and the seconds that it computed.

    Raises
    ------
    WorkerError
        If a backend cannot be started, or cannot build the network.
    """
    names = list(dict.fromkeys(backends))
    at_once = max(1, (os.cpu_count() or 1) // threads)
    arrays, options = inputs.pack()
    started: dict[str, Callable[[], JobResult]] = {}
    outputs: dict[str, Outputs] = {}
    with ExitStack() as stack:
        for name in names:
            for later in names[len(started) : len(outputs) + at_once]:
                python = (pythons or {}).get(later)
                job = start_job(
                    "genrebench.parity.answers:answer",
                    arrays=arrays,
                    options=options | {"backend": later},
                    name=f"backend {later}",
                    python=None if python is None else os.fspath(python),
                    threads=threads,
                    timeout=timeout,
                    max_reply=max_reply,
                )
                started[later] = stack.enter_context(job)
            result = started[name]()
            outputs[name] = Outputs.from_job(result.arrays, result.value, result.report)
            on_done(name, sum(outputs[name].report["seconds"].values()))
    return outputs


def run_here(inputs: ParityInputs, backend: str) -> Outputs:
    """Ask a backend in this process."""
    arrays, options = inputs.pack()
    return Outputs.from_job(*answer(arrays, options | {"backend": backend}), {})


def answer(arrays: dict[str, Array], options: dict[str, Any]) -> tuple[dict[str, Array], Any]:
    """Ask a backend everything: the function of the job.

    Returns
    -------
    dict of str to ndarray, dict
        What `Outputs.from_job` reads: answers, and the backend's account of itself.
    """
    info, backend = load_backend(options["backend"])
    inputs = ParityInputs.unpack(arrays, options)
    seconds: dict[str, float] = {}

    def network(dtype: str, *, perturbed: bool = False) -> "_Subject":
        """Make what is asked, in one type."""
        given = inputs.in_float32() if dtype == "float32" else inputs
        given = replace(given, weights=perturb_by_ulp(inputs.weights)) if perturbed else given
        return _Subject(given, lambda each, weights: backend.build(each, weights, dtype=dtype, device=_DEVICE))

    began = time.perf_counter()
    double = network("float64")
    _ = double.network  # a network that cannot be built fails the job, whatever is asked
    seconds["build"] = time.perf_counter() - began
    asked = _questions(double, network("float64", perturbed=True), network("float32"))
    answers: dict[str, Answer] = {}
    for name, kind in answer_types().items():
        if info.predicts_only and name not in PREDICTION:
            answers[name] = kind(error="the backend only predicts")
            continue
        began = time.perf_counter()
        try:
            answers[name] = asked[name]()
        except Exception as error:
            traceback.print_exc()
            answers[name] = kind(error=one_line(error))
        seconds[name] = time.perf_counter() - began
    return pack(answers), {
        "info": asdict(info),
        "versions": versions(("genrebench", "numpy", info.framework, *info.requires)),
        "device": _DEVICE,
        "dtype": "float64",
        "seconds": seconds,
    }


def _questions(double: "_Subject", perturbed: "_Subject", single: "_Subject") -> dict[str, Callable[[], Answer]]:
    """List the questions by the names that their answers have in `Outputs`."""
    steps = double.inputs.steps
    return {
        "weights": double.weights,
        "evaluation": lambda: double.trace(training=False),
        "training": lambda: double.trace(training=True),
        "gradients": double.gradients,
        "perturbed": perturbed.gradients,
        "adam": double.adam,
        "steps": lambda: double.train(steps),
        "control": lambda: perturbed.train(steps),
        "logits": lambda: double.logits(double.inputs.x),
        "undropped": lambda: double.gradients(with_masks=False),
        "undropped_training": lambda: double.trace(training=True, with_masks=False),
        "fast": lambda: double.first_step(GRADIENT_PROBE_ADAM),
        "fast_adam": lambda: double.first_step(Adam()),
        "dropout": double.random_dropout,
        "weights_float32": single.weights,
        "evaluation_float32": lambda: single.trace(training=False),
        "training_float32": lambda: single.trace(training=True),
        "gradients_float32": single.gradients,
        "fast_float32": lambda: single.first_step(GRADIENT_PROBE_ADAM),
        "logits_float32": lambda: single.logits(single.inputs.x),
        "trained": lambda: single.logits(single.inputs.spectrograms),
    }


@dataclass(frozen=True)
class _Subject:
    """A backend's networks in one type of number, with one set of weights; each method is a question."""

    inputs: ParityInputs
    backend: Build

    def build(self, architecture: Architecture, weights: Weights) -> Network:
        """Build a network; `weights` may hold others than its own."""
        own = {name: weights[name] for name in architecture.weight_specs() if name in weights}
        return self.backend(architecture, own)

    @cached_property
    def network(self) -> Network:
        """Build the network, once."""
        return self.build(self.inputs.architecture, self.inputs.weights)

    def weights(self) -> Values:
        """Read the weights back."""
        return Values(self.network.weights())

    def logits(self, x: Array | None) -> Logits:
        """Run the network as prediction does."""
        return Logits(None if x is None else self.network.logits(x))

    def gradients(self, *, with_masks: bool = True) -> LossAndGradients:
        """Compute loss and gradients."""
        masks = self.inputs.masks if with_masks and self.inputs.masks else None
        loss, gradients = self.network.loss_and_gradients(self.inputs.x, self.inputs.labels, dropout_masks=masks)
        return LossAndGradients(np.array(loss, np.float64), gradients)

    def trace(self, *, training: bool, with_masks: bool = True) -> Trace:
        """Run the network layer by layer; if that fails, as many of its first layers as can be run."""
        architecture = self.inputs.architecture
        masks = self.inputs.masks if training and with_masks else {}
        try:
            return self._sorted(self.network.trace(self.inputs.x, training=training, dropout_masks=masks))
        except Exception as error:
            traceback.print_exc()
            problem = one_line(error)
        for count in range(len(architecture.walk()) - 1, 0, -1):
            first, helper = architecture.prefix(count)
            kept = {node.name: masks[node.name] for node in first.walk() if node.name in masks}
            try:
                network = self.build(first, self.inputs.weights)
                outputs = network.trace(self.inputs.x, training=training, dropout_masks=kept)
            except Exception:  # the reason that counts is the whole network's
                continue
            return self._sorted({name: each for name, each in outputs.items() if name != helper}, problem)
        return Trace(error=problem)

    def _sorted(self, outputs: Mapping[str, Array], problem: str = "") -> Trace:
        """Tell layers from running statistics."""
        statistics = set(self.inputs.architecture.statistics)
        return Trace(
            {name: value for name, value in outputs.items() if name not in statistics},
            {name: value for name, value in outputs.items() if name in statistics},
            error=problem,
        )

    def adam(self) -> AdamUpdate:
        """Do one update of Adam."""
        weights, state = self.network.adam_update(self.inputs.gradients, self.inputs.adam, Adam())
        return AdamUpdate(weights, state.m, state.v)

    def train(self, steps: int) -> Training:
        """Do the short run."""
        return train(self.build, self.inputs, steps)

    def first_step(self, optimizer: Adam) -> Training:
        """Do one step on the inputs."""
        first = replace(self.inputs, batches=self.inputs.x[None], batch_labels=self.inputs.labels[None])
        return train(self.build, first, 1, optimizer)

    def random_dropout(self) -> Values:
        """Find out what dropout keeps where training samples the masks, if the backend trains.

        Of a dense layer without weights behind dropout, fed with ones, the gradient is the output of dropout, times the
        gradient of the bias.

        Returns
        -------
        Values
            By dropout layer, what it makes of ones in two steps [shape=(2, values)].
        """
        kept: Weights = {}
        for node in self.inputs.architecture.walk():
            if not isinstance(node.layer, Dropout):
                continue
            flatten, dense = Flatten(name="genrebench_flatten"), Dense(2, name="genrebench_dense")
            is_map = len(node.output_shape) == 3
            layers = (node.layer, flatten, dense) if is_map else (flatten, node.layer, dense)
            architecture = Architecture((16, 16, 2), layers)
            weights = {name: np.zeros_like(value) for name, value in architecture.initial_weights(0).items()}
            network = self.build(architecture, weights)
            if not isinstance(network, Trainable):
                return Values()
            network.start_training(GRADIENT_PROBE_ADAM, seed=0)
            found = []
            for label in range(2):
                before = network.weights()
                network.train_step(np.ones((1, 16, 16, 2)), np.array([label]))  # type: ignore[arg-type]
                gradients = gradients_from_step(before, network.weights())
                found.append(gradients[f"{dense.name}/kernel"][:, label] / gradients[f"{dense.name}/bias"][label])
            kept[node.name] = np.stack(found)
        return Values(kept)


def train(build: Build, inputs: ParityInputs, count: int, optimizer: Adam = Adam()) -> Training:  # noqa: B008 - frozen
    """Train for some steps without dropout, as training runs it if the backend trains, and else step by step.

    Parameters
    ----------
    count : int
        Number of steps; the inputs' batches are taken in turn.
    """
    architecture = inputs.architecture.without_dropout()
    network = build(architecture, inputs.weights)
    batches = list(islice(cycle(zip(inputs.batches, inputs.batch_labels, strict=True)), count))
    if isinstance(network, Trainable):
        network.start_training(optimizer, seed=0)
        losses = [network.train_step(x, labels).loss for x, labels in batches]
        return Training(np.array(losses, np.float64), network.weights())
    weights, losses, state = network.weights(), [], None
    for x, labels in batches:
        loss, gradients = network.loss_and_gradients(x, labels)
        outputs = network.trace(x, training=True)
        updated, state = network.adam_update(gradients, state or AdamState.zeros(gradients), optimizer)
        weights = {name: updated[name] if name in updated else outputs[name] for name in weights}
        network = build(architecture, weights)
        losses.append(loss)
    return Training(np.array(losses, np.float64), weights)


def train_by_definition(inputs: ParityInputs, optimizer: Adam) -> Training:
    """Do the short run by definition, with hyperparameters of choice."""
    return train(
        lambda each, weights: ReferenceNetwork(each, weights, dtype="float64"), inputs, inputs.steps, optimizer
    )


def gradients_from_step(before: Weights, after: Weights) -> Weights:
    """Recover the gradients of a step with `GRADIENT_PROBE_ADAM`, which moves a weight by ``-g / (|g| + 1)``.

    Parameters
    ----------
    before, after : dict of str to ndarray
        Weights; the difference is taken in the type of those after the step.
    """
    gradients = {}
    for name, value in after.items():
        moved = before[name].astype(value.dtype) - value
        with np.errstate(divide="ignore"):
            gradients[name] = moved / (1 - np.abs(moved))
    return gradients
