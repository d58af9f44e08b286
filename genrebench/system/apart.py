"""Calls in processes of their own, for what reads strangers' files: what hangs or crashes there takes nothing with it.

A new process is forked from one that has imported what calls need and done nothing else: that takes milliseconds.
Programs are run by `genrebench.system.process`.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any, ParamSpec, Self, TypeVar

from genrebench.system.interrupts import SIGNALS
from genrebench.system.process import safe_path
from genrebench.system.relatives import descendants, kill, kill_at_end_of

P = ParamSpec("P")
T = TypeVar("T")

_FORKS = "forkserver" in multiprocessing.get_all_start_methods()
# A process ends when it has waited for a call so long: whoever would make it may have forgotten it. One that has waited
# half as long is given none any more, lest it end at that moment.
_IDLE_SECONDS = 60.0


def preload(imports: Sequence[str]) -> None:
    """Begin to import, in the background, what calls need, so that the first one need not wait for it.

    Parameters
    ----------
    imports : sequence of str
        Modules; such as start threads do not belong here. The first to start a process in a program decides for all.
    """
    if _FORKS:
        from multiprocessing.forkserver import ensure_running

        multiprocessing.get_context("forkserver").set_forkserver_preload([__name__, *imports])
        with safe_path():
            ensure_running()


class OwnProcess:
    """A process for one call after the other: started for the first one, and anew when it has ended.

    What calls leave behind, memory included, stays until it is closed, which the end of a ``with`` does.

    Parameters
    ----------
    prepare : callable, optional
        Called in it before the first call; what it raises ends the process.
    environment : mapping of str to str
        Variables that are set in it before calls import anything.

    Examples
    --------
    >>> import math
    >>> with OwnProcess() as process:
    ...     process.call(10.0, math.gcd, 12, 18)
    6
    """

    def __init__(
        self, prepare: Callable[[], object] | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start nothing yet."""
        self._prepare, self._environment = prepare, dict(environment or {})
        self._process: Any = None
        self._pipe: Any = None
        self._held: Any = None
        self._used = 0.0

    def __enter__(self) -> Self:
        """Be there for some calls."""
        return self

    def __exit__(self, *_: object) -> None:
        """Be there no longer."""
        self.close()

    def call(self, timeout: float | None, function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Call a function, and end the process if that takes too long.

        Parameters
        ----------
        timeout : float, optional
            Seconds that it may take; without, as long as it likes.
        function : callable
            Can be pickled, and so can arguments and result; what it raises is raised here.

        Raises
        ------
        TimeoutError
            If it was ended.
        ChildProcessError
            If its process ended by itself, by a crash or for lack of memory.
        """
        self.begin(function, *arguments, **options)
        if not self.is_done(timeout):
            self.close()
            raise TimeoutError(f"expected an end within {timeout:g} s, ended it")
        result: T = self.result()
        return result

    def begin(self, function: Callable[P, object], *arguments: P.args, **options: P.kwargs) -> None:
        """Begin a call, and do not wait for its end."""
        if self._process is not None and time.monotonic() - self._used > _IDLE_SECONDS / 2:
            self.close()
        if self._process is None:
            self._start()
        with contextlib.suppress(ConnectionError):  # it has ended, as will be seen
            self._pipe.send((function, arguments, options))

    def is_done(self, timeout: float | None) -> bool:
        """Wait some seconds, and return whether the call that was begun has ended, or its process."""
        done: bool = self._pipe.poll(timeout)
        return done

    def result(self) -> Any:
        """Return what the call that was begun has returned, or raise what it has raised; see `call`."""
        try:
            raised, result = self._pipe.recv()
        except (EOFError, ConnectionError):
            self._process.join()
            status = self._process.exitcode
            self.close()
            raise ChildProcessError(f"its process ended with status {status}") from None
        self._used = time.monotonic()
        if raised:
            raise result
        return result

    def close(self) -> None:
        """End the process at once, and what it has started."""
        if self._process is not None:
            kill([*descendants(self._process.pid), self._process.pid])
            self._process.join()
            self._process.close()
            self._pipe.close()
            self._held.close()
        self._process = self._pipe = self._held = None

    def _start(self) -> None:
        """Start the process."""
        context: Any = multiprocessing.get_context("forkserver" if _FORKS else "spawn")
        ours, theirs = context.Pipe()
        alive, self._held = context.Pipe(duplex=False)  # nothing is written into it: its end is that of this process
        with theirs, alive, safe_path():
            process = context.Process(target=_serve, args=(theirs, alive, self._environment), daemon=True)
            process.start()
        self._process, self._pipe = process, ours
        with contextlib.suppress(ConnectionError):
            ours.send(self._prepare)


def call_apart(timeout: float | None, function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Call a function in a process of its own, of which nothing stays; see `OwnProcess.call`.

    Examples
    --------
    >>> import math
    >>> call_apart(10.0, math.gcd, 12, 18)
    6
    """
    with OwnProcess() as process:
        return process.call(timeout, function, *arguments, **options)


def _serve(pipe: Connection, alive: Connection, environment: dict[str, str]) -> None:
    """Make calls and send what they return or raise; not to outlive who waits for it, whose child it may not be."""
    kill_at_end_of(alive.fileno(), os.getpid())
    if alive.poll():  # it has ended before
        return
    threading.Thread(target=_end_with, args=(alive,), daemon=True).start()
    with contextlib.suppress(ValueError):  # they are the waiting process's: a terminal's Ctrl-C reaches both
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    os.environ.update(environment)
    with contextlib.suppress(EOFError):
        prepare = pipe.recv()
        if prepare is not None:
            prepare()
        while pipe.poll(_IDLE_SECONDS):
            function, arguments, options = pipe.recv()
            try:
                answer = False, function(*arguments, **options)
            except Exception as error:
                answer = True, error
            pipe.send(answer)


def _end_with(alive: Connection) -> None:
    """End this process when nobody holds the other end of a pipe any more."""
    alive.poll(None)
    os._exit(1)
