"""Where work on many recordings runs: the one seam through which everything parallel goes."""

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from genrebench.errors import DatasetError
from genrebench.system.interrupts import interrupts_deferred
from genrebench.system.process import safe_path
from genrebench.system.relatives import end_with_parent

Item = TypeVar("Item")
Result = TypeVar("Result")


class Executor(Protocol):
    """Runs one function on many items, in other processes or on other machines."""

    def run(
        self, function: Callable[[Item], Result], items: Sequence[Item], *, prepare: Callable[[], object]
    ) -> Iterator[Result]:
        """Run a function on every item.

        Parameters
        ----------
        function : callable
            Can be pickled, and so can the items and the results; what it raises is raised here.
        items : sequence
            What it is given, one at a time.
        prepare : callable
            Called once in each process that is started for the work, and never in this one.

        Yields
        ------
        object
            Results, each as soon as it is there. When the iterator is closed, nothing of the work goes on.
        """
        ...


@dataclass(frozen=True)
class LocalProcesses:
    """Processes on this machine; a single one is this process itself.

    Attributes
    ----------
    jobs : int, optional
        Number of processes; by default one per core.
    """

    jobs: int | None = None

    def run(
        self, function: Callable[[Item], Result], items: Sequence[Item], *, prepare: Callable[[], object]
    ) -> Iterator[Result]:
        """See `Executor.run`."""
        workers = max(1, min(self.jobs or joblib.cpu_count(), len(items)))
        start = {"initializer": _starter(os.getpid(), prepare)} if workers > 1 else {}
        parallel = joblib.Parallel(n_jobs=workers, return_as="generator_unordered", **start)
        try:
            with safe_path(), interrupts_deferred(blocked_in_children=True):
                results = parallel(joblib.delayed(function)(item) for item in items)
            yield from results
        except TerminatedWorkerError as error:
            raise DatasetError(
                "a preprocessing process was ended by the system, probably for lack of memory; use fewer --jobs"
            ) from error


@functools.cache  # joblib keeps its processes for the next run if they would be started alike
def _starter(parent: int, prepare: Callable[[], object]) -> Callable[[], None]:
    """Make what prepares a process."""
    return functools.partial(_start, parent, prepare)


def _start(parent: int, prepare: Callable[[], object]) -> None:
    """Prepare a process, which does not outlive the one that it works for."""
    end_with_parent(parent)
    prepare()
