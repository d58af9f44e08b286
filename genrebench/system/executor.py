"""Where work on many items runs: the one seam through which everything parallel goes."""

import functools
import os
import pickle
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from genrebench.errors import DatasetError
from genrebench.system.apart import OwnProcess
from genrebench.system.interrupts import interrupts_deferred
from genrebench.system.process import safe_path
from genrebench.system.relatives import end_with_parent, lifeline
from genrebench.system.remote import RemotePath

Item = TypeVar("Item")
Result = TypeVar("Result")
# What is said of such an item.
ENDS_ITS_PROCESS = "ended the process that worked on it, twice; it is damaged, or there is too little memory for it"


@dataclass(frozen=True)
class Needs:
    """What a machine must have to do some work as this one would.

    Attributes
    ----------
    libraries : tuple of str
        Distributions that must be there in the versions of this process.
    folders : tuple of Path
        Folders that it reads or writes, which machines have to share.
    """

    libraries: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()

    @classmethod
    def to_share(cls, folders: Iterable[Path], libraries: tuple[str, ...]) -> "Needs":
        """Need some folders; those that are named by URLs are everywhere."""
        return cls(libraries, tuple(folder for folder in folders if not isinstance(folder, RemotePath)))

    @classmethod
    def to_read(cls, paths: Iterable[Path], libraries: tuple[str, ...]) -> "Needs":
        """Need the folder that some files have in common."""
        folders = {os.path.abspath(path.parent) for path in paths if not isinstance(path, RemotePath)}  # noqa: PTH100
        return cls(libraries, (Path(os.path.commonpath(folders)),) if folders else ())


NOTHING = Needs()


class Executor(Protocol):
    """Runs one function on many items, in other processes or on other machines."""

    def run(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        prepare: Callable[[], object],
        lost: Callable[[Item], Result] | None = None,
        needs: Needs = NOTHING,
    ) -> Generator[Result, None, None]:
        """Run a function on every item.

        Parameters
        ----------
        function : callable
            Can be pickled, and so can the items and the results; what it raises is raised here.
        items : sequence
            What it is given, one at a time.
        prepare : callable
            Called once in each process that is started for the work, and never in this one.
        lost : callable, optional
            Gives, here, the result of an item that has twice ended the process that worked on it, the second time
            alone; without, such an item ends the run.
        needs : Needs
            What other machines must have.

        Yields
        ------
        object
            Results, each as soon as it is there. When the generator is closed, nothing of the work goes on.
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
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        prepare: Callable[[], object],
        lost: Callable[[Item], Result] | None = None,
        needs: Needs = NOTHING,
    ) -> Generator[Result, None, None]:
        """See `Executor.run`."""
        import joblib  # whoever only names an executor need not wait for it
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        workers = max(1, min(self.jobs or joblib.cpu_count(), len(items)))
        start = {"initializer": _starter(os.getpid(), prepare)} if workers > 1 else {}
        left = dict(enumerate(items))
        while left:
            given: list[int] = []
            parallel = joblib.Parallel(n_jobs=workers, return_as="generator_unordered", **start)
            try:
                with safe_path(), interrupts_deferred(blocked_in_children=True):
                    results = parallel(_given(function, list(left.items()), given))
                for place, result in results:
                    del left[place]
                    yield result
            except TerminatedWorkerError as error:
                if lost is None:
                    raise DatasetError(
                        "one of the processes was ended by the system, probably for lack of memory; use fewer --jobs"
                    ) from error
                # One of those that were with processes ended its own, which ended all: each of them is tried alone.
                with OwnProcess(prepare) as process:
                    for place in given:
                        if place in left:
                            item = left.pop(place)
                            try:
                                result = process.call(None, function, item)
                            except ChildProcessError:
                                result = lost(item)
                            yield result


def _given(function: Callable[[Item], Result], items: Sequence[tuple[int, Item]], given: list[int]) -> Iterator[Any]:
    """Make the calls for joblib, and note which it has asked for."""
    import joblib

    for place, item in items:
        given.append(place)
        yield joblib.delayed(_numbered)(function, place, item)


def _numbered(function: Callable[[Item], Result], place: int, item: Item) -> tuple[int, Result]:
    """Work on an item, and say which it was."""
    return place, function(item)


@functools.cache  # joblib keeps its processes for the next run if they would be started alike
def _starter(parent: int, prepare: Callable[[], object]) -> Callable[[], None]:
    """Make what prepares a process."""
    from joblib.externals.loky.backend.reduction import dumps

    return functools.partial(_start, parent, lifeline(parent), bytes(dumps(prepare)))


def _start(parent: int, pipe: int, prepare: bytes) -> None:
    """Prepare a process, which does not outlive the one that it works for; what that imports takes its time."""
    end_with_parent(parent, pipe)
    pickle.loads(prepare)()
