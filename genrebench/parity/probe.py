"""What the backends are asked: inputs, and the same calls for each, in float64 and in float32."""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrebench.backend.jobs import Call, Job, JobResult, start_job
from genrebench.network.adam import Adam
from genrebench.network.architecture import Architecture
from genrebench.network.layers import Conv2D, Dense
from genrebench.network.reference import run_layer
from genrebench.network.sampling import random_inputs, random_masks, random_weights
from genrebench.network.types import Array, Weights
from genrebench.system.files import sha256

# With these, one step of Adam moves a weight by g / (|g| + 1), which gives the gradient g back.
REVEALING_ADAM = Adam(learning_rate=1.0, beta_1=0.0, beta_2=0.0, epsilon=1.0)
# The state from which the optimizer is asked for one update.
ADAM_STEP = 3
# Share of a layer's values that a rectifier has to let through.
_ALIVE = 0.03
# Batches of the short run.
_BATCHES = 3
_TIMEOUT = 600.0


@dataclass(frozen=True)
class Probe:
    """What all backends are given.

    Attributes
    ----------
    architecture : Architecture
        The network.
    weights : dict of str to ndarray
        Canonical weights.
    x : ndarray of float64 [shape=(n, height, width, channels)]
        Inputs.
    labels : ndarray of int64 [shape=(n,)]
        Labels.
    batches : ndarray of float64 [shape=(batches, n, height, width, channels)]
        Inputs of the short run.
    batch_labels : ndarray of int64 [shape=(batches, n)]
        Their labels.
    steps : int
        Steps of the short run.
    seed : int
        Seed of all that is random.
    spectrograms : ndarray of float32 or None
        What a trained model is tried on, standardized; None without a model.
    """

    architecture: Architecture
    weights: Weights
    x: Array
    labels: NDArray[np.int64]
    batches: Array
    batch_labels: NDArray[np.int64]
    steps: int = 12
    seed: int = 0
    spectrograms: Array | None = None

    @property
    def masks(self) -> dict[str, Array]:
        """Draw what dropout keeps.

        Returns
        -------
        dict of str to ndarray
            A mask for each dropout layer.
        """
        return random_masks(self.architecture, len(self.x))

    def hashes(self) -> dict[str, str]:
        """Hash what the backends are given.

        Returns
        -------
        dict of str to str
            SHA-256 of architecture, weights and inputs.
        """
        ordered = [self.weights[name] for name in sorted(self.weights)]
        inputs = [self.x, self.labels, self.batches, self.batch_labels]
        inputs += [] if self.spectrograms is None else [self.spectrograms]
        return {
            "architecture": self.architecture.fingerprint(),
            "weights": sha256(np.ascontiguousarray(value).tobytes() for value in ordered),
            "inputs": sha256(np.ascontiguousarray(value).tobytes() for value in inputs),
        }


def live_random_weights(architecture: Architecture, x: Array, seed: int) -> Weights:
    """Draw weights none of which is trivial, and which need all digits of float64.

    A layer whose rectifier would let through next to nothing gets biases with which it cuts off somewhat more than half
    of what it is given: one that gives out nothing but zeros would hide all that comes before it.

    Parameters
    ----------
    x : ndarray of float64 [shape=(n, height, width, channels)]
        Inputs.

    Returns
    -------
    dict of str to ndarray of float64
        Canonical weights; stored in float32, they would change.
    """
    rng = np.random.default_rng([seed, 3])
    weights = random_weights(architecture, seed)
    weights = {name: value * (1 + 1e-8 * rng.random(value.shape)) for name, value in weights.items()}
    for layer in architecture.layers:
        if isinstance(layer, Conv2D | Dense) and layer.activation == "relu":
            linear = run_layer(replace(layer, activation="linear"), weights, x)[layer.name]
            if (linear > 0).mean() < _ALIVE:
                name, axes = f"{layer.name}/bias", tuple(range(linear.ndim - 1))
                spread = linear.std(axes)
                centered = weights[name] - linear.mean(axes) - rng.uniform(0.1, 0.5, len(spread)) * spread
                # Where all inputs are alike there is nothing to centre, and zero would be rounding.
                varies = spread > 1e-6 * np.abs(linear).max(axes)
                weights[name] = np.where(varies, centered, weights[name])
        x = run_layer(layer, weights, x)[layer.name]
    return weights


def make_probe(
    architecture: Architecture,
    *,
    weights: Weights | None = None,
    data: Array | None = None,
    batch_size: int = 4,
    steps: int = 12,
    seed: int = 0,
    spectrograms: Array | None = None,
) -> Probe:
    """Make what all backends are given.

    Labels are drawn even if inputs are not: with the true ones the loss of a trained network is next to nothing, and
    its gradient what the difference of probability and one leaves of it, which is rounding for the most part.

    Parameters
    ----------
    weights : dict of str to ndarray, optional
        Canonical weights; by default drawn.
    data : ndarray, optional
        Standardized inputs to choose from; by default drawn.
    steps : int
        Steps of the short run.
    seed : int
        Seed of all that is random.
    spectrograms : ndarray, optional
        What a trained model is tried on.
    """
    count = batch_size * (1 + _BATCHES)
    x, labels = random_inputs(architecture, count, seed)
    if data is not None:
        # Repeated where the tree is small; a batch of its own for the ladder, the others for the short run.
        x = data[np.resize(np.random.default_rng([seed, 4]).permutation(len(data)), count)]
    x = x.astype(np.float64)
    chosen_weights = live_random_weights(architecture, x[:batch_size], seed) if weights is None else weights
    return Probe(
        architecture=architecture,
        weights={name: np.asarray(value, np.float64) for name, value in chosen_weights.items()},
        x=x[:batch_size],
        labels=labels[:batch_size],
        batches=x[batch_size:].reshape(_BATCHES, batch_size, *architecture.input_shape),
        batch_labels=labels[batch_size:].reshape(_BATCHES, batch_size),
        steps=steps,
        seed=seed,
        spectrograms=spectrograms,
    )


