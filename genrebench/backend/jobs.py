"""Jobs for backends: one process each, files in and files out.

Frameworks do not share a process well (threads, allocators, import order), and may not even share an environment. So
the parent writes a job, starts ``python -m genrebench.backend.worker FOLDER``, and reads what the worker wrote; it
imports no framework itself. A job is a folder:

- ``job.json``: backend, architecture, dtype, device, and the calls to make, in order;
- ``input.npz``: arrays, ``weights/<canonical name>`` and ``<call>/<argument>[/<name>]``;
- ``output.npz``: what the calls returned, ``<call>/<name>``;
- ``report.json``: versions, threads, device, seconds, peak memory, plain results, or the error.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import WorkerError
from genrebench.network.architecture import Architecture
from genrebench.network.types import Weights
from genrebench.system.files import write_json
from genrebench.testing import Outcome

JOB_FORMAT = 2
# Read by the frameworks while they are imported, so they are set before the worker starts.
THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
)

Arrays = dict[str, NDArray[Any]]


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
    document = {
        "backend": job.backend,
        "architecture": job.architecture.to_json(),
        "dtype": job.dtype,
        "device": job.device,
        "keep_going": job.keep_going,
        "calls": [
            {each: getattr(call, each) for each in ("name", "method", "options", "dtype", "moved")}
            for call in job.calls
        ],
    }
    arrays = {f"weights/{name}": value for name, value in job.weights.items()}
    for call in job.calls:
        arrays |= {f"{call.name}/{name}": value for name, value in call.arrays.items()}
    with _started(document, arrays, python, timeout, threads) as result:
        yield result


def run_check(
    backend: str,
    expected_failures: Mapping[str, str],
    *,
    python: str | Path | None = None,
    timeout: float = 600.0,
    threads: int | None = 1,
) -> tuple[list[Outcome], dict[str, Any]]:
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
    list of Outcome
        What each check found.
    dict
        The worker's report: versions, threads, seconds, peak memory.

    Raises
    ------
    WorkerError
        If the worker fails; a failed check is an outcome.
    """
    document = {"backend": backend, "expected_failures": dict(expected_failures)}
    with _started(document, {}, python, timeout, threads) as wait:
        result = wait()
    return [Outcome(**outcome) for outcome in result.values["check"]], result.report


@contextmanager
def _started(
    document: dict[str, Any], arrays: Arrays, python: str | Path | None, timeout: float, threads: int | None
) -> Iterator[Callable[[], JobResult]]:
    """Write a job and start its worker, which ends with the context at the latest.

    Parameters
    ----------
    timeout : float
        Seconds of waiting after which the worker is ended.

    Yields
    ------
    callable
        Waits for the worker and reads what it wrote.
    """
    with tempfile.TemporaryDirectory(prefix="genrebench-job-") as name:
        folder = Path(name)
        write_json(folder / "job.json", {"format": JOB_FORMAT, **document})
        np.savez(folder / "input.npz", allow_pickle=False, **arrays)
        command = [str(python or sys.executable), "-m", "genrebench.backend.worker", str(folder)]
        log = folder / "stderr.txt"
        with _process(command, log, threads) as process:

            def result() -> JobResult:
                """Wait for the worker and read what it wrote."""
                try:
                    code = process.wait(timeout)
                except subprocess.TimeoutExpired as error:
                    _end(process)
                    raise WorkerError(
                        f"worker of {document['backend']}: expected an end within {timeout:g} s, ended it", _text(log)
                    ) from error
                return _read_result(document["backend"], folder, code, _text(log))

            yield result


@contextmanager
def _process(command: list[str], log: Path, threads: int | None) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process, and make sure that it ends with the context."""
    environment = os.environ | ({name: str(threads) for name in THREAD_VARIABLES} if threads else {})
    with log.open("wb") as stderr:
        try:
            # A session of its own, so that whatever the worker starts can be ended with it. Its standard input is a
            # pipe that nothing is written to: when the parent dies, however it dies, the worker sees its end.
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise WorkerError(
                f"{command[0]}: expected a Python interpreter, cannot be started ({error.strerror})"
            ) from error
    try:
        yield process
    finally:
        if process.poll() is None:
            _end(process)
        if process.stdin:
            process.stdin.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a worker and everything it started.

    Parameters
    ----------
    process : Popen
        The worker, leader of a session of its own.
    """
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _text(log: Path) -> str:
    """Read what a worker wrote to standard error."""
    return log.read_text(encoding="utf-8", errors="replace").strip()


def _read_result(backend: str, folder: Path, code: int, stderr: str) -> JobResult:
    """Read what a worker wrote.

    Raises
    ------
    WorkerError
        If it failed, or its files cannot be read.
    """
    where = f"worker of backend {backend}"
    last_line = stderr.splitlines()[-1] if stderr else "no message"
    if code < 0:
        raise WorkerError(f"{where}: ended by signal {-code} ({signal.strsignal(-code)}); {last_line}", stderr)
    try:
        report = json.loads((folder / "report.json").read_bytes())
        error = report.get("error")
    except (OSError, ValueError, AttributeError) as problem:
        raise WorkerError(f"{where}: exit status {code} and no report; {last_line}", stderr) from problem
    if error is not None:
        raise WorkerError(f"{where}: {error}", stderr)
    try:
        arrays: dict[str, Arrays] = {name: {} for name in report["values"]}
        if (folder / "output.npz").exists():
            with np.load(folder / "output.npz", allow_pickle=False) as file:
                for key in file.files:
                    call, _, name = key.partition("/")
                    arrays[call][name] = file[key]
    except Exception as problem:  # a broken archive fails in many ways
        raise WorkerError(f"{where}: expected results, cannot be read ({problem}); {last_line}", stderr) from problem
    return JobResult(arrays, report.pop("values"), report, report.pop("errors", {}))
