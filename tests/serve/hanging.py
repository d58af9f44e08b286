"""Decoders that do what a stranger's file may make one do."""

import os
import signal
import threading


def decoder_that_hangs(*_arguments: object) -> None:
    """Wait for what never comes; a signal that asks for an end does not end it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Event().wait()


def decoder_that_crashes(*_arguments: object) -> None:
    """Abort, as a library in C does."""
    os.abort()


def decoder_that_is_ended(*_arguments: object) -> None:
    """Be killed, as the system does for lack of memory."""
    os.kill(os.getpid(), signal.SIGKILL)
