"""What a process does about its relatives: it ends with its parent, and what it has started ends with it."""

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path


def descendants(process: int) -> list[int]:
    """Find what a process has started, and what that has, whatever their groups and sessions; on Linux only."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            parent = int(status.read_text(errors="replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(status.parent.name))
    found = [process]
    for each in found:  # which grows meanwhile
        found += children.get(each, [])
    return found[1:]


def kill(processes: Sequence[int]) -> None:
    """Kill processes, some of which may have ended."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, signal.SIGKILL)


def adopt_orphans() -> None:
    """Have what this process started stay its own when it leaves its parent, as a daemon does; on Linux only."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def end_with_parent(parent: int | None = None) -> None:
    """Have this process end at once, with what it started, when its parent is gone, however that came.

    Parameters
    ----------
    parent : int, optional
        Number of the parent; by default its end is seen by that of standard input, as `start_process` arranges it.
    """
    if parent is None:
        _kill_group_at_end_of_input()
    watch = _read_input if parent is None else lambda: _wait_for_end_of(parent)

    def end() -> None:
        """End what is this process's."""
        watch()
        if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()


def _kill_group_at_end_of_input() -> None:
    """Ask Linux to do it by itself: a thread would wait for its turn in a computation that never yields."""
    if sys.platform == "linux" and os.getpgrp() == os.getpid():
        import fcntl

        with contextlib.suppress(OSError):  # not a pipe; the thread is there all the same
            fcntl.fcntl(0, fcntl.F_SETOWN, -os.getpgrp())
            fcntl.fcntl(0, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


def _read_input() -> None:
    """Read until the end; not through sys.stdin, whose lock the interpreter needs to shut down."""
    while os.read(0, 1024):
        pass


def _wait_for_end_of(parent: int) -> None:
    """Wait until this process has another parent, which takes it over when the first one is gone."""
    with contextlib.suppress(AttributeError, OSError):  # Linux since 5.3
        handle = os.pidfd_open(parent)
        if os.getppid() == parent:
            select.select([handle], [], [])
    while os.getppid() == parent:
        time.sleep(0.5)
