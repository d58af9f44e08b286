"""What a process does about its relatives: it ends with its parent, and what it has started ends with it."""

import contextlib
import functools
import os
import select
import signal
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

# So often are processes looked for that a killed one may have started.
_ROUNDS = 100


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


def guard(mark: str) -> None:
    """Have all that carries a mark in its environment end when this process does, however that comes; on Linux only.

    A process that has left its group and its session is tied to nothing that the system would end, and when its parent
    was killed nobody knows it any more. So a copy of this process waits outside of its group for its end, and then
    looks for the mark. It must be called before this process starts threads.

    Parameters
    ----------
    mark : str
        ``NAME=value``, as this process was given it in its environment, and all that it starts.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(AttributeError, OSError), warnings.catch_warnings():  # Linux since 5.3
        handle = os.pidfd_open(os.getpid())
        warnings.simplefilter("ignore")  # threads that libraries started for their computations are none of ours
        between = os.fork()
        if between == 0:
            if os.fork() == 0:  # nobody's child, so that who waits for all of theirs does not wait for this one
                _kill_marked_after(handle, mark.encode())
            os._exit(0)
        os.close(handle)
        os.waitpid(between, 0)


def _kill_marked_after(handle: int, mark: bytes) -> NoReturn:
    """Wait for the end of the process with a handle, then kill what carries the mark, until nothing does."""
    try:
        os.setsid()
        os.dup2(handle, 0)
        # What stands open here would look as if the process were still there.
        os.closerange(1, os.sysconf("SC_OPEN_MAX"))
        select.select([0], [], [])
        for _ in range(_ROUNDS):  # what is killed may have started others just before
            marked = [process for process in _with(mark) if process != os.getpid()]
            if not marked:
                break
            kill(marked)
    finally:
        os._exit(0)


def _with(mark: bytes) -> list[int]:
    """Find the processes that have a mark among the variables that they began with."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # another user's, or just ended
            if mark in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


def adopt_orphans() -> None:
    """Have what this process started stay its own when it leaves its parent, as a daemon does; on Linux only."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


@functools.cache
def lifeline(process: int) -> int:
    """Open a pipe, once in a process, of which nobody else has the writing end; return the reading one.

    Parameters
    ----------
    process : int
        Number of this process, so that one that was forked from it has a pipe of its own.
    """
    assert process == os.getpid(), "a process opens its own"
    reading, _ = os.pipe()  # the other end stays open for as long as this process lives
    return reading


def end_with_parent(parent: int | None = None, pipe: int | None = None) -> None:
    """Have this process end at once, with what it started, when its parent is gone, however that came.

    Parameters
    ----------
    parent : int, optional
        Number of the parent; by default its end is seen by that of standard input, as `start_process` arranges it.
    pipe : int, optional
        The parent's `lifeline`, so that Linux ends this process even in a computation that never yields.
    """
    if parent is None and os.name == "posix" and os.getpgrp() == os.getpid():
        kill_at_end_of(0, -os.getpgrp())
    elif pipe is not None and sys.platform == "linux":
        with contextlib.suppress(OSError):  # the parent has just ended, or may not be looked at
            kill_at_end_of(os.open(f"/proc/{parent}/fd/{pipe}", os.O_RDONLY | os.O_NONBLOCK), os.getpid())
    watch = _read_input if parent is None else lambda: _wait_for_end_of(parent)

    def end() -> None:
        """End what is this process's."""
        watch()
        if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()


def kill_at_end_of(pipe: int, whom: int) -> None:
    """Ask Linux to kill a process, or a group, when nobody can write to a pipe any more.

    A thread would wait for its turn in a computation that never yields, and wait long where many processes compute.
    """
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):  # not a pipe; the thread is there all the same
            fcntl.fcntl(pipe, fcntl.F_SETOWN, whom)
            fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)


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
