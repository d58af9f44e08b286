"""The kit in another interpreter: the job, and the side that waits for it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from genrebench.backend.registry import load_backend
from genrebench.backend.worker import Arrays, emit, run_job
from genrebench.system.environment import versions
from genrebench.system.process import MAX_REPLY, TIMEOUT
from genrebench.testing.kit import CheckResult, check_backend


@dataclass(frozen=True)
class CheckRun:
    """A run of the kit in a process of its own.

    Attributes
    ----------
    results : tuple of CheckResult
        What each check found.
    backend : dict
        What the backend says of itself there, by the fields of `BackendInfo`.
    report : dict
        ``versions``, ``threads``, ``seconds`` and ``peak_memory_bytes`` of the process.
    """

    results: tuple[CheckResult, ...]
    backend: dict[str, Any]
    report: dict[str, Any]


def check(_arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, Any]:
    """Run the kit as a job, and `emit` first what it is run on, then each result.

    Parameters
    ----------
    options : dict
        ``backend``, ``expected_failures`` and ``only``, as of `check_backend`.
    """
    results = check_backend(
        options["backend"], expected_failures=options["expected_failures"], only=tuple(options["only"])
    )
    info = load_backend(options["backend"])[0]
    # The framework is imported by now, and what it reports is what is checked.
    start = {"backend": asdict(info), "versions": versions(("genrebench", "numpy", info.framework, *info.requires))}
    emit(start)
    found = []
    for result in results:
        emit({"result": asdict(result)})
        found.append(asdict(result))
    return {}, {**start, "results": found}


def run_check(
    backend: str,
    *,
    expected_failures: Mapping[str, str] | None = None,
    only: Collection[str] = (),
    python: str | Path | None = None,
    timeout: float = TIMEOUT,
    max_reply: float = MAX_REPLY,
    on_start: Callable[[dict[str, Any], dict[str, str]], object] | None = None,
    on_result: Callable[[CheckResult], object] | None = None,
) -> CheckRun:
    """Run the conformance kit in a process of its own.

    Parameters
    ----------
    backend : str
        Name of the backend, which only the other interpreter need have.
    timeout : float
        Seconds after which the worker is ended.
    max_reply : float
        MiB that it may answer with.
    on_start : callable, optional
        Given what the backend says of itself, and the versions of what it runs on, before the first check.
    on_result : callable, optional
        Given each result as soon as it is known.

    Raises
    ------
    WorkerError
        If the worker fails, or refuses the request; a failed check is a result.
    """

    def on_event(event: dict[str, Any]) -> None:
        """Hand on what the worker emits."""
        if "result" in event and on_result:
            on_result(CheckResult(**event["result"]))
        elif "versions" in event and on_start:
            on_start(event["backend"], event["versions"])

    done = run_job(
        "genrebench.testing.job:check",
        options={"backend": backend, "expected_failures": dict(expected_failures or {}), "only": list(only)},
        name=f"backend {backend}",
        python=python,
        timeout=timeout,
        max_reply=max_reply,
        threads=1,  # the kit's networks are so small that more of them would wait for each other
        on_event=on_event,
    )
    results = tuple(CheckResult(**each) for each in done.value["results"])
    return CheckRun(results, done.value["backend"], done.report | {"versions": done.value["versions"]})
