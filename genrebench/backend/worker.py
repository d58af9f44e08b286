"""A job is a function in another interpreter: arrays and options in, arrays and JSON out, through files.

Frameworks do not share a process well (threads, allocators, import order), and may not even share an environment. So
the parent names a function, ``"module:function"``, and starts ``python -m genrebench.backend.worker FOLDER``, which
imports and calls it; the parent imports no framework itself. The function has the form ::

    def f(arrays: dict[str, NDArray[Any]], options: dict[str, Any]) -> tuple[dict[str, NDArray[Any]], Any]

The folder has ``job.json`` (function and options), ``input.npz``, and in the end ``output.npz`` and ``report.json``
(value, seconds, versions, or the error). Nothing is pickled, and what comes back has a limit, which the worker keeps
before it writes and the parent before it reads.
"""

import json
import math
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import BackendError, GenrebenchError, WorkerError, shown
from genrebench.system.arrays import read_arrays, write_arrays
from genrebench.system.environment import versions
from genrebench.system.files import read_json, write_json
from genrebench.system.memory import keep_freed_memory, peak_memory_bytes
from genrebench.system.process import (
    MARK,
    MAX_REPLY,
    THREAD_VARIABLES,
    TIMEOUT,
    ProcessResult,
    start_process,
    to_its_end,
)
from genrebench.system.relatives import adopt_orphans, descendants, end_with_parent, guard, kill
from genrebench.system.temporary import temporary_folder

_MAX_ARRAYS = 100_000
# What a file says of an array beside its content, twice.
_HEADER_BYTES = 1024
# Arrays of a job; what does not fit into memory fails there.
_MAX_JOB_BYTES = 2**40
# Characters of a message; more says nothing that standard error does not have.
_MAX_MESSAGE = 2000
JOB_FORMAT = 4
Arrays = dict[str, NDArray[Any]]
JobFunction = Callable[[Arrays, dict[str, Any]], tuple[Arrays, Any]]
# Where a worker writes the events of its job; None in any other process.
_events: IO[str] | None = None


@dataclass(frozen=True)
class JobResult:
    """What a job gave back.

    Attributes
    ----------
    arrays : dict of str to ndarray
        The arrays that the function returned.
    value : object
        What else it returned, of plain JSON types; NaN and infinities have become None.
    report : dict
        ``seconds`` that the function took, ``peak_memory_bytes`` of the process, ``threads`` as the environment sets
        them, ``versions`` of Python, genrebench and NumPy.
    """

    arrays: Arrays
    value: Any
    report: dict[str, Any]


@contextmanager
def start_job(
    function: str,
    *,
    arrays: Mapping[str, NDArray[Any]] | None = None,
    options: Mapping[str, Any] | None = None,
    name: str | None = None,
    python: str | Path | None = None,
    threads: int | None = None,
    timeout: float = TIMEOUT,
    max_reply: float = MAX_REPLY,
    on_event: Callable[[dict[str, Any]], None] | None = None,
) -> Iterator[Callable[[], JobResult]]:
    """Start a function in a process of its own, which ends with the context at the latest.

    Parameters
    ----------
    options : mapping of str to object, optional
        Options for it, of plain JSON types.
    name : str, optional
        What error messages call the worker, such as ``backend torch``; by default the function.
    python : str or Path, optional
        Interpreter, which may be another environment's, where genrebench must be installed; by default this one.
    threads : int, optional
        Number of threads of numerical libraries; by default what the environment says, or else one per core.
    timeout : float
        Seconds of waiting after which the worker is killed.
    max_reply : float
        MiB that the arrays which it gives back may have in all.
    on_event : callable, optional
        Called, while the worker is waited for, with what the function gives to `emit`.

    Yields
    ------
    callable
        Waits for the worker and returns the `JobResult`, or raises a `WorkerError`.

    Raises
    ------
    WorkerError
        If the worker cannot be started.
    """
    where = f"worker of {name}" if name else f"worker: job {function}"
    limit = max_reply * 2**20
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder("job"))
        document = {"format": JOB_FORMAT, "function": function, "options": dict(options or {}), "max_bytes": limit}
        write_json(folder / "job.json", document)
        write_arrays(folder / "input.npz", arrays or {})
        command = [str(python or sys.executable), "-m", "genrebench.backend.worker", str(folder)]
        on_line = (lambda line: on_event(_event(where, line))) if on_event else None
        try:
            wait = stack.enter_context(start_process(command, timeout=timeout, threads=threads, on_line=on_line))
        except OSError as error:
            raise WorkerError(
                f"{command[0]}: expected a Python interpreter, cannot be started ({error.strerror})"
            ) from error
        yield lambda: _read_result(where, folder, wait(), limit)


# Takes what `start_job` takes, and returns the `JobResult`, or raises a `WorkerError`.
run_job = to_its_end(start_job)


