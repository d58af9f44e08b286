"""Ways to run the command line."""

import os
import pty
import re
import subprocess
import sys
from typing import IO

from click.testing import CliRunner, Result

from genrebench.cli.main import main

SETTINGS = "--sample-rate 8000 --n-fft 512 --hop-length 256 --n-mels 32 --segments 4 --track-duration 2".split()


def run(*arguments: object) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def refused(result: Result, message: str, status: int = 1) -> None:
    """Check that a command failed as it should: its status, one line, no traceback."""
    assert result.exit_code == status, result.output
    assert re.search(message, result.stderr), result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.output


def in_terminal(*arguments: object, stdout: IO[bytes] | None = None, columns: int = 80) -> tuple[int, str]:
    """Run the command line in a terminal.

    Parameters
    ----------
    stdout : file, optional
        Where standard output goes instead.

    Returns
    -------
    int
        The exit status.
    str
        All that the terminal was sent, escape sequences included.
    """
    parent, child = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(columns), "LINES": "24"}
    command = [sys.executable, "-m", "genrebench", *map(str, arguments)]
    with subprocess.Popen(command, stdin=child, stdout=stdout or child, stderr=child, env=environment) as process:
        os.close(child)
        content = b""
        while True:
            try:
                part = os.read(parent, 65536)
            except OSError:  # Linux reports the end of a terminal so
                break
            if not part:
                break
            content += part
    os.close(parent)
    return process.returncode, content.decode()
