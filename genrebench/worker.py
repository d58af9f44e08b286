"""The process in which one backend works: reads a job's folder, does its calls, writes what they returned.

Started as ``python -m genrebench.worker FOLDER``; `genrebench.jobs` says what a job is.
"""

import json
import math
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.architecture import Architecture, Weights
from genrebench.backend import Adam, AdamState, Backend, BackendInfo, Network, Trainable
from genrebench.discovery import load_backend
from genrebench.environment import versions
from genrebench.errors import BackendError, GenrebenchError
from genrebench.files import write_json
from genrebench.jobs import JOB_FORMAT, THREAD_VARIABLES, Arrays, Call, Job, JobResult, moved_by_one_ulp
from genrebench.testing import check_backend


def _nested(arrays: Arrays, argument: str) -> Arrays | None:
    """Gather the entries of an argument that is a mapping.

    Parameters
    ----------
    arrays : dict of str to ndarray
        Arguments of a call.
    argument : str
        Name of the argument.

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
        """Build the network, on first use.

        Returns
        -------
        Network
            The network.
        """
        return self.build(self.architecture, self.weights)

    def build(self, architecture: Architecture, weights: Weights) -> Network:
        """Build a network.

        Parameters
        ----------
        architecture : Architecture
            What to build.
        weights : dict of str to ndarray
            Canonical weights, among others maybe.

        Returns
        -------
        Network
            The network.
        """
        own = {name: weights[name] for name in architecture.weight_specs() if name in weights}
        return self.backend.build(architecture, own, dtype=self.dtype, device=self.device)


def _adam_update(bench: Bench, arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, Any]:
    """Do one update of Adam.

    Parameters
    ----------
    bench : Bench
        What to work on.
    arrays : dict of str to ndarray
        Entries ``gradients/...``, and ``m/...`` and ``v/...`` unless Adam starts.
    options : dict
        ``step``, the number of updates done, and ``adam``, its hyperparameters.

    Returns
    -------
    dict of str to ndarray
        Entries ``weights/...``, ``m/...`` and ``v/...``.
    int
        Number of updates done.
    """
    gradients = _nested(arrays, "gradients") or {}
    zeros = {name: np.zeros_like(value) for name, value in gradients.items()}
    state = AdamState(options.get("step", 0), _nested(arrays, "m") or zeros, _nested(arrays, "v") or zeros)
    weights, state = bench.network.adam_update(gradients, state, Adam(**options.get("adam", {})))
    named = (("weights", weights), ("m", state.m), ("v", state.v))
    return {f"{kind}/{name}": value for kind, values in named for name, value in values.items()}, state.step


def _loss_and_gradients(bench: Bench, arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, Any]:
    """Compute loss and gradients.

    Parameters
    ----------
    bench : Bench
        What to work on.
    arrays : dict of str to ndarray
        ``x``, ``labels``, and entries ``dropout_masks/...``.
    options : dict
        None.

    Returns
    -------
    dict of str to ndarray
        Gradients by canonical name.
    float
        The loss.
    """
    masks = _nested(arrays, "dropout_masks")
    loss, gradients = bench.network.loss_and_gradients(arrays["x"], arrays["labels"], dropout_masks=masks, **options)
    return gradients, loss


def _trace(bench: Bench, arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, Any]:
    """Run the network layer by layer; if that fails, as many of its first layers as can be run.

    Parameters
    ----------
    bench : Bench
        What to work on.
    arrays : dict of str to ndarray
        ``x``, and entries ``dropout_masks/...``.
    options : dict
        ``training``; ``prefix``, whether the first layers are asked for.

    Returns
    -------
    dict of str to ndarray
        What the layers give out.
    str or None
        With ``prefix``, why the whole network could not be run; None if it could.
    """
    x, masks, training = arrays["x"], _nested(arrays, "dropout_masks") or {}, options["training"]
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
    bench : Bench
        What to work on.
    arrays : dict of str to ndarray
        ``x`` [shape=(batches, n, height, width, channels)] and ``labels`` [shape=(batches, n)], taken in turn.
    options : dict
        ``count``, the number of steps; ``adam``, the hyperparameters.

    Returns
    -------
    dict of str to ndarray
        The weights after the last step.
    list of float
        The loss of every step, before its update.
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


# Each takes the bench, the arrays and the options of a call, and returns arrays and a plain value.
METHODS: dict[str, Callable[[Bench, Arrays, dict[str, Any]], tuple[Arrays, Any]]] = {
    "weights": lambda bench, arrays, options: (bench.network.weights(), None),
    "logits": lambda bench, arrays, options: ({"value": bench.network.logits(arrays["x"])}, None),
    "trace": _trace,
    "loss_and_gradients": _loss_and_gradients,
    "adam_update": _adam_update,
    "steps": _steps,
}


def execute(job: Job) -> JobResult:
    """Do a job in this process.

    Parameters
    ----------
    job : Job
        What to do.

    Returns
    -------
    JobResult
        What the calls returned, and the report without versions.

    Raises
    ------
    Exception
        Whatever the backend raises, unless the job keeps going.
    """
    began = time.perf_counter()
    benches: dict[tuple[str, bool], Bench] = {}
    result = JobResult({}, {}, {"device": job.device, "dtype": job.dtype, "seconds": {}})
    backend = load_backend(job.backend)[1]
    bench = benches[job.dtype, False] = Bench(backend, job.architecture, job.weights, job.dtype, job.device)
    assert bench.network is not None  # a network that cannot be built fails the job, whatever the calls are
    result.report["seconds"]["build"] = time.perf_counter() - began
    for call in job.calls:
        began = time.perf_counter()
        key = (call.dtype or job.dtype, call.moved)
        if key not in benches:
            weights = moved_by_one_ulp(job.weights) if call.moved else job.weights
            benches[key] = Bench(backend, job.architecture, weights, key[0], job.device)
        try:
            arrays, value = METHODS[call.method](benches[key], call.arrays, call.options)
        except Exception as error:
            if not job.keep_going:
                raise
            traceback.print_exc()
            result.errors[call.name] = _reason(error)
        else:
            result.arrays[call.name], result.values[call.name] = arrays, _plain(value)
        result.report["seconds"][call.name] = time.perf_counter() - began
    return result


def _plain(value: Any) -> Any:
    """Prepare a value for JSON, which has neither NaN nor infinity.

    Parameters
    ----------
    value : object
        A float, a list of floats, or another plain value.

    Returns
    -------
    object
        The same with None for what JSON has no word for.
    """
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _reason(error: Exception) -> str:
    """Say in one line what a backend raised.

    Parameters
    ----------
    error : Exception
        What it raised.

    Returns
    -------
    str
        The message, with the type if it is none of genrebench's own.
    """
    message = str(error) if isinstance(error, GenrebenchError) else f"{type(error).__name__}: {error}"
    return " ".join(message.split())


def _work(folder: Path) -> dict[str, Any]:
    """Do a job.

    Parameters
    ----------
    folder : Path
        The job's folder; results are written into it.

    Returns
    -------
    dict
        The report.

    Raises
    ------
    BackendError
        If the job is another version's.
    """
    document = json.loads((folder / "job.json").read_bytes())
    if document["format"] != JOB_FORMAT:
        raise BackendError(
            f"expected a job of format {JOB_FORMAT}, received {document['format']}; install one version of genrebench "
            "in both environments"
        )
    if "expected_failures" in document:
        return _check(document["backend"], document["expected_failures"])
    with np.load(folder / "input.npz", allow_pickle=False) as file:
        inputs = {name: file[name] for name in file.files}
    calls = tuple(Call(arrays=_nested(inputs, call["name"]) or {}, **call) for call in document["calls"])
    job = Job(
        backend=document["backend"],
        architecture=Architecture.from_json(document["architecture"]),
        weights=_nested(inputs, "weights") or {},
        calls=calls,
        dtype=document["dtype"],
        device=document["device"],
        keep_going=document["keep_going"],
    )
    result = execute(job)
    outputs = {f"{call}/{name}": value for call, arrays in result.arrays.items() for name, value in arrays.items()}
    np.savez(folder / "output.npz", allow_pickle=False, **outputs)
    info = load_backend(job.backend)[0]
    return {**_surroundings(info), **result.report, "values": result.values, "errors": result.errors}


def _check(name: str, expected_failures: dict[str, str]) -> dict[str, Any]:
    """Run the conformance kit.

    Parameters
    ----------
    name : str
        Name of the backend.
    expected_failures : dict of str to str
        Checks that are known to fail, each with its reason.

    Returns
    -------
    dict
        The report; its value ``check`` has the outcomes.
    """
    started = time.perf_counter()
    outcomes = [asdict(each) for each in check_backend(name, expected_failures=expected_failures)]
    seconds = {"check": time.perf_counter() - started}
    return {**_surroundings(load_backend(name)[0]), "seconds": seconds, "values": {"check": outcomes}}


def _surroundings(info: BackendInfo) -> dict[str, Any]:
    """Say in what a backend ran.

    Parameters
    ----------
    info : BackendInfo
        The backend.

    Returns
    -------
    dict
        Name, versions, threads and peak memory.
    """
    return {
        "backend": info.name,
        "versions": versions(("genrebench", "numpy", info.framework, *info.requires)),
        "threads": {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
        "peak_memory_bytes": _peak_memory(),
    }


def _peak_memory() -> int | None:
    """Measure the most memory that this process had.

    Returns
    -------
    int or None
        Bytes; None where the system does not say.
    """
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _end_with_parent() -> None:
    """Wait for the end of standard input, which comes when the parent is gone, and end with it."""
    while os.read(0, 1024):  # not sys.stdin, whose lock the interpreter needs to shut down
        pass
    os._exit(1)


def main(arguments: list[str]) -> int:
    """Do the job in a folder.

    Parameters
    ----------
    arguments : list of str
        The folder.

    Returns
    -------
    int
        Exit status: 0, or 1 with the error in the report.
    """
    folder = Path(arguments[0])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        report = _work(folder)
    except Exception as error:
        traceback.print_exc()
        report = {"error": _reason(error)}
    write_json(folder / "report.json", report)
    return int("error" in report)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
