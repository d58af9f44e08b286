"""Jobs for backends: one process each, files in and files out.

Frameworks do not share a process well (threads, allocators, import order), and may not even share an environment. So
the parent writes a job, starts ``python -m genrebench.worker FOLDER``, and reads what the worker wrote; it imports no
framework itself. A job is a folder:

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
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.architecture import Architecture, Weights
from genrebench.errors import BackendError
from genrebench.files import write_json
from genrebench.testing import Outcome

JOB_FORMAT = 1
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
        A key of `genrebench.worker.METHODS`.
    arrays : dict of str to ndarray
        Arguments that are arrays; a mapping's entries are ``<argument>/<name>``.
    options : dict
        Arguments of plain JSON types.
    """

    name: str
    method: str
    arrays: Arrays = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


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
    """

    backend: str
    architecture: Architecture
    weights: Weights
    calls: tuple[Call, ...]
    dtype: str = "float64"
    device: str = "cpu"


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
    """

    arrays: dict[str, Arrays]
    values: dict[str, Any]
    report: dict[str, Any]


class WorkerError(BackendError):
    """A worker failed; `stderr` has what it wrote to standard error.

    Parameters
    ----------
    message : str
        One line.
    stderr : str
        All that the worker wrote to standard error.
    """

    def __init__(self, message: str, stderr: str = "") -> None:
        """Keep both; a traceback, which ``--debug`` shows, has them both."""
        super().__init__(message)
        self.stderr = stderr
        if stderr:
            self.add_note(f"The worker's standard error:\n{stderr}")


def run_job(
    job: Job, *, python: str | Path | None = None, timeout: float = 300.0, threads: int | None = None
) -> JobResult:
    """Run a job in a process of its own.

    Parameters
    ----------
    job : Job
        What to do.
    python : str or Path, optional
        Interpreter, which may be another environment's, where genrebench and the backend must be installed; by default
        this one.
    timeout : float
        Seconds after which the worker is ended.
    threads : int, optional
        Number of threads of the backend; by default one a core.

    Returns
    -------
    JobResult
        What the worker gave back.

    Raises
    ------
    WorkerError
        If the worker cannot be started, fails, crashes, takes too long, or writes what cannot be read.
    """
    document = {
        "backend": job.backend,
        "architecture": job.architecture.to_json(),
        "dtype": job.dtype,
        "device": job.device,
        "calls": [{"name": call.name, "method": call.method, "options": call.options} for call in job.calls],
    }
    arrays = {f"weights/{name}": value for name, value in job.weights.items()}
    for call in job.calls:
        arrays |= {f"{call.name}/{name}": value for name, value in call.arrays.items()}
    return _run(document, arrays, python, timeout, threads)


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
        wait for each other; None for one a core.

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
    result = _run(document, {}, python, timeout, threads)
    return [Outcome(**outcome) for outcome in result.values["check"]], result.report


def _run(
    document: dict[str, Any], arrays: Arrays, python: str | Path | None, timeout: float, threads: int | None
) -> JobResult:
    """Write a job, run its worker, read the result.

    Parameters
    ----------
    document : dict
        What the worker is told.
    arrays : dict of str to ndarray
        What it is given.
    python : str or Path, optional
        Interpreter; by default this one.
    timeout : float
        Seconds after which the worker is ended.
    threads : int, optional
        Number of threads of the backend.

    Returns
    -------
    JobResult
        What the worker gave back.
    """
    with tempfile.TemporaryDirectory(prefix="genrebench-job-") as name:
        folder = Path(name)
        write_json(folder / "job.json", {"format": JOB_FORMAT, **document})
        np.savez(folder / "input.npz", allow_pickle=False, **arrays)
        command = [str(python or sys.executable), "-m", "genrebench.worker", str(folder)]
        code, stderr = _run_process(command, folder, timeout, threads)
        return _read_result(document["backend"], folder, code, stderr)


def _run_process(command: list[str], folder: Path, timeout: float, threads: int | None) -> tuple[int, str]:
    """Run a worker to its end, and make sure that it has one.

    Parameters
    ----------
    command : list of str
        What to start.
    folder : Path
        The job's folder.
    timeout : float
        Seconds after which the worker is ended.
    threads : int, optional
        Number of threads of the backend.

    Returns
    -------
    int
        Exit status, negative for a signal.
    str
        What it wrote to standard error.

    Raises
    ------
    WorkerError
        If it cannot be started or takes too long.
    """
    environment = os.environ | ({name: str(threads) for name in THREAD_VARIABLES} if threads else {})
    log = folder / "stderr.txt"
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
            code = process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            _end(process)
            raise WorkerError(f"worker: expected an end within {timeout:g} s, ended it", _text(log)) from error
        except BaseException:
            _end(process)
            raise
        finally:
            if process.stdin:
                process.stdin.close()
    return code, _text(log)


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
    """Read what a worker wrote to standard error.

    Parameters
    ----------
    log : Path
        The file.

    Returns
    -------
    str
        Its text, whatever the encoding.
    """
    return log.read_text(encoding="utf-8", errors="replace").strip()


def _read_result(backend: str, folder: Path, code: int, stderr: str) -> JobResult:
    """Read what a worker wrote.

    Parameters
    ----------
    backend : str
        Name of the backend.
    folder : Path
        The job's folder.
    code : int
        Exit status of the worker.
    stderr : str
        What it wrote to standard error.

    Returns
    -------
    JobResult
        What it gave back.

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
    return JobResult(arrays, report.pop("values"), report)
