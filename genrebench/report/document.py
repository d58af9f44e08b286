"""What a report says, without a word of how it looks: blocks of plain text, which each renderer escapes for itself."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# Of letters that no renderer takes for anything else.
ADDRESS = re.compile(r"(https://[A-Za-z0-9.]+/(?:[A-Za-z0-9._/#=-]*[A-Za-z0-9_/])?)")

Style = Literal["", "good", "bad", "warn", "quiet"]


@dataclass(frozen=True)
class Heading:
    """A heading below the title.

    Attributes
    ----------
    level : int
        2 for a section, 3 for a part of one.
    """

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph.

    Attributes
    ----------
    id : str
        Anchor in a page.
    """

    text: str
    style: Style = ""
    id: str = ""


@dataclass(frozen=True)
class Code:
    """Lines that are shown as they are.

    Attributes
    ----------
    language : str
        Such as ``console``.
    """

    text: str
    language: str = ""


@dataclass(frozen=True)
class Source:
    """A fact that says where something is documented: ``https`` addresses in it lead there."""

    text: str


@dataclass(frozen=True)
class Item:
    """An item of a list, with facts below it."""

    text: str
    facts: Sequence[str | Source] = ()


@dataclass(frozen=True)
class Items:
    """A list."""

    items: Sequence[Item]
    numbered: bool = False
    id: str = ""


@dataclass(frozen=True)
class Column:
    """The head of a column.

    Attributes
    ----------
    group : str
        Columns of one group stand next to each other; a terminal that is too narrow shows groups below each other.
    optional : bool
        Whether a terminal that is too narrow may leave the column out.
    """

    title: str
    group: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes
    ----------
    numeric : bool
        Whether this is a number, which is aligned to the right and never broken.
    target : str
        Anchor of the block that a page leads to from here.
    """

    text: str
    style: Style = ""
    numeric: bool = False
    target: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes
    ----------
    titles : sequence of str or Column
        One per column.
    rows : sequence of sequences of str or Cell
        Each with as many cells as there are columns.
    caption : str
        What stands above the table.
    """

    titles: Sequence[str | Column]
    rows: Sequence[Sequence[str | Cell]]
    id: str = ""
    caption: str = ""

    def __post_init__(self) -> None:
        """Check that every row is complete."""
        for row in self.rows:
            if len(row) != len(self.titles):
                raise ValueError(f"expected {len(self.titles)} cells in each row, received {len(row)}")

    @property
    def columns(self) -> tuple[Column, ...]:
        """Return the heads of the columns."""
        return tuple(title if isinstance(title, Column) else Column(title) for title in self.titles)

    @property
    def cells(self) -> tuple[tuple[Cell, ...], ...]:
        """Return the cells of all rows."""
        return tuple(tuple(cell if isinstance(cell, Cell) else Cell(cell) for cell in row) for row in self.rows)

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Return which columns hold numbers."""
        cells = self.cells
        return tuple(any(row[index].numeric for row in cells) for index in range(len(self.titles)))

    def select(self, indices: Sequence[int]) -> "Table":
        """Return a table of some of the columns."""
        rows = [[row[index] for index in indices] for row in self.rows]
        return Table([self.titles[index] for index in indices], rows, self.id, self.caption)


@dataclass(frozen=True)
class Figure:
    """A picture.

    Attributes
    ----------
    image : str or bytes
        An SVG element or a PNG, as `genrebench.report.figures` makes them; it is trusted.
    alt : str
        What is to be seen, for those who cannot see it.
    caption : str
        What stands below the picture.
    """

    image: str | bytes
    alt: str
    id: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Fold:
    """Blocks that a page shows when asked.

    Attributes
    ----------
    state : Cell or None
        What stands behind the title, such as an outcome.
    is_open : bool
        Whether they are shown from the beginning.
    """

    title: str
    blocks: "Sequence[Block]"
    state: Cell | None = None
    is_open: bool = False
    id: str = ""


Block = Heading | Text | Code | Items | Table | Figure | Fold


@dataclass(frozen=True)
class Document:
    """A report.

    Attributes
    ----------
    title : str
        May be empty for what is only shown in a terminal.
    passed : bool or None
        The outcome, for scripts that read the page; None if there is none.
    """

    title: str
    blocks: Sequence[Block]
    passed: bool | None = None
