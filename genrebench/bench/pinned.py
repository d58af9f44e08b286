"""Processes that are each held on a core of their own, so that so many workers are so many cores."""

import functools
import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from genrebench.system.executor import LocalProcesses

Item = TypeVar("Item")
Result = TypeVar("Result")

# For a process of torchrun, given the cores: stay on the one of its place, and become what the other words say.
PIN_BY_RANK = (
    "import os, sys; "
    "os.sched_setaffinity(0, {int(sys.argv[1].split(',')[int(os.environ['LOCAL_RANK'])])}); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
)


@dataclass(frozen=True)
class PinnedProcesses:
    """An `Executor` with a process on each of some cores; a single one is this process itself.

    Attributes
    ----------
    cores : tuple of int
        Numbers of the cores, as the system counts them.
    marks : Path
        Folder that is made, in which processes say which cores are taken.
    """

    cores: tuple[int, ...]
    marks: Path

    def run(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        prepare: Callable[[], object],
        **others: Any,
    ) -> Generator[Result, None, None]:
        """See `Executor.run`."""
        self.marks.mkdir(parents=True)
        os.sched_setaffinity(0, self.cores)
        start = functools.partial(_take_core, self, prepare)
        return LocalProcesses(len(self.cores)).run(function, items, prepare=start, **others)


def _take_core(pinned: PinnedProcesses, prepare: Callable[[], object]) -> None:
    """Hold this process on the first core that no other has taken, and prepare it."""
    for core in pinned.cores:
        try:
            (pinned.marks / str(core)).touch(exist_ok=False)
        except FileExistsError:
            continue
        os.sched_setaffinity(0, {core})
        break
    prepare()
