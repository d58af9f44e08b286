"""Questions to a backend's network, several in one job; on its way out: `genrebench.parity.answers` takes its place."""

import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from genrebench.backend import worker
from genrebench.backend.registry import load_backend
from genrebench.backend.worker import Arrays
from genrebench.network.architecture import Architecture
from genrebench.network.numerics import perturb_by_ulp
from genrebench.network.types import Weights
from genrebench.parity.answers import METHODS, Bench, nested
from genrebench.system.environment import versions
from genrebench.testing import CheckResult, check_backend


@dataclass(frozen=True)
class Call:
    """One thing that a worker does with its network.

    Attributes
    ----------
    name : str
        What its results are called.
    method : str
        A key of `genrebench.parity.answers.METHODS`.
    arrays : dict of str to ndarray
        Arguments that are arrays; a mapping's entries are ``<argument>/<name>``.
    options : dict
        Arguments of plain JSON types.
    dtype : str, optional
        ``float32`` or ``float64``, where it is not the job's.
    moved : bool
        Whether the network has weights that are moved by one ulp each (see `perturb_by_ulp`).
    """

    name: str
    method: str
    arrays: Arrays = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    dtype: str | None = None
    moved: bool = False


@dataclass(frozen=True)
class Job:
    """What a worker is told.

    Attributes
    ----------
    backend : str
        Name of the backend.
    architecture : Architecture
        What to build.
    weights : dict of str to ndarray
        Canonical weights.
    calls : tuple of Call
        What to do with it, in order; the network stays the same unless a call trains it.
    dtype : str
        ``float32`` or ``float64``.
    device : str
        ``auto``, or one of the backend's devices.
    keep_going : bool
        Whether a call that fails ends the job; if not, `JobResult.errors` says what failed.
    """

    backend: str
    architecture: Architecture
    weights: Weights
    calls: tuple[Call, ...]
    dtype: str = "float64"
    device: str = "cpu"
    keep_going: bool = False


@dataclass(frozen=True)
class JobResult:
    """What a worker gave back.

    Attributes
    ----------
    arrays : dict of str to dict of str to ndarray
        By call and name; a call that returns one array names it ``value``.
    values : dict of str to object
        By call, what it returned of plain JSON types.
    report : dict
        Versions, threads, device, seconds of each call, peak memory in bytes.
    errors : dict of str to str
        By call, why it failed; only of a job that keeps going.
    """

    arrays: dict[str, Arrays]
    values: dict[str, Any]
    report: dict[str, Any]
    errors: dict[str, str] = field(default_factory=dict)


def run_job(
    job: Job, *, python: str | Path | None = None, timeout: float = 300.0, threads: int | None = None
) -> JobResult:
    """Run a job in a process of its own.

    Parameters
    ----------
    job : Job
        What to do.
    python, timeout, threads : object, optional
        As for `start_job`.

    Returns
    -------
    JobResult
        What the worker gave back.

    Raises
    ------
    WorkerError
        If the worker cannot be started, fails, crashes, takes too long, or writes what cannot be read.
    """
    with start_job(job, python=python, timeout=timeout, threads=threads) as result:
        return result()


