"""The formats of rows; each is one small class that says how rows become bytes."""

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import ClassVar

from rich.cells import cell_len

from genrebench.model.rows import Row, clock
from genrebench.system.files import escaped

# Genres that are named where none is probable enough.
_GUESSES = 3
# A name so much longer than most stands out of its column instead of widening it for all.
_LONG = 16
# Characters of a bar that means certainty.
_BAR = 20
# Spaces before what a line has no room for.
_INDENT = 4
# Characters of times, probability and spaces on the left of a bar.
_BEFORE_BAR = 33
# What spreadsheets take for a formula at the beginning of a cell; and the mark that keeps them from it.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
_MARK = "'"
# Columns of a table, before those of the model and of the genres' probabilities.
_RECORDING = ("path", "genre", "probability", "uncertain", "segments", "notes", "error")
_SEGMENT = ("path", "start", "end", "genre", "probability", "notes", "error")
_MODEL = ("model", "model_version")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What rows hold, for the formats that must know it before they come.

    Attributes
    ----------
    genres : sequence of str
        All that the model knows, in its order.
    top_k : int, optional
        Genres that are told; by default one in a line of text, and all elsewhere.
    timeline : bool
        Whether segments are told.
    actions : sequence of str
        Keys of what is done to the recordings.
    paths : sequence of str
        Of all recordings, for a column that they fit into.
    failures : bool
        Whether a line of text tells of a recording that failed; on a terminal standard error does.
    ascii : bool
        Whether letters beyond ASCII are to be spelled in it.
    width : int, optional
        Columns of the terminal that shows lines of text; they are folded there.
    """

    genres: Sequence[str]
    top_k: int | None = None
    timeline: bool = False
    actions: Sequence[str] = ()
    paths: Sequence[str] = ()
    failures: bool = False
    ascii: bool = False
    width: int | None = None


class Format(ABC):
    """How rows become the content of a file.

    Attributes
    ----------
    suffix : str
        Of such a file.
    has_failures : bool
        Whether there is a row for a recording that failed.
    many : bool
        Whether a file holds more than one recording.
    timed : bool
        Whether it is made of segments.
    """

    suffix: ClassVar[str]
    has_failures: ClassVar[bool] = True
    many: ClassVar[bool] = True
    timed: ClassVar[bool] = False

    def __init__(self, layout: Layout) -> None:
        """Keep what rows hold."""
        self.layout = layout

    def begin(self) -> bytes:
        """Format what stands before all rows."""
        return b""

    @abstractmethod
    def row(self, row: Row) -> bytes:
        """Format one row."""

    def end(self) -> bytes:
        """Format what stands after all rows."""
        return b""


class Text(Format):
    """A line for people."""

    suffix = ".txt"

    def __init__(self, layout: Layout) -> None:
        """Choose the width of the paths' column."""
        super().__init__(layout)
        self._width = column_width([len(escaped(path)) for path in layout.paths])

    def row(self, row: Row) -> bytes:
        """Format a line, and one for each segment. See `Format.row`."""
        path = f"{escaped(row['path']):<{self._width}}"
        if "genre" not in row:
            return _encoded(f"{path}  failed: {escaped(row['error'])}\n") if self.layout.failures else b""
        first, *others = ranking(row, self.layout.top_k or 1)
        would = "would be " if "dry_run" in row else ""
        done = [
            f"  {would}{key.replace('_', ' ')} {escaped(row[key])}"
            for key in self.layout.actions
            if key in row and key != "dry_run"
        ]
        line = self._folded(path, [f"  {first}", *(f", {each}" for each in others), *done])
        return _encoded("\n".join([line, *self._timeline(row)]) + "\n")

    def _folded(self, path: str, parts: Sequence[str]) -> str:
        """Join the parts of a line; what a terminal has no room for goes below the first."""
        if self.layout.width is None:
            return path + "".join(parts)
        rows = [path]
        indent = " " * (len(path) + 2 if len(path) < self.layout.width // 3 else _INDENT)
        for part in parts:
            if cell_len(rows[-1] + part) < self.layout.width:  # a comma may follow
                rows[-1] += part
            else:
                rows[-1] = rows[-1].rstrip() + "," * part.startswith(",")
                rows.append(indent + part.lstrip(", "))
        return "\n".join(rows)

    def _timeline(self, row: Row) -> Iterator[str]:
        """Format the segments."""
        width = max(map(len, map(escaped, self.layout.genres)))
        room = _BAR if self.layout.width is None else min(_BAR, self.layout.width - width - _BEFORE_BAR)
        for segment in row.get("timeline", ()):
            bar = ("=" if self.layout.ascii else "━") * round(room * segment["probability"])
            yield (
                f"{clock(segment['start']):>10} {clock(segment['end']):>9}  {escaped(segment['genre']):<{width}} "
                f"{100 * segment['probability']:5.1f} %  {bar}"
            ).rstrip()


class Json(Format):
    """One array, a row being written as soon as it is there."""

    suffix = ".json"

    def __init__(self, layout: Layout) -> None:
        """Have no row yet."""
        super().__init__(layout)
        self._between = "\n"

    def begin(self) -> bytes:
        """Open the array. See `Format.begin`."""
        return b"["

    def row(self, row: Row) -> bytes:
        """Format an element. See `Format.row`."""
        text = self._between + _indented(json_text(row, indent=2, ascii=self.layout.ascii))
        self._between = ",\n"
        return text.encode()

    def end(self) -> bytes:
        """Close the array. See `Format.end`."""
        return b"]\n" if self._between == "\n" else b"\n]\n"


class JsonLines(Format):
    """A line of JSON for each row."""

    suffix = ".jsonl"

    def row(self, row: Row) -> bytes:
        """Format a line. See `Format.row`."""
        return json_text(row, ascii=self.layout.ascii).encode() + b"\n"


class Csv(Format):
    """A table with a line for each recording, or for each of its segments."""

    suffix = ".csv"

    def begin(self) -> bytes:
        """Format the names of the columns. See `Format.begin`."""
        return self._line(columns(self.layout))

    def row(self, row: Row) -> bytes:
        """Format a line or some. See `Format.row`."""
        names = columns(self.layout)
        return b"".join(self._line([cells[name] for name in names]) for cells in table_rows(row, self.layout))

    def _line(self, cells: Sequence[object]) -> bytes:
        """Format one line."""
        content = io.StringIO()
        csv.writer(content, lineterminator="\n").writerow(map(_cell, cells))
        return _encoded(content.getvalue())


class Audacity(Format):
    """A label track: File > Import > Labels in Audacity shows it below the recording."""

    suffix = ".txt"
    has_failures = False
    many = False
    timed = True

    def row(self, row: Row) -> bytes:
        """Format a label for each segment. See `Format.row`."""
        return b"".join(
            _encoded(
                f"{segment['start']:.6f}\t{segment['end']:.6f}\t"
                f"{escaped(segment['genre'])} {100 * segment['probability']:.0f} %\n"
            )
            for segment in row.get("timeline", ())
        )


def columns(layout: Layout) -> list[str]:
    """Name the columns of a table: the same for every model but for those of the genres' probabilities."""
    first = _SEGMENT if layout.timeline else _RECORDING
    return [*first, *layout.actions, *_MODEL, *(f"probability.{genre}" for genre in layout.genres)]


def table_rows(row: Row, layout: Layout) -> Iterator[Row]:
    """Make the rows of a table of a row: one, or one for each segment; what is unknown is None.

    Yields
    ------
    dict
        A value for each of the `columns`; ``notes`` are one text.
    """
    for segment in row.get("timeline", ({},)) if layout.timeline else ({},):
        cells = dict.fromkeys(columns(layout)) | {**row, **segment}
        cells["notes"] = "; ".join(row.get("notes", ())) or None
        cells |= {f"probability.{genre}": value for genre, value in cells.pop("probabilities", {}).items()}
        yield cells


def ranking(row: Row, top_k: int) -> list[str]:
    """Format each of the most probable genres of a row; of an uncertain answer, at least the best guesses."""
    shown = max(top_k, _GUESSES) if row["uncertain"] else top_k
    genres = [
        f"{escaped(genre)} {100 * probability:.1f} %"
        for genre, probability in list(row["probabilities"].items())[:shown]
    ]
    return [f"uncertain: {genres[0]}", *genres[1:]] if row["uncertain"] else genres


def column_width(lengths: Sequence[int]) -> int:
    """Choose how wide a column is: as its longest entry, apart from entries that are far longer than most.

    Examples
    --------
    >>> column_width([10, 12, 90])
    12
    """
    if not lengths:
        return 0
    usual = median(lengths) + _LONG
    return max(length for length in lengths if length <= usual)


def json_text(row: Row, *, indent: int | None = None, ascii: bool = False) -> str:  # noqa: A002 - the option's name
    """Format a row as JSON in which everything that cannot be printed is spelled in ASCII."""
    text = json.dumps(row, indent=indent, ensure_ascii=ascii, allow_nan=False)
    if text.replace("\n", "").isprintable():  # as nearly all are; going through it takes ten times as long as making it
        return text
    return "".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text)


def _indented(text: str) -> str:
    """Indent an element of an array."""
    return "\n".join(f"  {line}" for line in text.split("\n"))


def _encoded(text: str) -> bytes:
    """Encode text; what is no UTF-8 in a file name is escaped."""
    return text.encode(errors="backslashreplace")


def _cell(value: object) -> str:
    """Format a cell; text that a spreadsheet would compute, or that begins with the mark, gets the mark before it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return _MARK + text if isinstance(value, str) and text.startswith(_FORMULAS) else text
