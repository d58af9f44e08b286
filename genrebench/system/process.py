"""The one way to run another process: with limits, never outliving the parent, killed with all it started.

A process gets a session of its own, so that it can be killed together with whatever it started, which happens at its
end, too. Its standard input is a pipe that nothing is written to: however the parent dies, the pipe ends then, and a
process that called `genrebench.system.relatives.end_with_parent` ends with it. No Python child imports what happens to
lie in the current folder (``PYTHONSAFEPATH``); ``PYTHONPATH`` is honored.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ParamSpec, TypeVar

from genrebench.errors import ConfigError
from genrebench.system.interrupts import interrupts_deferred
from genrebench.system.memory import peak_memory_bytes
from genrebench.system.relatives import descendants, kill

P = ParamSpec("P")
R = TypeVar("R")

# Read by numerical libraries while they are imported, so they are set before a process starts.
THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
)
# What a worker is granted. Seconds: far above what the longest of our jobs takes, the conformance kit on Keras with
# some 15 on two idle cores. MiB of arrays: far above parity's answers on the genre network.
TIMEOUT = 600.0
MAX_REPLY = 8192.0
_LINE_LIMIT = 400
# By this variable a process, and all that it starts, is known for good; `genrebench.system.relatives.guard` takes it.
MARK = "GENREBENCH_PROCESS"
# Of what a process writes, the end is kept; a longer line is passed on in parts.
KEPT_BYTES = 2**20
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
        What it wrote, of more than `KEPT_BYTES` the end; standard output is empty if `start_process` was given
        ``on_line``.
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


def to_its_end(start: Callable[P, AbstractContextManager[Callable[[], R]]]) -> Callable[P, R]:
    """Make of what starts something, and yields how it is waited for, what runs it to its end."""

    def run(*arguments: P.args, **options: P.kwargs) -> R:
        """Start it, and wait."""
        with start(*arguments, **options) as wait:
            return wait()

    return run


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
    ConfigError
        If the timeout is no time that can be waited for.
    """
    if not 0 <= timeout <= threading.TIMEOUT_MAX:
        raise ConfigError(f"timeout: expected seconds from 0 to {threading.TIMEOUT_MAX:.0f}, received {timeout}")
    variables = {name: str(threads) for name in THREAD_VARIABLES} if threads else {}
    # Overridden by nobody: what a caller sets may come from a user's environment.
    variables = {**variables, **(environment or {}), "PYTHONSAFEPATH": "1", MARK: f"{os.getpid()}-{uuid.uuid4()}"}
    running: _Running | None = None

    def result() -> ProcessResult:
        """Wait for the end."""
        assert running is not None
        in_time = running.wait(timeout, on_line)
        if not in_time:
            running.kill()
        return running.result(None if in_time else timeout)

    try:
        with interrupts_deferred():
            running = _Running(command, {**os.environ, **variables}, reads_lines=on_line is not None)
        yield result
    finally:
        if running is not None:
            with interrupts_deferred():
                running.kill()


# Takes what `start_process` takes, and returns how the process went; failures are not raised.
run_process = to_its_end(start_process)


# For each of those who want it now, in whatever thread: what was there before the first of them.
_SAFE: list[str | None] = []
_SAFE_LOCK = threading.Lock()


@contextmanager
def safe_path() -> Iterator[None]:
    """Have Python processes that others start meanwhile import nothing from the current folder."""
    with _SAFE_LOCK:
        _SAFE.append(_SAFE[0] if _SAFE else os.environ.get("PYTHONSAFEPATH"))
        os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        with _SAFE_LOCK:
            before = _SAFE.pop()
            if not _SAFE and before is None:
                del os.environ["PYTHONSAFEPATH"]
            elif not _SAFE and before is not None:
                os.environ["PYTHONSAFEPATH"] = before


class _Tail:
    """The end of what is written, in memory of a fixed size."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._kept = bytearray()
        self._dropped = 0

    def add(self, part: bytes) -> None:
        """Add what was written last."""
        self._kept += part
        if len(self._kept) > 2 * KEPT_BYTES:
            self._dropped += len(self._kept) - KEPT_BYTES
            del self._kept[:-KEPT_BYTES]

    def text(self) -> str:
        """Return what is kept, and how much is not."""
        left_out = f"[{self._dropped:,} bytes before this are left out]\n" if self._dropped else ""
        return left_out + self._kept.decode(errors="replace").strip()


class _Running:
    """A process whose end and whose output are awaited by threads, so that neither is seen late."""

    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str], *, reads_lines: bool) -> None:
        """Start it, and begin to wait."""
        self._seconds, self._peak, self._own_peak = 0.0, 0, peak_memory_bytes() or 0
        self._began = time.perf_counter()
        self._process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        self._output, self._errors = _Tail(), _Tail()
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._lock, self._is_reaped, self._ended = threading.Lock(), False, threading.Event()
        readers = (
            (self._read_lines, (self._process.stdout,))
            if reads_lines
            else (self._read, (self._process.stdout, self._output)),
            (self._read, (self._process.stderr, self._errors)),
        )
        self._readers = [threading.Thread(target=read, args=args, daemon=True) for read, args in readers]
        self._waiter = threading.Thread(target=self._await, daemon=True)
        for thread in (*self._readers, self._waiter):
            thread.start()

    @staticmethod
    def _read(pipe: IO[bytes], tail: _Tail) -> None:
        """Keep what is written last; what is not read would make the process wait."""
        with contextlib.suppress(ValueError, OSError):  # the pipe is closed here before its writers are gone
            while part := os.read(pipe.fileno(), 2**16):
                tail.add(part)

    def _read_lines(self, pipe: IO[bytes]) -> None:
        """Pass the lines on."""
        with contextlib.suppress(ValueError, OSError):
            while line := pipe.readline(KEPT_BYTES):
                self._lines.put(line)

    def _await(self) -> None:
        """Await the end, kill what the process leaves behind, and read the time and the peak memory."""
        if hasattr(os, "waitid"):
            # Not reaped yet, so that the number of its group is nobody else's.
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
            self._seconds = time.perf_counter() - self._began
            self._kill_group()
        if hasattr(os, "wait4"):
            _, status, usage = os.wait4(self._process.pid, 0)
            self._process.returncode = os.waitstatus_to_exitcode(status)
            peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            self._peak = peak if sys.platform != "linux" or peak > 1.05 * self._own_peak else 0
        else:
            self._process.wait()
        self._seconds = self._seconds or time.perf_counter() - self._began
        self._ended.set()
        for reader in self._readers:
            reader.join(_GRACE)
        self._lines.put(None)

    def _kill_group(self) -> None:
        """Kill the process and what it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it may have ended a moment ago
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

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
        """Kill the process with all it started, unless it has ended, and close its pipes."""
        if not self._ended.is_set():
            strangers = descendants(self._process.pid)
            self._kill_group()
            kill(strangers)
        self._waiter.join()
        for pipe, readers in ((self._process.stdin, ()), (self._process.stdout, self._readers[:1]),
                              (self._process.stderr, self._readers[1:])):  # fmt: skip
            if pipe and not any(reader.is_alive() for reader in readers):
                pipe.close()

    def result(self, time_limit: float | None) -> ProcessResult:
        """Say how it went."""
        return ProcessResult(
            exit_status=self._process.returncode,
            seconds=self._seconds,
            peak_memory_bytes=self._peak,
            stdout=self._output.text(),
            stderr=self._errors.text(),
            time_limit=time_limit,
        )
