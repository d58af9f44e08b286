"""A document in a terminal or a pipe; the place where what cannot be printed is escaped."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text as RichText

from genrebench.report.document import Block, Cell, Code, Document, Fold, Heading, Items, Table, Text
from genrebench.system.files import escaped

_STYLES = {"": "", "good": "green", "bad": "bold red", "warn": "yellow", "quiet": "dim"}
_GAP = 2
# In so few columns a table is one of short cells; where a cell would take more rows, each row is a list.
_NARROW, _MOST_ROWS = 60, 2


def line(*cells: str | Cell) -> RichText:
    """Return one line of cells, to be printed with ``soft_wrap=True``."""
    parts = [Cell(cell) if isinstance(cell, str) else cell for cell in cells]
    return RichText.assemble(*((escaped(part.text), _STYLES[part.style]) for part in parts))


def show(what: Document | Block, console: Console | None = None) -> None:
    """Print a document or one block of it.

    Parameters
    ----------
    console : Console, optional
        Where; by default standard output. A terminal gets lines that fit, a pipe gets whole lines: it has no width, and
        whatever reads it wants no line broken.
    """
    console = console or Console()
    if isinstance(what, Document):
        blocks = [Heading(what.title)] if what.title else []
        _show_all([*blocks, *what.blocks], console)
    elif isinstance(what, Heading):
        _print(RichText(escaped(what.text), style="bold"), console)
    elif isinstance(what, Text):
        _print(line(Cell(what.text, what.style)), console)
    elif isinstance(what, Code):
        for each in what.text.split("\n"):
            console.print(RichText(f"  {escaped(each)}"), soft_wrap=True)
    elif isinstance(what, Items):
        _show_items(what, console)
    elif isinstance(what, Table):
        if what.caption:
            _print(line(Cell(what.caption, "quiet")), console)
        _show_table(what, console)
    elif isinstance(what, Fold):
        _print(line(what.title, ": ", what.state) if what.state else line(what.title), console)
        _show_all(what.blocks, console)


def _show_all(blocks: Sequence[Block], console: Console) -> None:
    """Print blocks with an empty line between them."""
    for index, block in enumerate(blocks):
        if index:
            console.print()
        show(block, console)


def _show_items(block: Items, console: Console) -> None:
    """Print a list, with empty lines between items that have facts."""
    is_loose = any(item.facts for item in block.items)
    for number, item in enumerate(block.items, 1):
        if number > 1 and is_loose:
            console.print()
        mark = f"{number}. " if block.numbered else "- "
        _print(line(item.text), console, mark)
        for fact in item.facts:
            text = fact if isinstance(fact, str) else fact.text
            _print(line(Cell(text, "quiet")), console, " " * len(mark))


def _print(text: RichText, console: Console, mark: str = "") -> None:
    """Print a paragraph behind a mark, broken into lines in a terminal only."""
    lines = text.wrap(console, max(1, console.width - len(mark))) if console.is_terminal else [text]
    for index, each in enumerate(lines):
        console.print(RichText(" " * len(mark) if index else mark) + each, soft_wrap=True)


def _show_table(table: Table, console: Console) -> None:
    """Print a table."""
    parts = _parts(table, console.width) if console.is_terminal else [table]
    for index, part in enumerate(parts):
        if index:
            console.print()
        if console.is_terminal:
            if widths := _widths(part, console):
                console.print(_rich(part, widths))
            else:
                _show_rows(part, console)
            continue
        rich = _rich(part)
        options = console.options.update(max_width=100_000)
        width = Measurement.get(console, options, rich).maximum
        text = "".join(segment.text for segment in console.render(rich, options.update(width=width)))
        for each in text.splitlines():
            _print(RichText(each.rstrip()), console)


def _parts(table: Table, width: int) -> Iterator[Table]:
    """Fit a table into a terminal.

    Yields
    ------
    Table
        The table, without those of its optional columns for which there is no room, first come, first gone; if that is
        not enough, as many groups beside each other as fit, each time behind the columns that are in no group.
    """
    columns = table.columns
    texts = [[column.title, *(row[index].text for row in table.cells)] for index, column in enumerate(columns)]
    widths = [max(cell_len(escaped(text)) for text in each) + _GAP for each in texts]

    def fits(indices: Sequence[int]) -> bool:
        """Return whether columns fit beside each other."""
        return sum(widths[index] for index in indices) - _GAP <= width

    kept = list(range(len(columns)))
    for title in dict.fromkeys(column.title for column in columns if column.optional):
        if not fits(kept):
            kept = [index for index in kept if not (columns[index].optional and columns[index].title == title)]
    if fits(kept):
        yield table.select(kept)
        return
    common = [index for index in kept if not columns[index].group]
    chosen = list(common)
    for group in dict.fromkeys(columns[index].group for index in kept if columns[index].group):
        members = [index for index in kept if columns[index].group == group]
        if len(chosen) > len(common) and not fits(chosen + members):
            yield table.select(sorted(chosen))
            chosen = list(common)
        chosen += members
    yield table.select(sorted(chosen))


def _widths(table: Table, console: Console) -> list[int]:
    """Divide a terminal among columns so that no word is torn: the widest gives first; empty if that cannot be."""
    columns = list(zip(*([column.title for column in table.columns], *_texts(table)), strict=True))
    widths = [max(map(cell_len, texts)) for texts in columns]
    least = [max(cell_len(word) for text in texts for word in text.split() or [""]) for texts in columns]
    room = console.width - _GAP * (len(columns) - 1)
    if sum(least) > room:
        return []
    while sum(widths) > room:
        widest = max((index for index in range(len(widths)) if widths[index] > least[index]), key=widths.__getitem__)
        widths[widest] -= 1
    rows = max(
        len(RichText(text).wrap(console, max(1, width)))
        for texts, width in zip(columns, widths, strict=True)
        for text in texts
    )
    return [] if console.width < _NARROW and rows > _MOST_ROWS else widths


def _texts(table: Table) -> list[list[str]]:
    """List what is printed in the cells of each row."""
    return [[escaped(cell.text) for cell in row] for row in table.cells]


def _show_rows(table: Table, console: Console) -> None:
    """Print a table for which there is no room row by row, each cell behind its column's title."""
    for row in table.cells:
        for index, (column, cell) in enumerate(zip(table.columns, row, strict=True)):
            title = f"{column.title}: " if column.title and index else ""
            if cell.text:
                _print(line(title, cell) if title else line(cell), console, "  " if index else "")


def _rich(table: Table, widths: Sequence[int] = ()) -> RichTable:
    """Arrange a table without lines; what does not fit is broken, never cut off."""
    rich = RichTable(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    rich.show_header = any(column.title for column in table.columns)
    for index, (column, numeric) in enumerate(zip(table.columns, table.numeric, strict=True)):
        options: Any = {"justify": "right" if numeric else "left", "width": widths[index] if widths else None}
        rich.add_column(RichText(escaped(column.title)), overflow="fold", **options)
    for row in table.cells:
        rich.add_row(*(line(cell) for cell in row))
    return rich