@contextmanager
def start_job(
    job: Job, *, python: str | Path | None = None, timeout: float = 300.0, threads: int | None = None
) -> Iterator[Callable[[], JobResult]]:
    """Start a job in a process of its own, which ends with the context at the latest.

    Parameters
    ----------
    job : Job
        What to do.
    python : str or Path, optional
        Interpreter, which may be another environment's, where genrebench and the backend must be installed; by default
        this one.
    timeout : float
        Seconds of waiting after which the worker is ended.
    threads : int, optional
        Number of threads of the backend; by default one per core.

    Yields
    ------
    callable
        Waits for the worker and returns the `JobResult`, or raises a `WorkerError`.

    Raises
    ------
    WorkerError
        If the worker cannot be started.
    """
    calls = [
        {each: getattr(call, each) for each in ("name", "method", "options", "dtype", "moved")} for call in job.calls
    ]
    options = {
        "backend": job.backend,
        "architecture": job.architecture.to_json(),
        "dtype": job.dtype,
        "device": job.device,
        "keep_going": job.keep_going,
        "calls": calls,
    }
    arrays = {f"weights/{name}": value for name, value in job.weights.items()}
    for call in job.calls:
        arrays |= {f"{call.name}/{name}": value for name, value in call.arrays.items()}
    with worker.start_job(
        "genrebench.backend.jobs:work",
        arrays=arrays,
        options=options,
        name=f"backend {job.backend}",
        python=python,
        timeout=timeout,
        threads=threads,
    ) as wait:

        def result() -> JobResult:
            """Wait for the worker and sort what it returned."""
            found = wait()
            report, values = found.value["report"], found.value["values"]
            by_call: dict[str, Arrays] = {name: {} for name in values}
            for key, value in found.arrays.items():
                call, _, name = key.partition("/")
                by_call[call][name] = value
            return JobResult(by_call, values, found.report | report, found.value["errors"])

        yield result


def work(arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, Any]:
    """Do a job in its worker."""
    calls = tuple(Call(arrays=nested(arrays, call["name"]) or {}, **call) for call in options["calls"])
    result = execute(
        Job(
            backend=options["backend"],
            architecture=Architecture.from_json(options["architecture"]),
            weights=nested(arrays, "weights") or {},
            calls=calls,
            dtype=options["dtype"],
            device=options["device"],
            keep_going=options["keep_going"],
        )
    )
    outputs = {f"{call}/{name}": value for call, found in result.arrays.items() for name, value in found.items()}
    report = _surroundings(options["backend"]) | result.report
    return outputs, {"values": result.values, "errors": result.errors, "report": report}


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
    _ = bench.network  # a network that cannot be built fails the job, whatever the calls are
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
            result.errors[call.name] = worker.one_line(error)
        else:
            result.arrays[call.name], result.values[call.name] = arrays, worker.plain(value)
        result.report["seconds"][call.name] = time.perf_counter() - began
    return result


def _surroundings(name: str) -> dict[str, Any]:
    """Describe the backend in its worker."""
    info = load_backend(name)[0]
    return {"backend": name, "versions": versions(("genrebench", "numpy", info.framework, *info.requires))}


def run_check(
    backend: str,
    expected_failures: Mapping[str, str],
    *,
    python: str | Path | None = None,
    timeout: float = 600.0,
    threads: int | None = 1,
) -> tuple[list[CheckResult], dict[str, Any]]:
    """Run the conformance kit in a process of its own.

    Parameters
    ----------
    backend : str
        Name of the backend.
    expected_failures : mapping of str to str
        Checks that are known to fail, each with its reason.
    python : str or Path, optional
        Interpreter, as for `run_job`.
    timeout : float
        Seconds after which the worker is ended.
    threads : int, optional
        Number of threads of the backend; by default one, since the kit's networks are so small that more of them
        wait for each other; None for one per core.

    Returns
    -------
    list of CheckResult
        What each check found.
    dict
        The worker's report: versions, threads, seconds, peak memory.

    Raises
    ------
    WorkerError
        If the worker fails; a failed check is an outcome.
    """
    options = {"backend": backend, "expected_failures": dict(expected_failures)}
    found = worker.run_job(
        "genrebench.backend.jobs:check",
        options=options,
        name=f"backend {backend}",
        python=python,
        timeout=timeout,
        threads=threads,
    )
    report = found.report | found.value["report"] | {"seconds": {"check": found.report["seconds"]}}
    return [CheckResult(**outcome) for outcome in found.value["outcomes"]], report


def check(_arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, Any]:
    """Run the conformance kit in its worker."""
    outcomes = check_backend(options["backend"], expected_failures=options["expected_failures"])
    return {}, {"outcomes": [asdict(each) for each in outcomes], "report": _surroundings(options["backend"])}
