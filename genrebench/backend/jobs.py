"""The conformance kit in another interpreter; on its way out: the kit's own job takes its place."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from genrebench.backend import worker
from genrebench.backend.registry import load_backend
from genrebench.backend.worker import Arrays
from genrebench.system.environment import versions
from genrebench.testing import CheckResult, check_backend


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
