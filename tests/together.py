"""Processes that train together, as threads of this one: what connects them is what connects processes."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

T = TypeVar("T")


def break_off(group: Any) -> None:
    """Have a process leave without a word, as one does that is killed: the others see its connections closed."""
    group._meeting = group._steps = None


def together(size: int, work: Callable[[Any], T], *, seconds: float = 60.0, **given: Any) -> list[T]:
    """Do work in as many threads, each with its own `TorchGroup`, and list what they return by rank.

    Parameters
    ----------
    size : int
        How many.
    work : callable
        Takes the group. What one raises is raised here; if there are several, that of the lowest rank,
        and the others are its notes.
    seconds : float
        How long one waits for the others.
    **given
        What `TorchGroup` is told of all.
    """
    import torch.distributed
    from genrebench_torch.group import TorchGroup

    dist: Any = torch.distributed

    store = dist.HashStore()
    found: list[Any] = [None] * size
    failures: list[BaseException | None] = [None] * size

    def run(rank: int) -> None:
        """Do the work of one."""
        limit = timedelta(seconds=seconds)
        try:
            connections = (
                dist.ProcessGroupGloo(dist.PrefixStore(name, store), rank, size, limit) for name in ("meeting", "steps")
            )
            found[rank] = work(TorchGroup(*connections, rank=rank, size=size, **given))
        except BaseException as error:
            failures[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failed = [(rank, failure) for rank, failure in enumerate(failures) if failure is not None]
    for rank, failure in failed[1:]:
        failed[0][1].add_note(f"process {rank + 1}: {failure!r}")
    if failed:
        raise failed[0][1]
    return found
