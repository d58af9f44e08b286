"""Plain lines: results go to standard output and can be piped; notes and errors go to standard error.

With ``--quiet``, before a command or behind one that has it, there are no notes, no bars and no lines on the way:
results and errors only.
"""

import sys

import click
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from genrebench.system.files import escaped


def echo(line: str, *, to: Console | None = None) -> None:
    """Print lines as they are, but for what would move the cursor: no markup; in a terminal no word is torn."""
    console = to or Console()
    lines = map(escaped, line.split("\n"))
    text = "\n".join(whole_words(each, console.width) for each in lines) if console.is_terminal else "\n".join(lines)
    console.print(Text(text), soft_wrap=True, highlight=False)


def whole_words(line: str, width: int) -> str:
    """Have a terminal end its rows between words: by spaces, so that a command that is copied stays one line.

    Parameters
    ----------
    width : int
        Columns of the terminal.

    Examples
    --------
    >>> whole_words("expected one of torch, keras", 16)
    'expected one of torch, keras'
    >>> whole_words("expected a backend", 16)
    'expected a      backend'
    """
    first, *words = line.split(" ")
    text, column = first, _end(0, cell_len(first), width)
    for place, word in enumerate(words):
        size, is_last = cell_len(word), place == len(words) - 1
        # The space behind a word belongs to its row, too, or two words would be copied as one.
        if column + 1 + size > width - (not is_last):
            text += " " * max(1, width - column)
            column = 0
        else:
            text += " "
            column += 1
        text += word
        column = _end(column, size, width)
    return text


def _end(column: int, size: int, width: int) -> int:
    """Find the column behind a word, which a terminal tears where it is longer than a row."""
    return column + size if column + size < width else (column + size) % width


def terminal_width() -> int | None:
    """Return how many columns results have, where a terminal shows them."""
    return Console().width if sys.stdout.isatty() else None


def counted(number: int, word: str) -> str:
    """Format how many there are: ``1 finding``, ``2 findings``."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def is_quiet() -> bool:
    """Return whether only results and errors are to be printed."""
    context = click.get_current_context(silent=True)
    while context is not None and not context.params.get("quiet"):
        context = context.parent
    return context is not None


def note(line: str) -> None:
    """Print to standard error what the user should know, but for ``--quiet``."""
    if not is_quiet():
        echo_err(f"Note: {line}")


def echo_err(line: str) -> None:
    """Print one line to standard error."""
    echo(escaped(line), to=Console(stderr=True))
