"""Ctrl-C, and what asks for an end in other ways: SIGTERM of a scheduler, SIGHUP of a terminal that is closed.

A signal that this process was started to ignore, as ``nohup`` and scripts' background jobs are, stays ignored.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # the last one is not everywhere
MESSAGE = "Interrupted."
_last: int = signal.SIGINT


def interrupted_status() -> int:
    """Return the exit status of a run that a signal ended: 128 and its number, as shells have it; 130 for Ctrl-C."""
    return 128 + _last


@contextmanager
def _handled(handler: Callable[[int, Any], object]) -> Iterator[None]:
    """Handle the signals otherwise for a while; only the main thread can do so, in another one nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {}
    try:
        for number in SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.getsignal(number)
                signal.signal(number, handler)
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextmanager
def interrupts_raised() -> Iterator[None]:
    """Have each of the signals raise a KeyboardInterrupt in the main thread, as Ctrl-C does."""

    def handler(number: int, _frame: Any) -> NoReturn:
        """End the run in order."""
        global _last
        _last = number
        raise KeyboardInterrupt

    with _handled(handler):
        yield


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Let the signals pass by for a moment."""
    with _handled(lambda number, frame: None):
        yield


@contextmanager
def interrupts_deferred(*, blocked_in_children: bool = False) -> Iterator[None]:
    """Let the signals wait for the end of a moment in which they would do harm.

    Parameters
    ----------
    blocked_in_children : bool
        Whether processes that this thread starts meanwhile have the signals blocked for good: they leave a terminal's
        Ctrl-C, which reaches all of its processes, to this one.
    """
    pending: list[int] = []
    blocks = blocked_in_children and hasattr(signal, "pthread_sigmask")
    try:
        with _handled(lambda number, frame: pending.append(number)):
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS) if blocks else None
            try:
                yield
            finally:
                if mask is not None:
                    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    finally:
        if pending:
            signal.raise_signal(pending[0])


def end_at_once_when_interrupted() -> None:
    """Have the signals end this process with a line and their status: for a start and an end with nothing to lose."""

    def handler(number: int, _frame: Any) -> NoReturn:
        """End."""
        os.write(2, f"{MESSAGE}\n".encode())
        os._exit(128 + number)

    for number in SIGNALS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, handler)
