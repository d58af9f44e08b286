"""What ``infer`` makes of a library, as Parquet in parts: a row for each recording, and elsewhere one for each segment.

A row is safe from the moment on that it is there: it goes to a journal, and some thousand rows at a time go from there
into a part, which never changes afterwards but to lose rows that are to be made again. A part of recordings is there
or not; what lies in the journal for a part that is there counts no more. So a kill at any moment loses no row and
leaves none twice.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from genrebench.cli.rows.formats import Layout
from genrebench.cli.rows.journal import is_of, recording_state
from genrebench.cli.rows.lines import append, as_line, read_lines, written_by_one
from genrebench.cli.rows.parquet import Parquet
from genrebench.errors import ConfigError, escaped
from genrebench.model.rows import Row
from genrebench.system.files import unfinished_files, write_atomically

JOURNAL_FILE, LOCK_FILE = "journal.jsonl", ".lock"
RECORDINGS, SEGMENTS = "recordings", "segments"
# Recordings of a part, and segments that end one sooner: some MB, and what is in memory before.
_RECORDINGS, _SEGMENTS = 2048, 2**16
# Columns by which a row is known to be that of the recording as it is now.
_STATE = {"size": "int64", "modified_ns": "int64", "changed_ns": "int64", "made_by": "string"}


class Parts:
    """Rows of a library in a folder.

    Parameters
    ----------
    folder : Path
        Holds ``recordings/`` and ``segments/``, each with a file for each part, and while it is written the journal.
    made_by : str
        What makes the rows; rows made by anything else are made again.
    layout : Layout
        What rows hold.
    resume : bool
        Whether to go on with the rows that are there.
    overwrite : bool
        Whether rows that are there may be replaced.

    Raises
    ------
    ConfigError
        If there are some, and they are not to be gone on with; or if pyarrow is not installed.
    """

    def __init__(
        self, folder: Path, made_by: str, layout: Layout, *, resume: bool = False, overwrite: bool = False
    ) -> None:
        """Write nothing yet."""
        self.path = folder
        there = (folder / JOURNAL_FILE, folder / RECORDINGS, folder / SEGMENTS)
        if any(map(os.path.lexists, there)) and not (resume or overwrite):
            raise ConfigError(
                f"--output {escaped(folder)}: holds rows already; go on with them by --resume, replace them by "
                "--overwrite, or choose another"
            )
        self._made_by, self._resume = made_by, resume
        self._formats: dict[str, Callable[[], Parquet]] = {
            SEGMENTS: lambda: Parquet(replace(layout, timeline=True)),
            RECORDINGS: lambda: Parquet(replace(layout, timeline=False), more=_STATE),
        }
        self._formats[RECORDINGS]()  # says it if pyarrow is missing
        self._part, self._segments = 0, 0
        self._rows: dict[str, Row] = {}

    @contextmanager
    def writing(self, recordings: Sequence[Path]) -> Iterator[list[Path]]:
        """Open the folder for the rows of some recordings; rows of others are removed.

        Yields
        ------
        list of Path
            Recordings that have no row yet: new ones, changed ones, and those that failed.

        Raises
        ------
        ConfigError
            If another run writes the folder, or a part is damaged.
        """
        for kind in self._formats:
            (self.path / kind).mkdir(parents=True, exist_ok=True)
        with written_by_one(self.path, self.path / LOCK_FILE):
            if not self._resume:
                self._remove()
            paths = {_spelled(path): path for path in map(str, recordings)}
            done = self._go_on(paths)
            self._file = self._journal.open("ab", buffering=0)
            try:
                yield [Path(path) for spelled, path in paths.items() if spelled not in done]
                self._finish_part()
            finally:
                self._file.close()
            self._journal.unlink()

    def add(self, row: Row) -> None:
        """Write one row at once, and a part when there are enough."""
        row = row | recording_state(row["path"], self._made_by)
        self._keep(row)
        append(self._file, row)
        if len(self._rows) >= _RECORDINGS or self._segments >= _SEGMENTS:
            self._finish_part()
            self._file.close()
            self._begin_journal({})
            self._file = self._journal.open("ab", buffering=0)

    @property
    def _journal(self) -> Path:
        """Name the journal."""
        return self.path / JOURNAL_FILE

    def _place(self, kind: str, part: int) -> Path:
        """Name the file of a part."""
        return self.path / kind / f"part-{part:06d}.parquet"

    def _there(self, kind: str) -> list[int]:
        """List the parts that are there."""
        found = (path.stem.removeprefix("part-") for path in (self.path / kind).glob("part-*.parquet"))
        return sorted(int(number) for number in found if number.isdecimal())

    def _keep(self, row: Row) -> None:
        """Have a row wait for its part."""
        self._rows[_spelled(row["path"])] = row
        self._segments += len(row.get("timeline", ()))

    def _finish_part(self) -> None:
        """Write the rows that wait; with the file of recordings the part is there."""
        if not self._rows:
            return
        for kind, make in self._formats.items():
            style = make()
            rows = [row for row in self._rows.values() if kind == RECORDINGS or row.get("timeline")]
            write_atomically(self._place(kind, self._part), b"".join(map(style.row, rows)) + style.end())
        self._part, self._rows, self._segments = self._part + 1, {}, 0

    def _begin_journal(self, again: dict[str, list[str]]) -> None:
        """Write a journal with the rows that wait, and which rows of which parts are to be removed."""
        lines = [{"part": self._part, "again": again}, *self._rows.values()]
        write_atomically(self._journal, b"".join(map(as_line, lines)))

    def _remove(self) -> None:
        """Remove what is to be replaced, recordings first: without them a part is none."""
        self._journal.unlink(missing_ok=True)
        for kind in (RECORDINGS, SEGMENTS):
            for part in self._there(kind):
                self._place(kind, part).unlink()

    def _go_on(self, wanted: Mapping[str, str]) -> set[str]:
        """Have the folder in order after whatever ended the last run.

        Parameters
        ----------
        wanted : mapping of str to str
            Paths by how they are spelled in a table.

        Returns
        -------
        set of str
            Recordings that have a row, which stays.
        """
        for folder in (self.path, *(self.path / kind for kind in self._formats)):
            for unfinished in unfinished_files(folder):
                unfinished.unlink()
        header, rows = self._read_journal()
        for part, paths in header.get("again", {}).items():  # it was killed while it removed them
            self._remove_rows(int(part), set(paths))
        parts = self._there(RECORDINGS)
        for part in set(self._there(SEGMENTS)) - set(parts):  # its recordings were to come next
            self._place(SEGMENTS, part).unlink()
        self._part = max([header.get("part", 0), *(part + 1 for part in parts)])
        done: set[str] = set()
        again: dict[str, list[str]] = {}
        for part in parts:
            for row in self._table(RECORDINGS, part, ["path", "error", *_STATE]).to_pylist():
                current = row["path"] not in done and self._is_current(row, wanted.get(row["path"]))
                (done.add if current else again.setdefault(str(part), []).append)(row["path"])
        for row in rows if header.get("part") == self._part else []:
            path = _spelled(row["path"])
            if path not in done and self._is_current(row, wanted.get(path)):
                self._keep(row)
        done |= self._rows.keys()
        self._begin_journal(again)
        for part_again, paths in again.items():
            self._remove_rows(int(part_again), set(paths))
        if again:
            self._begin_journal({})
        return done

    def _read_journal(self) -> tuple[dict[str, Any], list[Row]]:
        """Read what the journal says, and its whole rows; the last one may have been cut by a kill."""
        if not os.path.lexists(self._journal):
            return {}, []
        expected = "the journal of genrebench infer"
        found = list(read_lines(self._journal, expected=expected))
        header = found[0] if found else {}
        if not (isinstance(header.get("part"), int) and isinstance(header.get("again"), dict)):
            raise ConfigError(f"{escaped(self._journal)}: expected {expected}, received something else; remove it")
        return header, [row for row in found[1:] if isinstance(row.get("path"), str)]

    def _is_current(self, row: Row, path: str | None) -> bool:
        """Return whether a row is that of a recording that is wanted, as it is now, by the same model."""
        if path is None or row.get("error"):
            return False
        return is_of(row, recording_state(path, self._made_by))

    def _table(self, kind: str, part: int, columns: list[str] | None = None) -> Any:
        """Read a part."""
        import pyarrow
        import pyarrow.parquet

        path = self._place(kind, part)
        try:
            return pyarrow.parquet.ParquetFile(path).read(columns=columns)
        except (OSError, pyarrow.ArrowException) as error:
            raise ConfigError(
                f"expected rows of genrebench infer, cannot be read ({error}); remove it, and --resume makes its rows "
                "again",
                path=path,
            ) from error

    def _remove_rows(self, part: int, paths: set[str]) -> None:
        """Remove the rows of some recordings from a part, and with the last one the part."""
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet

        if part not in self._there(RECORDINGS):
            return
        kept = {}
        for kind in (RECORDINGS, SEGMENTS):
            table = self._table(kind, part)
            inside = pyarrow.compute.is_in(table["path"], pyarrow.array(sorted(paths), pyarrow.string()))
            kept[kind] = table.filter(pyarrow.compute.invert(inside))
        if not len(kept[RECORDINGS]):
            self._place(RECORDINGS, part).unlink()
            self._place(SEGMENTS, part).unlink()
            return
        for kind, table in kept.items():
            sink = pyarrow.BufferOutputStream()
            pyarrow.parquet.write_table(table, sink)
            write_atomically(self._place(kind, part), sink.getvalue().to_pybytes())


def _spelled(path: str) -> str:
    """Spell a path as it stands in a table: what is no UTF-8 is escaped."""
    return path.encode(errors="backslashreplace").decode()
