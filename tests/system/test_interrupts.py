"""Ctrl-C passes by for a moment."""

import signal
import threading

import pytest

from genrebench.system.interrupts import interrupts_ignored


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
