"""Locks that the system gives back when a process ends, however that happens."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock


@contextmanager
def locked(path: Path, *, of: Path, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a lock for as long as the context lasts.

    Its file is there only meanwhile, and so is a folder that had to be made for it, unless something was put there.

    Parameters
    ----------
    path : Path
        File of the lock.
    of : Path
        What is locked, which an error names.
    on_wait : callable, optional
        Called before another process is waited for; without it, none is.

    Raises
    ------
    filelock.Timeout
        At once, if another process has it that is not to be waited for.
    OSError
        If there can be no such file; a lock by itself would take that for another process.
    """
    made = [each for each in path.parents if not each.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _acquired(path, of, on_wait)
        try:
            yield
        finally:
            try:
                with suppress(OSError):  # elsewhere than on Unix a file that is open cannot be removed, and may stay
                    path.unlink()
            finally:
                lock.release()
    finally:
        for each in made:
            with suppress(OSError):
                each.rmdir()


def is_held(path: Path) -> bool:
    """Return whether a process has a lock now; nothing is made or changed.

    Parameters
    ----------
    path : Path
        File of the lock.
    """
    from filelock import FileLock, Timeout

    if not path.exists():
        return False
    try:
        with FileLock(path, blocking=False):
            return False
    except Timeout:
        return True
    except OSError:  # nobody may lock there, so nobody does
        return False


def _acquired(path: Path, of: Path, on_wait: Callable[[], None] | None) -> "BaseFileLock":
    """Take a lock of the file that has the name now: who waited may have got that of one that is gone."""
    from filelock import FileLock, Timeout

    while True:
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o666))
            before = path.stat().st_ino
        except OSError as error:
            raise OSError(error.errno, error.strerror, os.fspath(of)) from error
        lock = FileLock(path)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            if on_wait is None:
                raise
            on_wait()
            lock.acquire()
        with suppress(FileNotFoundError):
            if path.stat().st_ino == before:
                return lock
        lock.release()
