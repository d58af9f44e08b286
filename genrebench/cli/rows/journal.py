"""What ``infer`` makes of many recordings, a line of JSON each, in a file with which a stopped run goes on."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from genrebench.cli.rows.formats import json_text
from genrebench.errors import ConfigError
from genrebench.model.rows import Row
from genrebench.system.files import parse_json, read_file, write_atomically

# A million recordings have some 500 MB of rows.
_MAX_BYTES = 2**30


class Journal:
    """Rows of a batch, each whole or absent whenever the program ends.

    Parameters
    ----------
    path : Path
        The file.
    made_by : str
        What makes the rows: the model's fingerprint, and the options; rows made by anything else are made again.
    resume : bool
        Whether to go on with the rows that are there.
    overwrite : bool
        Whether a file that is there may be replaced.

    Attributes
    ----------
    path : Path
        The file.

    Raises
    ------
    ConfigError
        If there is a file, and it is not to be gone on with.
    """

    def __init__(self, path: Path, made_by: str, *, resume: bool = False, overwrite: bool = False) -> None:
        """Read the rows that are there."""
        if path.exists() and not (resume or overwrite):
            raise ConfigError(
                f"--output {path}: is there already; go on with it by --resume, replace it by --overwrite, or choose "
                "another"
            )
        self.path = path
        self._made_by = made_by
        self._rows = {row["path"]: row for row in self._read()} if resume else {}
        self._order: list[str] = []

    def _read(self) -> Iterator[Row]:
        """Read whole rows; the last one may have been cut by a kill."""
        if not os.path.lexists(self.path):
            return
        content = read_file(self.path, expected="rows of genrebench infer", error=ConfigError, max_bytes=_MAX_BYTES)
        for line in content.split(b"\n"):
            try:
                row = parse_json(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(row, dict) and isinstance(row.get("path"), str):
                yield row

    @contextmanager
    def writing(self, recordings: Sequence[Path]) -> Iterator[list[Path]]:
        """Open the file for the rows of some recordings.

        Yields
        ------
        list of Path
            Recordings that have no row yet: new ones, changed ones, and those that failed.

        Raises
        ------
        ConfigError
            If another run writes the file.
        """
        lock = FileLock(self.path.with_name(f".{self.path.name[:200]}.lock"), blocking=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise ConfigError(f"--output {self.path}: another run writes it now; wait for its end") from error
        try:
            self._order = list(dict.fromkeys(map(str, recordings)))
            self._rows = {path: self._rows[path] for path in self._order if self._is_current(path)}
            write_atomically(self.path, b"".join(map(_line, self._rows.values())))
            with self.path.open("ab", buffering=0) as self._file:
                yield [Path(path) for path in self._order if path not in self._rows]
            if list(self._rows) != self._order:
                write_atomically(self.path, b"".join(_line(self._rows[path]) for path in self._order))
        finally:
            Path(lock.lock_file).unlink(missing_ok=True)
            lock.release()

    def _is_current(self, path: str) -> bool:
        """Return whether a row is that of the recording as it is now, by the same model."""
        row = self._rows.get(path)
        return row is not None and "error" not in row and row.items() >= recording_state(path, self._made_by).items()

    def add(self, row: Row) -> None:
        """Write one row at once."""
        row = row | recording_state(row["path"], self._made_by)
        self._rows[row["path"]] = row
        left = memoryview(_line(row))
        try:
            while left:  # a disk that is nearly full takes a part of it
                left = left[self._file.write(left) :]
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error


def recording_state(path: str, made_by: str) -> Row:
    """Describe by what a row is known to be that of a recording as it is now, made by the same."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a row's path may be any text
    except OSError:
        return {"size": None, "modified_ns": None, "made_by": made_by}
    return {"size": status.st_size, "modified_ns": status.st_mtime_ns, "made_by": made_by}


def _line(row: Row) -> bytes:
    """Format a row; what cannot be printed in a name is spelled in ASCII."""
    return json_text(row).encode() + b"\n"
