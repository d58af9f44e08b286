"""Contenders in processes of their own, in turns: A B A B, so that whatever the machine does affects all equally."""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genrebench.bench.results import Contender
from genrebench.errors import BenchError

_LAST_WORDS = 400
# No contender takes more than a fraction of these; one that hangs must not hang the benchmark.
_TIMEOUT, _GRACE = 900.0, 10.0
_INTERRUPT, _KILL = (signal.SIGTERM, signal.SIGTERM) if os.name == "nt" else (signal.SIGINT, signal.SIGKILL)


@dataclass(frozen=True)
class Finished:
    """How a process went.

    Attributes
    ----------
    seconds : float
        Wall-clock time from its start to its end.
    peak_memory_bytes : int
        Largest resident memory of it and of what it started and waited for; 0 where the system does not tell.
    report : dict
        The JSON object on the last line of its output; empty if there is none.
    """

    seconds: float
    peak_memory_bytes: int
    report: dict[str, Any]


def run_process(
    command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None, timeout: float = _TIMEOUT
) -> Finished:
    """Run a process to its end.

    Parameters
    ----------
    command : sequence of str
        What to run; ``python`` stands for this interpreter.
    timeout : float
        Seconds after which it is ended.

    Raises
    ------
    BenchError
        If it fails, or takes too long.
    """
    words = [sys.executable if word == "python" else str(word) for word in command]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env={**os.environ, **(environment or {})}
        )
        # os.kill(), since Popen's own methods would look for the end of the process, which _wait waits for.
        clocks = [
            threading.Timer(timeout, os.kill, (process.pid, _INTERRUPT)),
            threading.Timer(timeout + _GRACE, os.kill, (process.pid, _KILL)),
        ]
        try:
            for clock in clocks:
                clock.daemon = True
                clock.start()
            peak = _wait(process)
        except BaseException:
            _end(process)
            raise
        finally:
            for clock in clocks:
                clock.cancel()
        seconds = time.perf_counter() - began
        if seconds > timeout:
            raise BenchError(f"{' '.join(words[1:4])}: expected an end within {timeout:g} s; it was ended")
        output.seek(0)
        errors.seek(0)
        lines = output.read().decode(errors="replace").strip().splitlines()
        if process.returncode:
            last = errors.read().decode(errors="replace").strip().splitlines()[-1:] or lines[-1:] or ["no message"]
            raise BenchError(f"{' '.join(words[1:4])}: exit status {process.returncode}: {last[0][-_LAST_WORDS:]}")
    try:
        report = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    except ValueError as error:
        raise BenchError(f"{' '.join(words[1:4])}: expected a report in JSON, received {lines[-1][:80]!r}") from error
    return Finished(seconds, peak, report)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process as Ctrl-C does, so that it ends its own workers; if that takes too long, at once."""
    process.send_signal(_INTERRUPT)  # does nothing to one that has ended
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process and read its peak memory."""
    if not hasattr(os, "wait4"):
        process.wait()
        return 0
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def in_turns(
    contenders: Mapping[str, Callable[[], Finished]],
    rounds: int,
    *,
    on_run: Callable[[str], None],
    on_failure: Callable[[str, BenchError], None] | None = None,
) -> dict[str, list[Finished]]:
    """Run contenders in turns.

    Parameters
    ----------
    on_run : callable
        Called with a name before each run.
    on_failure : callable, optional
        Called with the name and the error of a contender that fails, which is then left out.

    Raises
    ------
    BenchError
        If a contender fails, and nothing is to be called.
    """
    found: dict[str, list[Finished]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name in list(found):
            on_run(name)
            try:
                found[name].append(contenders[name]())
            except BenchError as error:
                if on_failure is None:
                    raise
                on_failure(name, error)
                del found[name]
    return found


def contender(suite: str, name: str, unit: str, values: Sequence[float], **details: Any) -> Contender:
    """Summarize what one contender did."""
    median = statistics.median(values)
    spread = (max(values) - min(values)) / 2 / median
    return Contender(suite, name, unit, tuple(values), median, spread, details)
