"""A document as Markdown that GitHub reads and that can be read as plain text, too."""

import re

from genrebench.report.document import (
    ADDRESS,
    Block,
    Code,
    Column,
    Document,
    Figure,
    Heading,
    Items,
    Source,
    Table,
    Text,
)
from genrebench.system.files import escaped

# A column is padded up to this width, so that tables can be read as they stand.
_WIDEST = 60


def markdown(document: Document) -> str:
    """Render a document."""
    parts = [f"# {plain(document.title)}", *map(_block, document.blocks)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _block(block: Block) -> str:
    """Render a block."""
    if isinstance(block, Heading):
        return f"{'#' * block.level} {plain(block.text)}"
    if isinstance(block, Text):
        return _paragraph(block.text)
    if isinstance(block, Code):
        return _code(block)
    if isinstance(block, Items):
        return _items(block)
    if isinstance(block, Table):
        return "\n\n".join(filter(None, [_paragraph(block.caption), _table(block)]))
    if isinstance(block, Figure):
        return f"({plain(block.alt)})"
    title = f"{block.title}: {block.state.text}" if block.state else block.title
    return "\n\n".join(filter(None, [f"### {plain(title)}", *map(_block, block.blocks)]))


def plain(text: str) -> str:
    """Return text on one line, with what would be markup where it stands escaped, and nothing else, to be readable."""
    text = escaped(" ".join(text.split()))
    text = re.sub(r"""\\(?=[!-/:-@\[-`{-~]|$)|[`*\[~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])""", r"\\\g<0>", text)
    text = re.sub(r"&(?=#?\w+;)", "&amp;", text)
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)


def _paragraph(text: str) -> str:
    """Return text that begins no heading, list, quotation or fence."""
    text = re.sub(r"^[#>+=-]", r"\\\g<0>", plain(text))
    return re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", text)


def _code(block: Code) -> str:
    """Return lines between fences that none of them ends."""
    lines = [escaped(line) for line in block.text.split("\n")]
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", block.text))])
    return "\n".join([fence + block.language, *lines, fence])


def _items(block: Items) -> str:
    """Render a list."""
    lines = []
    for number, item in enumerate(block.items, 1):
        mark = f"{number}. " if block.numbered else "- "
        lines.append(mark + _paragraph(item.text))
        lines += [f"{' ' * len(mark)}- {_fact(fact)}" for fact in item.facts]
    return "\n".join(lines)


def _fact(fact: str | Source) -> str:
    """Return a fact; addresses in a source become links."""
    if isinstance(fact, str):
        return _paragraph(fact)
    parts = ADDRESS.split(fact.text)
    return "".join(f"<{part}>" if index % 2 else _between(part) for index, part in enumerate(parts))


def _between(text: str) -> str:
    """Return text that stands between links, with the spaces at its ends."""
    words = plain(text)
    return f"{' ' * text.startswith(' ')}{words}{' ' * (text.endswith(' ') and bool(words))}"


def _table(table: Table) -> str:
    """Render a table."""
    titles = [_title(column) for column in table.columns]
    rows = [
        [plain(text).replace("|", r"\|") for text in row]
        for row in [titles, *([cell.text for cell in row] for row in table.cells)]
    ]
    widths = [min(_WIDEST, max(3, *map(len, column))) for column in zip(*rows, strict=True)]
    widths[-1] = max(3, len(rows[0][-1])) if not table.numeric[-1] else widths[-1]
    dashes = ["-" * (width - right) + ":" * right for width, right in zip(widths, table.numeric, strict=True)]
    lines = []
    for row in (rows[0], dashes, *rows[1:]):
        justified = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, table.numeric, strict=True)
        )
        lines.append(f"| {' | '.join(justified)} |")
    return "\n".join(lines)


def _title(column: Column) -> str:
    """Name a column together with its group."""
    return f"{column.group} {column.title}" if column.group not in ("", column.title) else column.title
