"""Rows on their way, a line of JSON each: written at once, read back whole, by one run at a time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from filelock import Timeout

from genrebench.cli.rows.formats import json_text
from genrebench.errors import ConfigError, escaped
from genrebench.model.rows import Row
from genrebench.system.files import parse_json, read_file
from genrebench.system.locks import locked

# A million recordings have some 500 MB of rows.
_MAX_BYTES = 2**30


def as_line(row: Row) -> bytes:
    """Format a row; what cannot be printed in a name is spelled in ASCII."""
    return json_text(row).encode() + b"\n"


def append(file: BinaryIO, row: Row) -> None:
    """Add a row to an unbuffered file.

    Raises
    ------
    OSError
        If it cannot be written; it names the file.
    """
    left = memoryview(as_line(row))
    try:
        while left:  # a disk that is nearly full takes a part of it
            left = left[file.write(left) :]
    except OSError as error:
        raise OSError(error.errno, error.strerror, file.name) from error


def read_lines(path: Path, *, expected: str) -> Iterator[dict[str, Any]]:
    """Read whole rows; the last one may have been cut by a kill, and where there is no file there are none.

    Parameters
    ----------
    expected : str
        What the file should hold, for an error.

    Raises
    ------
    ConfigError
        If it cannot be read.
    """
    if not os.path.lexists(path):
        return
    for line in read_file(path, expected=expected, error=ConfigError, max_bytes=_MAX_BYTES).split(b"\n"):
        with suppress(ValueError, RecursionError):
            document = parse_json(line)
            if isinstance(document, dict):
                yield document


@contextmanager
def written_by_one(output: Path, lock_file: Path) -> Iterator[None]:
    """Keep other runs from writing an output.

    Raises
    ------
    ConfigError
        If another one writes it.
    """
    try:
        with locked(lock_file, of=output):
            yield
    except Timeout as error:
        raise ConfigError(f"--output {escaped(output)}: another run writes it now; wait for its end") from error
