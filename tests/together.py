"""Processes that train together, as threads of this one: what connects them is what connects processes."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

T = TypeVar("T")


def together(size: int, work: Callable[[Any], T], *, seconds: float = 60.0) -> list[T]:
    """Do work in as many threads, each with its own `TorchGroup`, and list what they return by rank.

    Parameters
    ----------
    size : int
        How many.
    work : callable
        Takes the group. What the first of them raises is raised here.
    seconds : float
        How long one waits for the others.
    """
    import torch.distributed
    from genrebench_torch.group import TorchGroup

    dist: Any = torch.distributed

    store = dist.HashStore()
    found: list[Any] = [None] * size
    failures: list[BaseException | None] = [None] * size

    def run(rank: int) -> None:
        """Do the work of one."""
        try:
            meeting, steps = (
                dist.ProcessGroupGloo(dist.PrefixStore(name, store), rank, size, timedelta(seconds=seconds))
                for name in ("meeting", "steps")
            )
            found[rank] = work(TorchGroup(meeting, steps, rank=rank, size=size))
        except BaseException as error:
            failures[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for failure in failures:
        if failure is not None:
            raise failure
    return found
