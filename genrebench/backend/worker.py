"""The process in which one backend works: reads a job's folder, does its calls, writes what they returned.

Started as ``python -m genrebench.backend.worker FOLDER``; `genrebench.backend.jobs` says what a job is.
"""

import json
import math
import os
import sys
import threading
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.backend.jobs import JOB_FORMAT, THREAD_VARIABLES, Call, Job, JobResult
from genrebench.backend.protocol import BackendInfo
from genrebench.backend.registry import load_backend
from genrebench.errors import BackendError, GenrebenchError
from genrebench.network.architecture import Architecture
from genrebench.network.numerics import perturb_by_ulp
from genrebench.parity.answers import METHODS, Bench, nested
from genrebench.system.environment import versions
from genrebench.system.files import write_json
from genrebench.testing import check_backend


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
            weights = perturb_by_ulp(job.weights) if call.moved else job.weights
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
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _reason(error: Exception) -> str:
    """Say in one line what a backend raised.

    Returns
    -------
    str
        The message, with the type if it is none of genrebench's own.
    """
    message = str(error) if isinstance(error, GenrebenchError) else f"{type(error).__name__}: {error}"
    return " ".join(message.split())


def _work(folder: Path) -> dict[str, Any]:
    """Do a job."""
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
    calls = tuple(Call(arrays=nested(inputs, call["name"]) or {}, **call) for call in document["calls"])
    job = Job(
        backend=document["backend"],
        architecture=Architecture.from_json(document["architecture"]),
        weights=nested(inputs, "weights") or {},
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
    expected_failures : dict of str to str
        Checks that are known to fail, each with its reason.
    """
    started = time.perf_counter()
    outcomes = [asdict(each) for each in check_backend(name, expected_failures=expected_failures)]
    seconds = {"check": time.perf_counter() - started}
    return {**_surroundings(load_backend(name)[0]), "seconds": seconds, "values": {"check": outcomes}}


def _surroundings(info: BackendInfo) -> dict[str, Any]:
    """Say in what a backend ran."""
    return {
        "backend": info.name,
        "versions": versions(("genrebench", "numpy", info.framework, *info.requires)),
        "threads": {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
        "peak_memory_bytes": _peak_memory(),
    }


def _peak_memory() -> int | None:
    """Measure the most memory that this process had."""
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
        write_json(folder / "report.json", _work(folder))
    except Exception as error:
        traceback.print_exc()
        write_json(folder / "report.json", {"error": _reason(error)})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
