"""Ctrl-C passes by for a moment."""

import signal
import subprocess
import sys
import threading

import pytest

from genrebench.system.interrupts import (
    SIGNALS,
    interrupted_status,
    interrupts_deferred,
    interrupts_ignored,
    interrupts_raised,
)


def test_ctrl_c_passes_by_and_works_again_afterwards() -> None:
    """The handler that was there before is there again."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with interrupts_ignored():
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_changes_nothing() -> None:
    """Only the main thread may set handlers."""
    handlers = []

    def look() -> None:
        """Note the handler in the moment."""
        with interrupts_ignored():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]


@pytest.mark.parametrize("number", SIGNALS)
def test_every_signal_is_ctrl_c_with_a_status_of_its_own(number: int) -> None:
    """Raised in the main thread, and handled as before afterwards; one that was ignored stays so."""
    before = signal.getsignal(number)
    with interrupts_raised(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    assert interrupted_status() == 128 + number
    assert signal.getsignal(number) == before
    signal.signal(number, signal.SIG_IGN)
    try:
        with interrupts_raised():
            signal.raise_signal(number)
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_waits_for_the_end_of_what_it_would_harm(number: int) -> None:
    """Then it is raised, once; nothing of it is lost, and processes started meanwhile may have it blocked."""
    done = []
    blocked = "import signal; print(len(signal.pthread_sigmask(signal.SIG_BLOCK, [])))"
    with interrupts_raised():
        with pytest.raises(KeyboardInterrupt), interrupts_deferred(blocked_in_children=True):  # noqa: PT012
            signal.raise_signal(number)
            count = subprocess.run([sys.executable, "-c", blocked], capture_output=True, check=True).stdout
            done.append("all of it")
        with interrupts_deferred():
            pass
    assert done == ["all of it"]
    assert int(count) == len(SIGNALS)
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, []) & set(SIGNALS)
