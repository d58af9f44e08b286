"""Locks that the system gives back when a process ends, however that happens."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock


def new_lock(path: Path, *, of: Path) -> "BaseFileLock":
    """Make a lock, not taken yet, that raises `filelock.Timeout` at once if another process has it.

    Parameters
    ----------
    path : Path
        File of the lock, made if it is missing.
    of : Path
        What is locked, which an error names.

    Raises
    ------
    OSError
        If there can be no such file; a lock by itself would take that for another process.
    """
    from filelock import FileLock

    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o666))
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(of)) from error
    return FileLock(path, blocking=False)
