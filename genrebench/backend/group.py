"""Several processes that train one network together: what a backend offers for it, and how a batch is shared out.

Each process has the whole network and computes its rows of every batch; what has to be known of the others is summed
over all of them, so that each step is the step of one process on the whole batch, to rounding. Who starts the processes
says so in their environment; what connects them is the backend's.
"""

import os
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from genrebench.backend.protocol import Backend, BatchMetrics, Trainable

# What torchrun, and others alike, tell a process that they start together with others.
_ENVIRONMENT = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def started_together() -> bool:
    """Return whether this process was started to train together with others, as by ``torchrun``."""
    return all(os.environ.get(name) for name in _ENVIRONMENT)


def rank_of_process() -> int:
    """Return the number of this process among those that were started together, from 0; 0 of one that is alone."""
    return int(os.environ["RANK"]) if started_together() else 0


def share(count: int, rank: int, size: int) -> slice:
    """Say which rows of a batch a process computes; the numbers differ by one at most, and may be 0.

    Parameters
    ----------
    count : int
        Rows of the whole batch.
    rank, size : int
        Number of the process, from 0, and how many there are.

    Examples
    --------
    >>> [share(7, rank, 3) for rank in range(3)]
    [slice(0, 2, None), slice(2, 4, None), slice(4, 7, None)]
    """
    return slice(count * rank // size, count * (rank + 1) // size)


def rows_of(count: int, group: "Group") -> slice:
    """Say which rows of a batch this process computes. See `share`."""
    return share(count, group.rank, group.size)


@runtime_checkable
class Group(Protocol):
    """The processes that train together, seen from one of them; all call the same methods in the same order.

    Attributes
    ----------
    rank, size : int
        Number of this process, from 0, and how many there are. The first writes and tells.
    restarts : int
        How often the processes have been started anew after one of them had ended.
    launch : str
        What tells these processes, and those that are started in their place, from those of any other launch.
    """

    rank: int
    size: int
    restarts: int
    launch: str

    def gather(self, part: NDArray[Any]) -> NDArray[Any]:
        """Join what all processes have, and wait for all.

        Parameters
        ----------
        part : ndarray [shape=(n, ...)]
            Rows of this process; the numbers of rows may differ, and be 0. Dtype and the other lengths are equal.

        Returns
        -------
        ndarray
            The rows of all, by rank.

        Raises
        ------
        GroupError
            If another process has ended, or does not come.
        """
        ...

    def close(self) -> None:
        """Leave the group; nothing is awaited."""
        ...


@runtime_checkable
class Grouped(Trainable, Protocol):
    """A network that several processes can train together."""

    def join(self, group: Group) -> None:
        """Do the steps together with other processes from now on; called before `start_training`.

        Parameters
        ----------
        group : Group
            What the backend's `GroupBackend.join` gave. All its networks have equal weights.
        """
        ...

    def train_share(
        self, x: NDArray[np.float32], labels: NDArray[np.int64] | NDArray[np.float32], *, batch: int
    ) -> BatchMetrics:
        """Do this process's part of a step that all do together: the step of one process on the whole batch.

        The statistics of batch normalization and their gradients are those of the whole batch, the loss is its mean,
        gradients are summed, and dropout drops what it would drop in one process. Afterwards all networks are equal.

        Parameters
        ----------
        x, labels : ndarray
            As of `Trainable.train_step`: the rows of the batch that `share` gives to this process.
        batch : int
            Rows of the whole batch.

        Returns
        -------
        BatchMetrics
            Of the whole batch, the same in all processes.

        Raises
        ------
        GroupError
            If another process has ended, or does not come.
        """
        ...


@runtime_checkable
class GroupBackend(Backend, Protocol):
    """A backend whose networks are `Grouped`."""

    def join(self, device: str) -> Group:
        """Meet the processes that were started together with this one.

        Parameters
        ----------
        device : str
            Where networks will be built, as of `Backend.build`.

        Raises
        ------
        BackendError
            If this process has no device of its own.
        """
        ...


class Alone:
    """The group of a process that trains alone.

    Attributes
    ----------
    rank, size, restarts, launch
        As of `Group`.
    """

    rank, size, restarts, launch = 0, 1, 0, ""

    def gather(self, part: NDArray[Any]) -> NDArray[Any]:
        """Return what there is. See `Group.gather`."""
        return part

    def close(self) -> None:
        """Leave nothing. See `Group.close`."""


ALONE = Alone()
