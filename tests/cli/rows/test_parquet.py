"""Parquet: a table with types, of any length, and an error that says what is missing."""

import io
import sys
from typing import Any

import pytest

from genrebench.cli.rows import parquet
from genrebench.cli.rows.formats import Layout
from genrebench.errors import ConfigError
from genrebench.model.rows import Row
from tests.cli.rows.test_formats import BAD, GENRES, GOOD


def table(*rows: Row, **options: Any) -> Any:
    """Write rows and read the table."""
    reader = pytest.importorskip("pyarrow.parquet")
    style = parquet.Parquet(Layout(genres=GENRES, **options))
    return reader.read_table(io.BytesIO(b"".join([style.begin(), *map(style.row, rows), style.end()])))


def test_columns_have_their_types() -> None:
    """Those of CSV; what is unknown is null, even where no row knows it."""
    found = table(GOOD, BAD)
    types = {field.name: str(field.type) for field in found.schema}
    assert types == {
        **dict.fromkeys(("path", "genre", "notes", "error", "model", "model_version"), "string"),
        **dict.fromkeys(("probability", *(f"probability.{genre}" for genre in GENRES)), "double"),
        "uncertain": "bool",
        "segments": "int64",
    }
    good, bad = found.to_pylist()
    assert (good["path"], good["probability.rock"], good["uncertain"], good["error"]) == ("a.wav", 0.75, False, None)
    assert {key: value for key, value in bad.items() if value is not None} == BAD
    assert table().num_rows == 0


def test_a_timeline_has_a_line_for_each_segment() -> None:
    """With times as numbers."""
    rows = table(GOOD | {"dry_run": True}, timeline=True, actions=["dry_run"]).to_pylist()
    assert [(row["start"], row["end"], row["genre"], row["dry_run"]) for row in rows] == [
        (0.0, 3.0, "rock", True),
        (3.0, 4.5, "jazz", True),
    ]


def test_many_rows_come_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though they become columns some at a time; a name that is no UTF-8 is escaped."""
    monkeypatch.setattr(parquet, "_BATCH", 3)
    rows = [GOOD | {"path": f"{number}\udcff.wav"} for number in range(10)]
    assert table(*rows)["path"].to_pylist() == [f"{number}\\udcff.wav" for number in range(10)]


def test_without_pyarrow_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is classified."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"pyarrow, which is not installed; pip install 'genrebench\[parquet\]'"):
        parquet.Parquet(Layout(genres=GENRES))
