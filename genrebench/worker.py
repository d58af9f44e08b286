"""The process in which one backend works: reads a job's folder, does its calls, writes what they returned.

Started as ``python -m genrebench.worker FOLDER``; `genrebench.jobs` says what a job is.
"""

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.architecture import Architecture
from genrebench.backend import Adam, AdamState, BackendInfo, Network
from genrebench.discovery import load_backend
from genrebench.environment import versions
from genrebench.errors import BackendError, GenrebenchError
from genrebench.files import write_json
from genrebench.jobs import JOB_FORMAT, THREAD_VARIABLES, Arrays
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


def _adam_update(network: Network, arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, Any]:
    """Do one or more updates of Adam, each from its own gradients.

    Parameters
    ----------
    network : Network
        The network.
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
    weights, state = network.adam_update(gradients, state, Adam(**options.get("adam", {})))
    named = (("weights", weights), ("m", state.m), ("v", state.v))
    return {f"{kind}/{name}": value for kind, values in named for name, value in values.items()}, state.step


def _loss_and_gradients(network: Network, arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, Any]:
    """Compute loss and gradients.

    Parameters
    ----------
    network : Network
        The network.
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
    loss, gradients = network.loss_and_gradients(arrays["x"], arrays["labels"], dropout_masks=masks, **options)
    return gradients, loss


# Each takes the network, the arrays and the options of a call, and returns arrays and a plain value.
METHODS: dict[str, Callable[[Network, Arrays, dict[str, Any]], tuple[Arrays, Any]]] = {
    "weights": lambda network, arrays, options: (network.weights(), None),
    "logits": lambda network, arrays, options: ({"value": network.logits(arrays["x"])}, None),
    "trace": lambda network, arrays, options: (
        network.trace(arrays["x"], dropout_masks=_nested(arrays, "dropout_masks"), **options),
        None,
    ),
    "loss_and_gradients": _loss_and_gradients,
    "adam_update": _adam_update,
}


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
    started = time.perf_counter()
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
    info, backend = load_backend(document["backend"])
    architecture = Architecture.from_json(document["architecture"])
    weights = _nested(inputs, "weights") or {}
    network = backend.build(architecture, weights, dtype=document["dtype"], device=document["device"])
    outputs: Arrays = {}
    values, seconds = {}, {"build": time.perf_counter() - started}
    for call in document["calls"]:
        began = time.perf_counter()
        arrays, values[call["name"]] = METHODS[call["method"]](
            network, _nested(inputs, call["name"]) or {}, call["options"]
        )
        seconds[call["name"]] = time.perf_counter() - began
        outputs |= {f"{call['name']}/{name}": value for name, value in arrays.items()}
    np.savez(folder / "output.npz", allow_pickle=False, **outputs)
    asked = {"device": document["device"], "dtype": document["dtype"]}
    return {**_surroundings(info), **asked, "seconds": seconds, "values": values}


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
        known = isinstance(error, GenrebenchError)
        report = {"error": str(error) if known else f"{type(error).__name__}: {error}"}
    write_json(folder / "report.json", report)
    return int("error" in report)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
