"""The one way to run another process: with a time limit, never outliving the parent, killed with all it started.

A process gets a session of its own, so that it can be killed together with whatever it started. Its standard input is
a pipe that nothing is written to: however the parent dies, the pipe ends then, and a process that called
`end_with_parent` ends with it. No Python child imports what happens to lie in the current folder (``PYTHONSAFEPATH``);
``PYTHONPATH`` is honored.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from genrebench.system.memory import peak_memory_bytes

# Read by numerical libraries while they are imported, so they are set before a process starts.
THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
)
_LINE_LIMIT = 400
# How long output is awaited that the process has left to somebody who holds its pipe open.
_GRACE = 1.0


@dataclass(frozen=True)
class ProcessResult:
    """How a process went.

    Attributes
    ----------
    exit_status : int
        0 for success; negative for the signal that ended it.
    seconds : float
        Wall-clock time from its start to its end.
    peak_memory_bytes : int
        Largest resident memory of it and of what it started and waited for; 0 where that cannot be known: Linux counts
        what this process had when it started the other, too, so that a smaller process hides behind it.
    stdout, stderr : str
        All that it wrote; standard output is empty if `start_process` was given ``on_line``.
    time_limit : float, optional
        The seconds after which it was killed; None if it ended in time.
    """

    exit_status: int
    seconds: float
    peak_memory_bytes: int
    stdout: str
    stderr: str
    time_limit: float | None = None

    @property
    def failure(self) -> str | None:
        """Say in one line why the process failed.

        Returns
        -------
        str or None
            The time limit, the signal or the exit status, with the last line that it wrote; None if it succeeded.
        """
        if self.time_limit is not None:
            return f"expected an end within {self.time_limit:g} s, ended it"
        if self.exit_status == 0:
            return None
        if self.exit_status > 0:
            return f"exit status {self.exit_status}: {self.last_line}"
        number = -self.exit_status
        return f"ended by signal {number} ({signal.strsignal(number)}): {self.last_line}"

    @property
    def last_line(self) -> str:
        """Find the last line that the process wrote to standard error, or else to standard output."""
        lines = self.stderr.splitlines() or self.stdout.splitlines() or ["no message"]
        return lines[-1][-_LINE_LIMIT:]


def run_process(
    command: Sequence[str | Path],
    *,
    timeout: float,
    threads: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> ProcessResult:
    """Run a process to its end.

    Returns
    -------
    ProcessResult
        How it went; failures are not raised.

    Raises
    ------
    OSError
        If it cannot be started.
    """
    with start_process(command, timeout=timeout, threads=threads, environment=environment) as wait:
        return wait()


@contextmanager
def start_process(
    command: Sequence[str | Path],
    *,
    timeout: float,
    threads: int | None = None,
    environment: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Iterator[Callable[[], ProcessResult]]:
    """Start a process, which ends with the context at the latest.

    Parameters
    ----------
    timeout : float
        Seconds of waiting after which it is killed.
    threads : int, optional
        Number of threads of numerical libraries; by default what the environment says.
    on_line : callable, optional
        Called, while the process is waited for, with each line of its standard output as soon as it is written.

    Yields
    ------
    callable
        Waits for the end and returns the `ProcessResult`.

    Raises
    ------
    OSError
        If it cannot be started.
    """
    variables = {name: str(threads) for name in THREAD_VARIABLES} if threads else {}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if on_line else output,
            stderr=errors,
            env={**os.environ, "PYTHONSAFEPATH": "1", **variables, **(environment or {})},
            start_new_session=True,
        )
        running = _Running(process, began)

        def result() -> ProcessResult:
            """Wait for the end."""
            in_time = running.wait(timeout, on_line)
            if not in_time:
                running.kill()
            return ProcessResult(
                exit_status=process.returncode,
                seconds=running.seconds,
                peak_memory_bytes=running.peak_memory_bytes,
                stdout=_text(output),
                stderr=_text(errors),
                time_limit=None if in_time else timeout,
            )

        try:
            yield result
        finally:
            running.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()


class _Running:
    """A process whose end and whose lines are awaited by threads, so that neither is seen late."""

    def __init__(self, process: subprocess.Popen[bytes], began: float) -> None:
        """Begin to wait."""
        self.seconds, self.peak_memory_bytes = 0.0, 0
        self._process, self._began, self._own_peak = process, began, peak_memory_bytes() or 0
        self._ended = threading.Event()
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._waiter = threading.Thread(target=self._await, daemon=True)
        self._waiter.start()

    def _read(self) -> None:
        """Pass the lines on."""
        for line in self._process.stdout or ():
            self._lines.put(line)

    def _await(self) -> None:
        """Await the end, and read the time and the peak memory."""
        if hasattr(os, "wait4"):
            _, status, usage = os.wait4(self._process.pid, 0)
            self._process.returncode = os.waitstatus_to_exitcode(status)
            peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            self.peak_memory_bytes = peak if sys.platform != "linux" or peak > 1.05 * self._own_peak else 0
        else:
            self._process.wait()
        self.seconds = time.perf_counter() - self._began
        self._ended.set()
        self._reader.join(_GRACE)
        self._lines.put(None)

    def wait(self, timeout: float, on_line: Callable[[str], None] | None) -> bool:
        """Wait for the end, and pass on what is written until then."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return self._ended.is_set()
            if line is None:
                return True
            if on_line:
                on_line(line.decode(errors="replace").rstrip("\n"))

    def kill(self) -> None:
        """Kill the process with all it started, unless it has ended."""
        if not self._ended.is_set():
            with contextlib.suppress(ProcessLookupError):  # it may have ended a moment ago
                if hasattr(os, "killpg"):
                    os.killpg(self._process.pid, signal.SIGKILL)
                else:
                    self._process.kill()
        self._waiter.join()


def _text(file: IO[bytes]) -> str:
    """Read what a process wrote."""
    file.seek(0)
    return file.read().decode(errors="replace").strip()


def end_with_parent() -> None:
    """Have this process end at once when its standard input ends, which it does when the parent is gone."""

    def watch() -> None:
        """Read until the end."""
        while os.read(0, 1024):  # not sys.stdin, whose lock the interpreter needs to shut down
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
