"""Files that are whole or absent, and the one way in which files are read: no file is trusted."""

import codecs
import errno
import hashlib
import json
import math
import os
import secrets
import stat
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from genrebench.errors import GenrebenchError
from genrebench.errors import escaped as escaped  # of use wherever files are
from genrebench.system.memory import require_memory
from genrebench.system.remote import RemotePath, putting

StrPath = str | os.PathLike[str]
# What a system or file system answers that cannot do what it is asked for.
CANNOT = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP})

# The largest document of ours, a parity report of a deep network, is some 10 MB.
MAX_JSON_BYTES = 64 * 2**20
# What a person writes.
MAX_TOML_BYTES = 2**20
# Documents of ours are some ten levels deep; whatever goes through a document may call itself for each level.
_MAX_DEPTH = 64
# Python's dictionaries and lists take up to so much for each of a document's values.
_BYTES_PER_VALUE = 256
# Digits of a whole number; a time in nanoseconds has 19.
_MAX_DIGITS = 40
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
# Longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file, whose folder exists, so that a reader sees the old content or the new, never a part.

    Parameters
    ----------
    durable : bool
        Whether it is on the disk, not only in the system's memory, before it takes its place: after a power cut the
        file is whole, too. That takes some milliseconds, too many for what is written every few seconds.

    Raises
    ------
    OSError
        If it cannot be written; its ``filename`` is `path`.
    """
    with writing_atomically(path, durable=durable) as file:
        file.write(content)


@contextmanager
def writing_atomically(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a file that takes its place, whole, when the context ends; if it ends with an error, nothing has changed.

    Parameters
    ----------
    durable : bool
        As of `write_atomically`.

    Raises
    ------
    OSError
        If it cannot be written; its ``filename`` is `path`.
    """
    if isinstance(path, RemotePath):
        with putting(path) as file:
            yield file
        return
    # The name depends on nothing that may be long, and a name of ours, unlike tempfile's, gets the usual permissions.
    unfinished = path.parent / f".{os.getpid()}-{secrets.token_hex(4)}.part"
    try:
        with unfinished.open("xb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        unfinished.replace(path)
        if durable:
            sync(path.parent)
    except OSError as error:
        with suppress(OSError):  # a disk that went away takes the rest along
            unfinished.unlink(missing_ok=True)
        if error.filename is not None and str(error.filename) != str(unfinished):
            raise  # of another file, which whoever writes this one used meanwhile
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def unfinished_files(folder: Path) -> list[Path]:
    """List what `write_atomically` left in a folder whose process was killed."""
    return list(folder.glob(".[0-9]*-????????.part"))


def sync(path: Path) -> None:
    """Have a file, or a folder's list of names, on disk; a system that cannot do that does it in its own time."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
    with suppress(PermissionError):  # somebody's file, which is on disk already; a folder on Windows
        descriptor = os.open(path, flags)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in CANNOT:
                raise OSError(error.errno, error.strerror, str(path)) from error
        finally:
            os.close(descriptor)


def write_json(path: Path, document: Any, *, durable: bool = True) -> None:
    """Write plain JSON types atomically, indented, with a final newline; NaN is refused, since it is not JSON."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # File names may hold bytes that are no UTF-8; JSON writes them as \udc.. and reads them back.
    write_atomically(path, text.encode(errors="backslashreplace"), durable=durable)


def read_file(path: Path, *, expected: str, error: type[GenrebenchError], max_bytes: int) -> bytes:
    """Read a file without trusting it.

    Pipes and devices are refused, since they may never end; so are files that are larger than they can be, before
    anything is read.

    Parameters
    ----------
    expected : str
        What it should be, for the message: ``a parity report``.

    Raises
    ------
    GenrebenchError
        Of the given type, if it cannot be read; the message names it.
    """
    try:
        status = path.stat()
        _require_regular(status, path, expected, error)  # before it is opened: opening a device may do something
        if isinstance(path, RemotePath):
            if status.st_size <= max_bytes:
                return path.read_bytes()
        else:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
            with os.fdopen(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                _require_regular(status, path, expected, error)
                if status.st_size <= max_bytes:
                    require_memory(status.st_size)
                    return file.read(status.st_size)
    except OSError as problem:
        raise error(f"expected {expected}, cannot be read ({problem.strerror})", path=path) from problem
    except (ValueError, MemoryError) as problem:
        raise error(f"expected {expected}, cannot be read ({problem})", path=path) from problem
    size = status.st_size
    received = f"{size / 2**20:,.0f} MiB" if size > 2 * max_bytes else f"{size:,} bytes"
    limit = f"{max_bytes / 2**20:,.0f} MiB" if max_bytes >= 2**20 else f"{max_bytes:,} bytes"
    raise error(f"expected {expected} of at most {limit}, received {received}", path=path)


def _require_regular(status: os.stat_result, path: Path, expected: str, error: type[GenrebenchError]) -> None:
    """Refuse what is no plain file."""
    kind = next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), None)
    if kind is not None:
        raise error(f"expected {expected}, received {kind}", path=path)


