"""Folders that are published whole: at any moment, however the process ends, either the old one is there or the new.

A folder is built beside the place where it is to lie, synced to disk, and exchanged with what lies there in one step of
the file system.
"""

import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Collection
from pathlib import Path

from genrebench.system.files import CANNOT, sync

# From Linux's fcntl.h and fs.h: paths relative to the working folder; exchange the two.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def publish_folder(new: Path, place: Path, *, replaced: Collection[str]) -> None:
    """Put a folder in its place, in one step.

    Parameters
    ----------
    new : Path
        What is published; it lies beside `place`, and is gone afterwards.
    place : Path
        Where to; no link. What lies there is removed, once the new folder is there.
    replaced : collection of str
        Names in the old folder that go with it. Everything else there is somebody's, and is in the new folder from
        the moment on that this is in its place.
    """
    if place.is_dir():
        _keep(place, new, replaced)
    sync_tree(new)
    if place.exists():
        exchange(new, place)
        _keep(new, place, replaced)  # what was put there meanwhile
        sync(place.parent)
        shutil.rmtree(new, ignore_errors=True)
    else:
        new.rename(place)
        sync(place.parent)


def recover_folder(place: Path) -> None:
    """Finish what a process left that ended while it published, where folders cannot be exchanged in one step."""
    old = _aside(place)
    if old.is_dir() and not place.exists():
        old.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def exchange(first: Path, second: Path) -> None:
    """Exchange two folders of one file system in one step.

    Where the system cannot do that, the second is put aside first: there `recover_folder` has to be called before the
    folder is used again, since a process that ends between the two steps leaves none in its place.
    """
    sys.audit("os.rename", str(first), str(second), -1, -1)  # which it is, though Python does not see it
    number = _renameat2(os.fsencode(first), os.fsencode(second))
    if number in CANNOT:
        old = _aside(second)
        second.rename(old)
        first.rename(second)
        old.rename(first)
    elif number:
        raise OSError(number, os.strerror(number), str(second))


def _renameat2(first: bytes, second: bytes) -> int:
    """Ask Linux to exchange two paths, and return the number of its error, 0 for none."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return errno.ENOSYS
    return ctypes.get_errno() if call(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE) else 0


def _aside(place: Path) -> Path:
    """Name where a folder lies while another takes its place."""
    return place.with_name(f".{place.name}.replaced")


def _keep(source: Path, target: Path, replaced: Collection[str] = ()) -> None:
    """Have what lies in a folder in another one, too, as the same files where they can have two names."""
    for path in source.iterdir():
        copy = target / path.name
        if path.name in replaced:
            continue
        if path.is_dir() and not path.is_symlink():
            copy.mkdir(exist_ok=True)
            _keep(path, copy)
            shutil.copystat(path, copy)
        elif not os.path.lexists(copy):
            try:
                os.link(path, copy, follow_symlinks=False)
            except (OSError, NotImplementedError):  # of another user, or on a file system without links
                shutil.copy2(path, copy, follow_symlinks=False)


def sync_tree(folder: Path) -> None:
    """Have a folder on disk with all that is in it."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            sync_tree(path)
        elif path.is_file() and not path.is_symlink():
            sync(path)
    sync(folder)
