"""Where work runs: on this machine, or on a cluster of Dask, which is imported only then."""

import contextlib
import logging
import os
import secrets
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from genrebench.errors import ClusterError, escaped
from genrebench.system.executor import NOTHING, Executor, LocalProcesses, Needs
from genrebench.system.files import StrPath
from genrebench.system.remote import LIMIT_VARIABLE

Item = TypeVar("Item")
Result = TypeVar("Result")

_CONNECT_SECONDS = 10


def executor_for(jobs: int | None, cluster: StrPath | None, say: Callable[[str], None] | None = None) -> Executor:
    """Choose where work runs: on a cluster if one is named, or else on this machine.

    Parameters
    ----------
    jobs : int, optional
        Processes on this machine.
    cluster : str or PathLike, optional
        As of `DaskCluster`.
    say : callable, optional
        As of `DaskCluster`.

    Raises
    ------
    ClusterError
        If both are given.
    """
    if cluster is None:
        return LocalProcesses(jobs)
    if jobs is not None:
        raise ClusterError("expected a number of jobs or a cluster, received both; a cluster has its own workers")
    return DaskCluster(os.fspath(cluster), say or (lambda line: None))


@dataclass(frozen=True)
class DaskCluster:
    """The workers of a Dask scheduler.

    Attributes
    ----------
    address : str
        Of the scheduler, such as ``tcp://host:8786``, or the path of the scheduler's file.
    say : callable
        Called with lines about the cluster: where its dashboard is, and which workers are left out.
    """

    address: str
    say: Callable[[str], None]

    def run(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        prepare: Callable[[], object],
        lost: Callable[[Item], Result] | None = None,
        needs: Needs = NOTHING,
    ) -> Generator[Result, None, None]:
        """See `Executor.run`.

        Raises
        ------
        ClusterError
            If the scheduler cannot be reached, or goes away, or none of its workers can do the work.
        """
        from genrebench.system.cluster.run import Run
        from genrebench.system.cluster.worker import Work, fingerprint

        if not items:
            return
        with _connected(self.address) as client:
            pickled = import_module("cloudpickle").dumps((function, prepare))  # what the main module defines, too
            work = Work(
                function=pickled,
                folder=os.getcwd(),  # noqa: PTH109 - a text
                needs=needs,
                fingerprint=fingerprint(needs.libraries),
                run=secrets.token_hex(8),
                environment={name: os.environ[name] for name in (LIMIT_VARIABLE,) if name in os.environ},
            )
            yield from Run(client, work, items, self.say, lost).results()


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Connect to a scheduler."""
    try:
        distributed = import_module("distributed")
    except ModuleNotFoundError as error:
        raise ClusterError(
            f"--cluster {escaped(address)}: expected Dask, which is not installed; pip install 'genrebench[cluster]'"
        ) from error
    if "://" in address:
        where = {"address": address}
    elif Path(address).is_file():
        where = {"scheduler_file": address}
    else:
        raise ClusterError(
            f"--cluster {escaped(address)}: expected an address such as tcp://host:8786, or the scheduler's file; "
            "found neither"
        )
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is said here, in one line
    try:
        client = distributed.Client(**where, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:  # among them a TimeoutError
        raise ClusterError(
            f"--cluster {escaped(address)}: the scheduler cannot be reached ({type(error).__name__}); start it by: "
            "dask scheduler"
        ) from error
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):  # the scheduler is gone
            client.close(timeout=_CONNECT_SECONDS)