def read_json(path: Path, *, expected: str, error: type[GenrebenchError], max_bytes: int = MAX_JSON_BYTES) -> Any:
    """Read a JSON document without trusting the file.

    Parameters
    ----------
    expected : str
        What it should be, for the message: ``a parity report``.

    Returns
    -------
    object
        Plain JSON types; NaN, infinities, repeated keys, deep nesting and other encodings than UTF-8 are refused.

    Raises
    ------
    GenrebenchError
        Of the given type, if the file cannot be read or is no such JSON; the message names it.
    """
    content = read_file(path, expected=expected, error=error, max_bytes=max_bytes)
    try:
        return parse_json(content)
    except (ValueError, RecursionError) as problem:
        raise error(f"expected the JSON of {expected} ({_reason(problem)})", path=path) from problem
    except MemoryError as problem:
        raise error(f"expected {expected} that fits into memory; {problem}", path=path) from problem


def read_toml(path: Path, *, expected: str, error: type[GenrebenchError]) -> dict[str, Any]:
    """Read a TOML document without trusting the file.

    Raises
    ------
    GenrebenchError
        Of the given type, if the file cannot be read or is no TOML; the message names it.
    """
    content = read_file(path, expected=expected, error=error, max_bytes=MAX_TOML_BYTES)
    try:
        document = tomllib.loads(_decode(content))
        _check_depth(document)
    except (ValueError, RecursionError) as problem:
        hint = "; write paths with /, or in single quotes" if b"\\" in content else ""
        raise error(f"expected TOML of {expected} ({_reason(problem)}){hint}", path=path) from problem
    return document


def parse_json(content: bytes) -> Any:
    """Parse a JSON document, as `read_json` does.

    Raises
    ------
    ValueError, RecursionError, MemoryError
        If it is none, or takes more memory than there is.
    """
    values = content.count(b",") + content.count(b"[") + content.count(b"{")
    require_memory(len(content) + values * _BYTES_PER_VALUE)
    document = json.loads(
        _decode(content),
        object_pairs_hook=_without_repeats,
        parse_constant=_refuse_constant,
        parse_float=_finite,
        parse_int=_whole,
    )
    _check_depth(document)
    return document


def _decode(content: bytes) -> str:
    """Decode UTF-8, with a byte-order mark or without; name what else it is."""
    for mark, name in _MARKS.items():
        if content.startswith(mark):
            raise ValueError(f"received {name}; save it as UTF-8")
    if b"\0" in content:
        raise ValueError("received zero bytes, as UTF-16 and binary files have them; save it as UTF-8")
    try:
        return content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise ValueError(f"byte 0x{content[problem.start]:02x} in line {line} is no UTF-8; save it as UTF-8") from None


def _check_depth(document: Any) -> None:
    """Refuse a document that is nested deeper than any of ours."""
    level = [document] if isinstance(document, dict | list) else []
    for _ in range(_MAX_DEPTH):
        children = (each.values() if isinstance(each, dict) else each for each in level)
        level = [child for each in children for child in each if isinstance(child, dict | list)]
        if not level:
            return
    raise RecursionError


def _reason(problem: Exception) -> str:
    """Say why a document cannot be read."""
    if isinstance(problem, RecursionError):
        return f"nested more than {_MAX_DEPTH} deep"
    return "a number of thousands of digits" if "int_max_str_digits" in str(problem) else str(problem)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object, in which no key may stand twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {repeated[:80]!r} stands twice")
    return found


def _refuse_constant(name: str) -> Any:
    """Refuse what JSON does not have."""
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    """Read a number; JSON's may be larger than floats can be."""
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"the number {text[:80]} is beyond float64")
    return value


def _whole(text: str) -> int:
    """Read a whole number."""
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def sha256_of_file(path: Path) -> str:
    """Hash a file of any size to hexadecimal SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256(chunks: Iterable[bytes]) -> str:
    """Hash bytes, given in pieces, to hexadecimal SHA-256."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
