"""Candidates in processes of their own, in turns: A B A B, so that whatever the machine does affects all equally."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genrebench.backend.worker import JobResult, run_job, start_job
from genrebench.bench.results import Candidate
from genrebench.errors import BenchError, ConfigError, WorkerError
from genrebench.system.process import run_process

# No candidate takes more than a fraction of this; one that hangs must not hang the benchmark.
_TIMEOUT = 900.0


@dataclass(frozen=True)
class Measurement:
    """One run of a candidate, with what it says of itself.

    Its seconds are a whole process', or those of a function in a worker alone; memory is 0 where it cannot be known.
    """

    seconds: float
    peak_memory_bytes: int = 0
    report: dict[str, Any] = field(default_factory=dict)


def run_python(*words: str | Path, environment: Mapping[str, str] | None = None) -> Measurement:
    """Run this interpreter with a command line; a JSON object on the last line of what it prints is its report."""
    where = " ".join(map(str, words[:3]))
    done = run_process([sys.executable, *words], timeout=_TIMEOUT, environment=environment)
    if done.failure:
        raise BenchError(f"{where}: {done.failure}")
    last = done.stdout.splitlines()[-1:] or [""]
    try:
        report = json.loads(last[0]) if last[0].startswith("{") else {}
    except ValueError as error:
        raise BenchError(f"{where}: expected a report in JSON, received {last[0][:80]!r}") from error
    return Measurement(done.seconds, done.peak_memory_bytes, report)


def run_own(function: str, **options: Any) -> Measurement:
    """Run a function of `genrebench.bench.candidates` in a worker."""
    try:
        done = run_job(f"genrebench.bench.candidates:{function}", options=options, name=function, timeout=_TIMEOUT)
    except WorkerError as error:
        raise BenchError(str(error)) from error
    return _measured(done)


def run_side_by_side(function: str, options: Sequence[Mapping[str, Any]]) -> list[Measurement]:
    """Run a function of `genrebench.bench.candidates` in several workers of one thread at once, each with options."""
    job = f"genrebench.bench.candidates:{function}"
    try:
        with ExitStack() as stack:
            waits = [
                stack.enter_context(start_job(job, options=each, name=function, threads=1, timeout=_TIMEOUT))
                for each in options
            ]
            return [_measured(wait()) for wait in waits]
    except WorkerError as error:
        raise BenchError(str(error)) from error


def _measured(done: JobResult) -> Measurement:
    """Take what a worker says of a function."""
    return Measurement(done.report["seconds"], done.report["peak_memory_bytes"] or 0, done.value)


def plain_script(name: str) -> Path:
    """Find a plain script, of those that one would write first, by a name such as ``train_torch``.

    It is in ``experiments/plain/`` of a checkout, or beside this module in an installed package.
    """
    here = Path(__file__).parent
    for folder in (here.parents[1] / "experiments" / "plain", here / "scripts"):
        if (folder / f"{name}.py").is_file():
            return folder / f"{name}.py"
    raise ConfigError(f"experiments/plain/{name}.py: expected the plain script, found none; use a whole checkout")


def timed(runs: Mapping[str, list[Measurement]], **details: int) -> dict[str, Candidate]:
    """Turn runs into candidates by the seconds of whole processes."""
    return {
        name: Candidate(name, "s", tuple(run.seconds for run in found), dict(details)) for name, found in runs.items()
    }


def take_turns(
    candidates: Mapping[str, Callable[[], Measurement]],
    rounds: int,
    *,
    on_run: Callable[[str], None],
    on_failure: Callable[[str, BenchError], None] | None = None,
) -> dict[str, list[Measurement]]:
    """Run candidates in turns.

    `on_run` is called with a name before each run; `on_failure` with the name and the error of a candidate that fails,
    which is then left out. Without it the error is raised.
    """
    found: dict[str, list[Measurement]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name in list(found):
            on_run(name)
            try:
                found[name].append(candidates[name]())
            except BenchError as error:
                if on_failure is None:
                    raise
                on_failure(name, error)
                del found[name]
    return found
