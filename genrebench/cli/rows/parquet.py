"""Rows as a Parquet file, for pandas, DuckDB and Spark; needs pyarrow."""

import io
from collections.abc import Mapping
from typing import Any

from genrebench.cli.rows.formats import Format, Layout, columns, table_rows
from genrebench.errors import ConfigError
from genrebench.model.rows import Row

# Rows that become columns at a time, which take less memory.
_BATCH = 1024
_KINDS = {
    **dict.fromkeys(("uncertain", "dry_run"), "bool_"),
    **dict.fromkeys(("start", "end", "probability"), "float64"),
    "segments": "int64",
}


class Parquet(Format):
    """A table as of CSV, with types: texts, numbers, truth values, and null for what is unknown.

    Parameters
    ----------
    layout : Layout
        What rows hold.
    more : mapping of str to str
        Types of further columns, by their names.

    Raises
    ------
    ConfigError
        If pyarrow is not installed.
    """

    suffix = ".parquet"

    def __init__(self, layout: Layout, more: Mapping[str, str] | None = None) -> None:
        """Name the columns with their types."""
        super().__init__(layout)
        try:
            import pyarrow
            import pyarrow.parquet
        except ModuleNotFoundError as error:
            raise ConfigError(
                "--format parquet: expected pyarrow, which is not installed; pip install 'genrebench[parquet]'"
            ) from error
        self._arrow: Any = pyarrow
        kinds = {name: _kind(name) for name in columns(layout)} | dict(more or {})
        self._schema = pyarrow.schema([(name, getattr(pyarrow, kind)()) for name, kind in kinds.items()])
        self._rows: list[Row] = []
        self._batches: list[Any] = []

    def row(self, row: Row) -> bytes:
        """Take a row; the file is made at the end. See `Format.row`."""
        self._rows += [{name: _value(cells[name]) for name in self._schema.names}
                       for cells in table_rows(row, self.layout)]  # fmt: skip
        if len(self._rows) >= _BATCH:
            self._pack()
        return b""

    def end(self) -> bytes:
        """Make the file. See `Format.end`."""
        self._pack()
        content = io.BytesIO()
        table = self._arrow.Table.from_batches(self._batches, schema=self._schema)
        self._arrow.parquet.write_table(table, content)
        return content.getvalue()

    def _pack(self) -> None:
        """Make columns of the rows that are there."""
        self._batches.append(self._arrow.RecordBatch.from_pylist(self._rows, schema=self._schema))
        self._rows = []


def _kind(column: str) -> str:
    """Name the type of a column."""
    return "float64" if column.startswith("probability.") else _KINDS.get(column, "string")


def _value(value: object) -> object:
    """Spell a text that is no UTF-8."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
