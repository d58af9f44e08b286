"""Calls in processes of their own, for what reads strangers' files: what hangs or crashes there takes nothing with it.

Each call has a new process, forked from one that has imported what calls need and done nothing else: that takes
milliseconds, and nothing that a call leaves behind, memory included, stays. Programs are run by
`genrebench.system.process`.
"""

import contextlib
import multiprocessing
import os
import select
import signal
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, ParamSpec, TypeVar

from genrebench.system.interrupts import SIGNALS
from genrebench.system.process import safe_path
from genrebench.system.relatives import descendants, kill

P = ParamSpec("P")
T = TypeVar("T")


class Apart:
    """Where calls are made in processes of their own.

    Parameters
    ----------
    imports : sequence of str
        Modules that calls need, imported once for all of them; such as start threads do not belong here. The first to
        start in a program decides for all.

    Examples
    --------
    >>> import math
    >>> Apart().call(10.0, math.gcd, 12, 18)
    6
    """

    def __init__(self, imports: Sequence[str] = ()) -> None:
        """Start nothing yet."""
        forks = "forkserver" in multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context("forkserver" if forks else "spawn")
        self._imports = list(imports)

    def start(self) -> None:
        """Begin to import, in the background, so that the first call need not wait for it."""
        if self._context.get_start_method() == "forkserver":
            from multiprocessing.forkserver import ensure_running

            self._context.set_forkserver_preload([__name__, *self._imports])
            with safe_path():
                ensure_running()

    def call(self, timeout: float, function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Call a function, and end it if it takes too long.

        Parameters
        ----------
        timeout : float
            Seconds that it may take.
        function : callable
            Can be pickled, and so can arguments and result; what it raises is raised here.

        Raises
        ------
        TimeoutError
            If it was ended.
        ChildProcessError
            If its process ended by itself, by a crash or for lack of memory.
        """
        ours, theirs = self._context.Pipe(duplex=False)
        with ours:
            with theirs:
                process = self._context.Process(
                    target=_answer, args=(theirs, function, arguments, options), daemon=True
                )
                process.start()
            try:
                if not ours.poll(timeout):
                    raise TimeoutError(f"expected an end within {timeout:g} s, ended it")
                raised, result = ours.recv()
            except EOFError:
                process.join(timeout)
                raise ChildProcessError(f"its process ended with status {process.exitcode}") from None
            finally:
                kill([*descendants(process.pid), process.pid])
                process.join()
                process.close()
        if raised:
            raise result
        answer: T = result
        return answer


def _answer(pipe: Connection, function: Callable[..., Any], arguments: Sequence[Any], options: dict[str, Any]) -> None:
    """Call a function and send what it returns or raises; not to outlive who waits for it."""
    with contextlib.suppress(ValueError):  # they are the waiting process's: a terminal's Ctrl-C reaches both
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    threading.Thread(target=_end_without_reader, args=(pipe.fileno(),), daemon=True).start()
    try:
        answer = False, function(*arguments, **options)
    except Exception as error:
        answer = True, error
    pipe.send(answer)


def _end_without_reader(pipe: int) -> None:
    """End this process when nobody is left who would read its answer; it is not the child of who waits for it."""
    if hasattr(select, "poll"):
        watched = select.poll()
        watched.register(pipe, 0)  # that its other end was closed is told in any case
        watched.poll()
        os._exit(1)
