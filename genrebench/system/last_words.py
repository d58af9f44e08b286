"""What is said of a process that cannot say it itself any more, since strangers' code crashed it or stands still."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from genrebench.system.interrupts import interrupts_deferred

# Waits beside another process: nothing is imported but what an interpreter has built in.
_WATCH = """
import select, sys
if not select.select([0], [], [], float(sys.argv[1]))[0]:
    sys.stderr.write(sys.argv[2] + "\\n")
    sys.stderr.flush()
if not sys.stdin.buffer.read(1):
    sys.stderr.write(sys.argv[3] + "\\n")
"""


@contextmanager
def last_words(*, seconds: float, slow: str, ended: str) -> Iterator[None]:
    """Have a line said on standard error where this process stands still within the context, or dies in it.

    A process that crashes in a stranger's code can say nothing itself any more, nor can one that hangs there.

    Parameters
    ----------
    seconds : float
        After which `slow` is said, once; the process goes on.
    slow, ended : str
        The lines.
    """
    if os.name != "posix":  # elsewhere one cannot wait for a pipe and a time at once
        yield
        return
    command = [sys.executable, "-I", "-S", "-c", _WATCH, str(seconds), slow, ended]
    with interrupts_deferred():
        # In a session of its own, so that Ctrl-C, which this process tells of itself, does not end it.
        watch = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
    finally:
        with interrupts_deferred(), contextlib.suppress(BrokenPipeError):
            watch.communicate(b".")