def adam_state(probe: Probe) -> tuple[Weights, Weights, Weights]:
    """Draw gradients and moments, small enough for epsilon to count.

    Parameters
    ----------
    probe : Probe
        What all backends are given.
    """
    rng = np.random.default_rng([probe.seed, 5])
    shapes = {name: spec.shape for name, spec in probe.architecture.weight_specs().items() if spec.trainable}
    gradients = {name: rng.normal(size=shape) * 1e-6 for name, shape in shapes.items()}
    m = {name: rng.normal(size=shape) * 1e-6 for name, shape in shapes.items()}
    v = {name: rng.random(shape) * 1e-12 for name, shape in shapes.items()}
    return gradients, m, v


def calls(probe: Probe) -> tuple[Call, ...]:
    """List what every backend is asked.

    Returns
    -------
    tuple of Call
        The calls; those whose names end in ``32`` compute in float32.
    """
    masked = {f"dropout_masks/{name}": mask for name, mask in probe.masks.items()}
    seen, labeled = {"x": probe.x}, {"x": probe.x, "labels": probe.labels}
    run = {"x": probe.batches, "labels": probe.batch_labels}
    state = {
        f"{kind}/{name}": value
        for kind, values in zip(("gradients", "m", "v"), adam_state(probe), strict=True)
        for name, value in values.items()
    }
    revealing = {"count": 1, "adam": asdict(REVEALING_ADAM)}
    first = {"x": probe.x[None], "labels": probe.labels[None]}
    asked = [
        Call("weights", "weights"),
        Call("evaluation", "trace", seen, {"training": False, "prefix": True}),
        Call("training", "trace", seen | masked, {"training": True, "prefix": True}),
        Call("gradients", "loss_and_gradients", labeled | masked),
        Call("sensitivity", "loss_and_gradients", labeled | masked, moved=True),
        Call("adam", "adam_update", state, {"step": ADAM_STEP}),
        Call("steps", "steps", run, {"count": probe.steps}),
        Call("control", "steps", run, {"count": probe.steps}, moved=True),
        Call("logits", "logits", seen),
        Call("undropped", "loss_and_gradients", labeled),
        Call("undropped-training", "trace", seen, {"training": True}),
        Call("fast", "steps", first, revealing),
        Call("fast-adam", "steps", first, {"count": 1}),
        Call("dropout", "drawn_dropout", {}, {"adam": asdict(REVEALING_ADAM)}),
    ]
    asked += [
        Call(f"{call.name}32", call.method, _single(call.arrays), call.options, dtype="float32")
        for call in asked
        if call.name in ("weights", "evaluation", "training", "gradients", "fast")
    ]
    if probe.spectrograms is not None:
        asked.append(Call("trained", "logits", {"x": probe.spectrograms.astype(np.float32)}, dtype="float32"))
    return tuple(asked)


def _single(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Round arguments to float32."""
    return {name: value.astype(np.float32) if value.dtype.kind == "f" else value for name, value in arrays.items()}


@dataclass(frozen=True)
class Answers:
    """What one backend answered.

    Attributes
    ----------
    backend : str
        Its name.
    result : JobResult
        By call.
    can_train : bool
        Whether its networks can be trained.
    """

    backend: str
    result: JobResult
    can_train: bool

    def arrays(self, call: str) -> dict[str, Array]:
        """Look up what a call returned.

        Returns
        -------
        dict of str to ndarray
            Arrays by name; empty if it failed.
        """
        return self.result.arrays.get(call, {})

    def error(self, call: str) -> str:
        """Look up why a call failed.

        Returns
        -------
        str
            The reason; empty if it did not.
        """
        stopped = self.result.values.get(call) if call.startswith(("evaluation", "training")) else None
        return self.result.errors.get(call) or stopped or ""


def ask(
    probe: Probe,
    backends: Iterable[str],
    *,
    pythons: Mapping[str, Path] | None = None,
    threads: int = 1,
    on_done: Callable[[str, float], None] = lambda backend, seconds: None,
) -> dict[str, JobResult]:
    """Ask several backends the same, each in a process of its own, as many at a time as there are cores for.

    Parameters
    ----------
    pythons : mapping of str to Path, optional
        Interpreters of other environments, by backend.
    threads : int
        Number of threads of each.
    on_done : callable
        Called with the name of each backend that has answered, and the seconds that it computed.

    Raises
    ------
    WorkerError
        If a backend cannot be started, or cannot build the network.
    """
    asked, names = calls(probe), list(dict.fromkeys(backends))
    at_once = max(1, (os.cpu_count() or 1) // threads)
    started: dict[str, Callable[[], JobResult]] = {}
    results: dict[str, JobResult] = {}
    with ExitStack() as stack:
        for name in names:
            for later in names[len(started) : len(results) + at_once]:
                job = Job(later, probe.architecture, probe.weights, asked, keep_going=True)
                python = (pythons or {}).get(later)
                started[later] = stack.enter_context(start_job(job, python=python, timeout=_TIMEOUT, threads=threads))
            results[name] = started[name]()
            on_done(name, sum(results[name].report["seconds"].values()))
    return results
