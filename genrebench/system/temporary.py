"""Temporary folders that are gone afterwards, also those of runs that were killed."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from genrebench.system.interrupts import interrupts_deferred

_PREFIX, _LOCK = "genrebench-", "owner.lock"
# Younger ones are left alone: their owner may not have locked them yet.
_NEW_SECONDS = 60.0


@contextmanager
def temporary_folder(purpose: str) -> Iterator[Path]:
    """Make a folder that is removed at the end; what earlier runs that were killed have left goes first.

    Parameters
    ----------
    purpose : str
        A word of its name.

    Yields
    ------
    Path
        The folder.
    """
    _remove_abandoned()
    folder: Path | None = None
    try:
        with interrupts_deferred():
            folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{purpose}-"))
            # The system gives the lock back when its process ends, however that happens.
            lock = FileLock(folder / _LOCK, blocking=False).acquire()
        yield folder
    finally:
        if folder is not None:
            with interrupts_deferred():
                lock.lock.release()
                shutil.rmtree(folder, ignore_errors=True)


def takes_files(folder: Path) -> bool:
    """Return whether a file can be made in a folder: by making one, which rights alone do not tell."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _remove_abandoned() -> None:
    """Remove folders of this user whose owner is gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, Timeout):
            status = folder.lstat()
            is_own = not hasattr(os, "getuid") or status.st_uid == os.getuid()
            if folder.is_symlink() or not is_own or time.time() - status.st_mtime < _NEW_SECONDS:
                continue
            if (folder / _LOCK).is_file():
                with FileLock(folder / _LOCK, blocking=False):
                    shutil.rmtree(folder, ignore_errors=True)
