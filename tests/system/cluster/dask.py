"""A cluster of Dask of processes that can be killed, and work for it."""

import errno
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from genrebench.system.executor import ENDS_ITS_PROCESS

distributed = pytest.importorskip("distributed")
ROOT = Path(__file__).parents[3]


class Dask:
    """A scheduler with workers of one thread.

    Parameters
    ----------
    folder : Path
        Where the scheduler's file lies.
    """

    def __init__(self, folder: Path) -> None:
        """Start the scheduler."""
        self.file = folder / "scheduler.json"
        self._folder = folder
        self.scheduler = self._start(
            "scheduler", *"--host 127.0.0.1 --port 0 --no-dashboard".split(), "--scheduler-file", str(self.file)
        )
        self.workers: list[subprocess.Popen[bytes]] = []

    def _start(self, kind: str, *options: str, **variables: str) -> "subprocess.Popen[bytes]":
        """Start a process, which says nothing here."""
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *options]
        environment = {**os.environ, **variables}
        paths = filter(None, (variables.get("PYTHONPATH"), str(ROOT)))
        environment["PYTHONPATH"] = os.pathsep.join(paths)
        with (self._folder / f"{kind}.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=self._folder)

    def add_worker(self, **variables: str) -> None:
        """Start a worker, with some variables of its environment."""
        options = "--nthreads 1 --no-nanny --no-dashboard".split()
        self.workers.append(self._start("worker", "--scheduler-file", str(self.file), *options, **variables))

    def wait(self) -> str:
        """Wait for the workers, and return the scheduler's address."""
        with distributed.Client(scheduler_file=str(self.file), timeout=60, set_as_default=False) as client:
            client.wait_for_workers(len(self.workers), timeout=60)
            return str(client.scheduler.address)

    def end(self) -> None:
        """End all processes."""
        for process in (*self.workers, self.scheduler):
            process.kill()
        for process in (*self.workers, self.scheduler):
            process.wait()


@contextmanager
def dask(folder: Path, *workers: dict[str, str]) -> Iterator[Dask]:
    """Have a cluster with some workers, each with variables of its own."""
    cluster = Dask(folder)
    try:
        for variables in workers:
            cluster.add_worker(**variables)
        cluster.wait()
        yield cluster
    finally:
        cluster.end()


def ended(process: int) -> bool:
    """Wait for the end of a process that is not this one's child."""
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 30)[0])
    finally:
        os.close(handle)


@contextmanager
def killing(pipe: Path, kill: "subprocess.Popen[bytes] | None" = None) -> Iterator[list[int]]:
    """Kill the worker whose process writes its numbers into a named pipe, or something else at that moment.

    Yields
    ------
    list of int
        The number of that process, once it was written.
    """
    os.mkfifo(pipe)
    found: list[int] = []

    def watch() -> None:
        """Wait, and kill."""
        process, worker = map(int, pipe.read_text().split())
        found.append(process)
        os.kill(worker if kill is None else kill.pid, signal.SIGKILL)

    thread = threading.Thread(target=watch)
    thread.start()
    yield found
    thread.join()


def prepare() -> None:
    """Leave a mark in the process."""
    os.environ["GENREBENCH_TEST_PREPARED"] = "yes"


def worker() -> int:
    """Return the number of the worker that a process works for; its parent is the one that it was forked from."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    assert parent.pid is not None
    return parent.pid


def describe(number: int) -> tuple[int, int, int, str | None]:
    """Say which process did the work, for which worker, and whether it was prepared."""
    return number, os.getpid(), worker(), os.environ.get("GENREBENCH_TEST_PREPARED")


def read(path: Path) -> bytes:
    """Raise what names a file, unless there is one."""
    return path.read_bytes()


def end_at(item: tuple[int, Path]) -> int:
    """End the process at item 3, and note that it was tried."""
    number, notes = item
    if number == 3:
        with notes.open("a") as file:
            file.write(f"{os.getpid()}\n")
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def lost(item: tuple[int, Path]) -> int:
    """Stand for what was not done."""
    assert ENDS_ITS_PROCESS
    return -item[0]


def once_in_danger(item: tuple[int, Path]) -> int:
    """At item 0, the first time, tell of itself in a named pipe, and wait for the end."""
    number, folder = item
    if number == 0:
        try:
            (folder / "tried").mkdir()
        except FileExistsError:
            return number
        (folder / "pipe").write_text(f"{os.getpid()} {worker()}")
        signal.pause()
    return number


def wait_at_first(item: tuple[int, Path]) -> int:
    """At item 0 wait until somebody writes into a named pipe."""
    number, pipe = item
    if number == 0:
        pipe.read_text()
    return number


def need_room(number: int) -> int:
    """Write to a disk that is full on some worker."""
    if os.environ.get("GENREBENCH_TEST_FULL"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/shared/file")
    return number