def _event(where: str, line: str) -> Any:
    """Read an event of a worker."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WorkerError(f"{where}: expected events in JSON, received {line[:80]!r}") from error


def _read_result(where: str, folder: Path, process: ProcessResult, limit: float) -> JobResult:
    """Read what a worker wrote.

    Raises
    ------
    WorkerError
        If it failed, or its files cannot be read.
    """
    if process.exit_status < 0 or process.time_limit is not None:
        raise WorkerError(f"{where}: {process.failure}", process.stderr)
    try:
        report = read_json(folder / "report.json", expected="a report", error=BackendError)
        error = report.get("error")
    except (BackendError, AttributeError) as problem:
        message = f"{where}: exit status {process.exit_status} and no report; {process.last_line}"
        raise WorkerError(message, process.stderr) from problem
    if error is not None:
        raise WorkerError(f"{where}: {error}", process.stderr)
    try:
        arrays = read_arrays(
            folder / "output.npz",
            expected="a reply within --max-reply",
            error=BackendError,
            max_bytes=int(limit) + _HEADER_BYTES * _MAX_ARRAYS,
        )
        _check_size(len(arrays), sum(each.nbytes for each in arrays.values()), limit)
        return JobResult(arrays, report.pop("value"), report)
    except Exception as problem:  # a broken archive fails in many ways
        message = f"{where}: expected results, cannot be read ({one_line(problem)}); {process.last_line}"
        raise WorkerError(message, process.stderr) from problem


def _check_size(count: int, size: float, limit: float) -> None:
    """Refuse a reply that is too large."""
    if count > _MAX_ARRAYS or size > limit:
        raise WorkerError(
            f"expected a reply of at most {_MAX_ARRAYS:,} arrays and {limit / 2**20:,.0f} MiB, received {count:,} with "
            f"{size / 2**20:,.0f} MiB; a larger --max-reply lets it pass"
        )


def emit(event: dict[str, Any]) -> None:
    """Tell whoever waits for this job, while it runs; in a process that is no worker, nothing is done.

    Parameters
    ----------
    event : dict
        Plain JSON types; NaN and infinities become None.
    """
    if _events is not None:
        print(json.dumps(plain(event)), file=_events, flush=True)


def is_worker() -> bool:
    """Return whether this process is a worker, whose end is no harm."""
    return _events is not None


def one_line(error: BaseException) -> str:
    """Describe in one line what was raised.

    Returns
    -------
    str
        The message, with the type if it is none of genrebench's own.
    """
    message = str(error) if isinstance(error, GenrebenchError) else f"{type(error).__name__}: {error}"
    return " ".join(message.split())[:_MAX_MESSAGE]


def main(folder: Path) -> int:
    """Do the job in a folder.

    Parameters
    ----------
    folder : Path
        Where the job lies, and where its results go.

    Returns
    -------
    int
        Exit status: 0, or 1 with the error in the report.
    """
    global _events
    if MARK in os.environ:
        guard(f"{MARK}={os.environ[MARK]}")
    end_with_parent()
    adopt_orphans()
    keep_freed_memory()
    # Standard output is for events alone: what frameworks print there goes to standard error.
    _events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        write_json(folder / "report.json", _work(folder))
    except Exception as error:
        traceback.print_exc()
        write_json(folder / "report.json", {"error": one_line(error)})
        return 1
    finally:
        kill(descendants(os.getpid()))
    return 0


def _read_job(folder: Path) -> tuple[dict[str, Any], Arrays]:
    """Read a job and its arrays; the parent may be another version's."""
    path = folder / "job.json"
    job = read_json(path, expected="a job", error=BackendError)
    if not isinstance(job, dict) or job.get("format") != JOB_FORMAT:
        received = job.get("format") if isinstance(job, dict) else job
        raise BackendError(
            f"expected a job of format {JOB_FORMAT}, received {shown(received)}; install one version of genrebench "
            "in both environments",
            path=path,
        )
    if not isinstance(job.get("function"), str) or not isinstance(job.get("options"), dict):
        raise BackendError("expected a function and options, received another job", path=path)
    arrays = read_arrays(
        folder / "input.npz", expected="the arrays of a job", error=BackendError, max_bytes=_MAX_JOB_BYTES
    )
    return job, arrays


def _work(folder: Path) -> dict[str, Any]:
    """Call the function, and write the arrays that it returns."""
    job, arrays = _read_job(folder)
    module, _, name = job["function"].partition(":")
    function: JobFunction = getattr(import_module(module), name)
    began = time.perf_counter()
    outputs, value = function(arrays, job["options"])
    seconds = time.perf_counter() - began
    for name, each in outputs.items():
        # What others hold, and how much of it, may be made only when it is asked for.
        if type(each) is not np.ndarray and not issubclass(type(each), np.generic):
            raise BackendError(f"{name}: expected a NumPy array, received {type(each).__name__}")
    _check_size(len(outputs), sum(each.nbytes for each in outputs.values()), job["max_bytes"])
    write_arrays(folder / "output.npz", outputs)
    return {
        "value": plain(value),
        "seconds": seconds,
        "peak_memory_bytes": peak_memory_bytes(),
        "threads": {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
        "versions": versions(("genrebench", "numpy")),
    }


def plain(value: Any) -> Any:
    """Prepare a value for JSON, which has neither NumPy's numbers nor NaN nor infinity."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


if __name__ == "__main__":
    # The functions of jobs import this module by its name, which must be the same module as the one that runs.
    from genrebench.backend import worker

    sys.exit(worker.main(Path(sys.argv[1])))
