"""Plain lines: results go to standard output and can be piped; notes and errors go to standard error.

With ``--quiet``, before a command or behind one that has it, there are no notes, no bars and no lines on the way:
results and errors only.
"""

import click
from rich.console import Console
from rich.text import Text

from genrebench.system.files import escaped


def echo(line: str, *, to: Console | None = None) -> None:
    """Print lines as they are, but for what would move the cursor: no markup, no wrapping."""
    (to or Console()).print(Text("\n".join(map(escaped, line.split("\n")))), soft_wrap=True, highlight=False)


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
