"""Files that are named by a URL, such as ``s3://bucket/song.wav``: fetched when they are read, put there whole.

`as_path` makes of a URL a path like any other, which reads and writes by fsspec. That is imported only then. A file is
fetched into a folder of its own, one at a time in each process, and is gone after it was used.
"""

import errno
import functools
import os
import re
import secrets
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from genrebench.errors import ClusterError, escaped
from genrebench.system.temporary import temporary_folder

T = TypeVar("T")

# A file's bytes that may be fetched; MiB in the variable of the environment.
LIMIT, LIMIT_VARIABLE = 2048, "GENREBENCH_CACHE_MIB"
# How often a store is asked that does not answer, and how long it is waited before the second time; then twice as long.
TRIES, _FIRST_WAIT = 6, 0.2
# What asking again does not change.
_FINAL = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError)
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
_TIMES = ("LastModified", "mtime", "updated", "last_modified", "created")


class RemotePath(type(Path())):  # type: ignore[misc]
    """A file, or what stands for a folder, in a store of objects.

    It is what a path is, and its text is the URL; of what paths do, it can do what genrebench asks of recordings,
    spectrograms and results.
    """

    __slots__ = ("_info",)

    def __str__(self) -> str:
        """Return the URL, whose two slashes a path makes one."""
        return re.sub(r"^([A-Za-z][A-Za-z0-9+.-]+):/(?!/)", r"\1://", super().__str__())

    def __fspath__(self) -> str:
        """Return the URL."""
        return str(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep what is known of the file on the way to other processes."""
        return _restore, (str(self), getattr(self, "_info", None))

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Return size and time: those that it was listed with, or else those of now."""
        size, modified_ns, is_folder = getattr(self, "_info", None) or _info(_ask(_store(self).info, str(self)))
        seconds = modified_ns // 10**9
        mode = stat.S_IFDIR if is_folder else stat.S_IFREG
        return os.stat_result(
            (mode | 0o600, 0, 0, 1, 0, 0, size, seconds, seconds, seconds),
            {"st_mtime_ns": modified_ns, "st_ctime_ns": modified_ns, "st_atime_ns": modified_ns},
        )

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Return whether it is there."""
        return bool(_ask(_store(self).exists, str(self)))

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Return whether there is something below it."""
        info = getattr(self, "_info", None)
        return bool(info[2]) if info else bool(_ask(_store(self).isdir, str(self)))

    def iterdir(self) -> "Iterator[RemotePath]":
        """Go through what is directly below it."""
        scheme = str(self).partition("://")[0]
        for info in _ask(functools.partial(_store(self).ls, detail=True), str(self)):
            yield _restore(f"{scheme}://{info['name'].strip('/')}", _info(info))

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Do nothing: stores have no folders."""

    def read_bytes(self) -> bytes:
        """Read it."""
        content: bytes = _ask(_store(self).cat_file, str(self))
        return content

    def write_bytes(self, data: Any) -> int:
        """Put it there whole."""
        store = _store(self)
        if "file" in _protocols(store):  # a file system in another place: whoever reads must not see a part
            part = f"{self}.{secrets.token_hex(4)}.part"  # of no other process, on whichever machine
            _ask(store.pipe_file, part, data)
            _ask(store.mv, part, str(self))
        else:
            _ask(store.pipe_file, str(self), data)
        return len(data)

    def create(self, data: bytes) -> None:
        """Put it there unless there is one.

        Raises
        ------
        FileExistsError
            If there is one.
        """
        _ask(functools.partial(_store(self).pipe_file, mode="create"), str(self), data)

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove it."""
        try:
            _ask(_store(self).rm_file, str(self))
        except FileNotFoundError:
            if not missing_ok:
                raise

    def files(self) -> "list[RemotePath]":
        """List all files below it, with sizes and times."""
        store = _store(self)
        try:
            found = _ask(functools.partial(store.find, detail=True), str(self))
        except FileNotFoundError:
            return []
        scheme = str(self).partition("://")[0]
        return [
            _restore(f"{scheme}://{name.removeprefix('/')}", _info(info))
            for name, info in sorted(found.items())
            if info.get("type") != "directory"
        ]


def as_path(place: str | os.PathLike[str]) -> Path:
    """Make a path of what was given: of a URL one that reads from there.

    Parameters
    ----------
    place : str or PathLike
        A path, or a URL such as ``s3://bucket/song.wav``; ``file://`` is this machine.

    Examples
    --------
    >>> as_path("s3://bucket/a.wav").name, str(as_path("s3://bucket/a.wav"))
    ('a.wav', 's3://bucket/a.wav')
    >>> as_path("file:///tmp/a.wav") == Path("/tmp/a.wav")
    True
    """
    if isinstance(place, Path):
        return place
    match = _URL.fullmatch(os.fspath(place))
    if match is None:
        return Path(place)
    return Path(match[2]) if match[1].lower() == "file" else RemotePath(os.fspath(place))


def _restore(url: str, info: tuple[int, int, bool] | None) -> RemotePath:
    """Make a path with what is known of its file."""
    path = RemotePath(url)
    path._info = info
    return path


@contextmanager
def fetched(path: RemotePath) -> Iterator[Path]:
    """Have a file here for as long as the context lasts.

    Raises
    ------
    OSError
        If it cannot be fetched, or is larger than what may be fetched.
    """
    limit = int(os.environ.get(LIMIT_VARIABLE) or LIMIT)
    size = path.stat().st_size
    if size > limit * 2**20:
        raise OSError(errno.EFBIG, f"{size / 2**20:,.0f} MiB, of which {LIMIT_VARIABLE} allows {limit}", str(path))
    with temporary_folder("fetched") as folder:
        local = folder / path.name
        _ask(_store(path).get_file, str(path), str(local))
        yield local


@contextmanager
def at_hand(path: Path) -> Iterator[Path]:
    """Have a file here for as long as the context lasts: itself, or what is fetched. See `fetched`."""
    if isinstance(path, RemotePath):
        with fetched(path) as local:
            yield local
    else:
        yield path


@contextmanager
def putting(path: RemotePath) -> Iterator[BinaryIO]:
    """Write a file that is put in its place, whole, when the context ends; not if it ends with an error."""
    with tempfile.TemporaryFile() as file:
        yield file
        file.seek(0)
        path.write_bytes(file.read())


def _store(path: RemotePath) -> Any:
    """Find what reads and writes such URLs."""
    return _filesystem(str(path).partition("://")[0].lower())


@functools.cache
def _filesystem(scheme: str) -> Any:
    """Make what reads and writes the URLs of a scheme."""
    try:
        fsspec = import_module("fsspec")
    except ModuleNotFoundError as error:
        raise ClusterError(
            f"{scheme}://: expected fsspec, which is not installed; pip install 'genrebench[remote]'"
        ) from error
    try:
        return fsspec.filesystem(scheme, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ClusterError(f"{escaped(scheme)}://: cannot be read here ({reason})") from error


def _protocols(store: Any) -> tuple[str, ...]:
    """Name the schemes of a store."""
    return (store.protocol,) if isinstance(store.protocol, str) else tuple(store.protocol)


def _ask(call: Callable[..., T], *arguments: Any) -> T:
    """Ask a store, and again some times if it does not answer, each time after a longer while."""
    wait = _FIRST_WAIT
    for attempt in range(1, TRIES + 1):
        try:
            return call(*arguments)
        except _FINAL:
            raise
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT) or attempt == TRIES:
                raise _named(error, arguments) from error
        except Exception as error:  # whatever a store's library raises for what its server answers
            if attempt == TRIES:
                raise OSError(errno.EIO, f"{type(error).__name__}: {error}", str(arguments[0])) from error
        pause(wait)
        wait *= 2
    raise AssertionError("the last try returns or raises")


def _named(error: OSError, arguments: tuple[Any, ...]) -> OSError:
    """Name the file in an error, which not every store does."""
    if error.filename is not None and error.strerror:
        return error
    return OSError(error.errno or errno.EIO, error.strerror or str(error), str(arguments[0]))


def pause(seconds: float) -> None:
    """Wait for a store."""
    time.sleep(seconds)


def _info(found: dict[str, Any]) -> tuple[int, int, bool]:
    """Take size, time of change in nanoseconds, and whether it stands for a folder."""
    when = next((found[name] for name in _TIMES if found.get(name) is not None), 0)
    if isinstance(when, str):
        when = datetime.fromisoformat(when.replace("Z", "+00:00"))
    seconds = when.timestamp() if isinstance(when, datetime) else float(when)
    return int(found.get("size") or 0), int(seconds * 1e6) * 1000, found.get("type") == "directory"
