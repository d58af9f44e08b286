"""A pipe by which a test sees that processes are at work, and that all of them are gone; nothing sleeps or spins."""

import os
import select
from pathlib import Path

# Long enough for any machine; only a test that fails waits for it.
_PATIENCE = 60.0


class Witness:
    """The reading end of a named pipe, which other processes keep open for writing for as long as they live.

    Parameters
    ----------
    path : Path
        Where the pipe is made.
    """

    def __init__(self, path: Path) -> None:
        """Make the pipe, and open it without waiting for a writer."""
        os.mkfifo(path)
        self.path = path
        self._pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._seen = b""

    def line(self) -> str:
        """Wait for the next line that some process writes.

        Returns
        -------
        str
            The line without its end.
        """
        while b"\n" not in self._seen:
            more = self._read()
            assert more, "expected a line, but every process is gone"
            self._seen += more
        line, _, self._seen = self._seen.partition(b"\n")
        return line.decode()

    def wait_until_gone(self) -> None:
        """Wait until no process has the pipe open."""
        while self._read():
            pass

    def _read(self) -> bytes:
        """Wait for bytes, or for the end of all writers."""
        assert select.select([self._pipe], [], [], _PATIENCE)[0], "a process is still there"
        return os.read(self._pipe, 4096)

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._pipe)
