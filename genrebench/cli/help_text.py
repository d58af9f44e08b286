"""Help texts that fit the terminal, down to forty columns."""

import shutil
import sys
from collections.abc import Iterable

import click

# Below, click's own layout would be wider than the terminal, or leave the texts beside options no room.
_NARROW = 60


class HelpText(click.HelpFormatter):
    """A help text in a terminal: no row is wider, and no word is torn.

    Parameters
    ----------
    indent_increment : int
        Columns of a step to the right.
    width, max_width : int, optional
        As click's; by default as wide as the terminal.
    """

    def __init__(self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None) -> None:
        """Begin with nothing."""
        self._columns = shutil.get_terminal_size().columns
        if width is None and self._columns < _NARROW:
            width = max(self._columns - 2, 20)
        super().__init__(indent_increment, width, max_width)

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write options or commands, with half of a narrow terminal or more for what they are."""
        super().write_dl(rows, min(col_max, self.width // 3) if self.width < _NARROW else col_max, col_spacing)

    def getvalue(self) -> str:
        """Return the text; examples, which stay lines that can be copied, are broken between words in a terminal."""
        text = super().getvalue()
        if not sys.stdout.isatty():
            return text
        from genrebench.cli.output import whole_words

        return "\n".join(whole_words(line, self._columns) for line in text.split("\n"))


class Context(click.Context):
    """What click knows of a call, with help texts as `HelpText` writes them."""

    formatter_class = HelpText
