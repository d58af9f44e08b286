"""Plain lines: results go to standard output and can be piped; notes and errors go to standard error."""

from rich.console import Console
from rich.text import Text

from genrebench.system.files import escaped


def echo(line: str, *, to: Console | None = None) -> None:
    """Print lines as they are, but for what would move the cursor: no markup, no wrapping."""
    (to or Console()).print(Text("\n".join(map(escaped, line.split("\n")))), soft_wrap=True, highlight=False)


def echo_err(line: str) -> None:
    """Print one line to standard error."""
    echo(escaped(line), to=Console(stderr=True))
