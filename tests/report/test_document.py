"""A document is data; tables are complete."""

import dataclasses

import pytest

from genrebench.report.document import Cell, Column, Document, Table

TABLE = Table(("name", Column("error", group="g")), (("a", Cell("1", numeric=True)), (Cell("b", "bad"), "")))


def test_titles_and_cells_may_be_plain_text() -> None:
    """Both come out as columns and cells; a column holds numbers if one of its cells does."""
    assert TABLE.columns == (Column("name"), Column("error", "g"))
    assert TABLE.cells == ((Cell("a"), Cell("1", numeric=True)), (Cell("b", "bad"), Cell("")))
    assert TABLE.numeric == (False, True)
    assert Table(("empty",), ()).numeric == (False,)


def test_columns_are_selected() -> None:
    """In the order asked for; id and caption stay."""
    selected = dataclasses.replace(TABLE, id="t", caption="c").select([1])
    assert selected == Table([Column("error", "g")], [[Cell("1", numeric=True)], [""]], "t", "c")


def test_a_row_of_another_length_is_refused() -> None:
    """The message says how many cells were expected."""
    with pytest.raises(ValueError, match="expected 2 cells in each row, received 1"):
        Table(("a", "b"), (("only one",),))


def test_documents_do_not_change() -> None:
    """A renderer cannot alter what the next one shows."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Document("a", ()).title = "b"  # type: ignore[misc]
