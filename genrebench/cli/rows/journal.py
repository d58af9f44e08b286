"""What ``infer`` makes of many recordings, a line of JSON each, in a file with which a stopped run goes on."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from genrebench.cli.rows.lines import append, as_line, read_lines, written_by_one
from genrebench.errors import ConfigError
from genrebench.model.rows import Row
from genrebench.system.files import write_atomically


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
        rows = read_lines(path, expected="rows of genrebench infer") if resume else ()
        self._rows = {row["path"]: row for row in rows if isinstance(row.get("path"), str)}
        self._order: list[str] = []

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
        lock_file = self.path.with_name(f".{self.path.name[:200]}.lock")
        with written_by_one(self.path, lock_file):
            self._order = list(dict.fromkeys(map(str, recordings)))
            self._rows = {path: self._rows[path] for path in self._order if self._is_current(path)}
            write_atomically(self.path, b"".join(map(as_line, self._rows.values())))
            with self.path.open("ab", buffering=0) as self._file:
                yield [Path(path) for path in self._order if path not in self._rows]
            if list(self._rows) != self._order:
                write_atomically(self.path, b"".join(as_line(self._rows[path]) for path in self._order))

    def _is_current(self, path: str) -> bool:
        """Return whether a row is that of the recording as it is now, by the same model."""
        row = self._rows.get(path)
        return row is not None and "error" not in row and is_of(row, recording_state(path, self._made_by))

    def add(self, row: Row) -> None:
        """Write one row at once."""
        row = row | recording_state(row["path"], self._made_by)
        self._rows[row["path"]] = row
        append(self._file, row)


def recording_state(path: str, made_by: str) -> Row:
    """Describe by what a row is known to be that of a recording as it is now, made by the same."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a row's path may be any text
    except OSError:
        status = None
    return {
        "size": status and status.st_size,
        "modified_ns": status and status.st_mtime_ns,
        "changed_ns": status and status.st_ctime_ns,  # which nobody can set
        "made_by": made_by,
    }


def is_of(row: Row, state: Row) -> bool:
    """Return whether a row is that of such a recording; rows of an earlier version do not say when it was changed."""
    return all(row.get(name) == value for name, value in state.items() if name != "changed_ns" or name in row)
