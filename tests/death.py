"""A process that dies at some operation on files, without dying: what it would have done after that does not happen."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

# What the interpreter tells of before it does it; ctypes is how folders are exchanged.
_CHANGES = frozenset(
    {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate", "genrebench.exchange"}
)


class Died(BaseException):
    """The process is dead: nothing that it does counts."""


@dataclass
class Death:
    """When it comes.

    Attributes
    ----------
    after : int
        Which operation is the first that does not happen, from 1.
    seen : list of tuple
        The operations up to that one, by name and path.
    failure : BaseException, optional
        What that one operation raises instead, as a full disk would, and others do not.
    """

    after: int
    failure: BaseException | None = None
    seen: list[tuple[str, str]] = field(default_factory=list)
    active: bool = True

    @property
    def happened(self) -> bool:
        """Return whether it came."""
        return len(self.seen) >= self.after

    def meet(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Count an operation that changes files."""
        if event == "open":
            changes = bool(arguments[2] & 0o3) if isinstance(arguments[2], int) else False
        else:
            changes = event in _CHANGES
        path = str(arguments[0]) if arguments else ""
        if not changes:
            return
        self.seen.append((event, path))
        if self.failure is None and len(self.seen) >= self.after:
            raise Died
        if self.failure is not None and len(self.seen) == self.after:
            raise self.failure


_CURRENT: list[Death] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Hand on what the interpreter tells; a hook stays for good."""
    if _CURRENT and (event == "open" or event in _CHANGES):
        _CURRENT[-1].meet(event, arguments)


sys.addaudithook(_hook)


@contextmanager
def dying(*, after: int, failure: BaseException | None = None) -> Iterator[Death]:
    """Die at an operation that changes files: it does not happen, nor any after it.

    Parameters
    ----------
    after : int
        Which operation, from 1.
    failure : BaseException, optional
        What that one operation raises, while those after it happen.
    """
    death = Death(after, failure)
    _CURRENT.append(death)
    try:
        yield death
    except Died:
        pass
    finally:
        finish_writing()
        _CURRENT.pop()


def finish_writing() -> None:
    """Wait for the threads in which training writes."""
    for thread in threading.enumerate():
        if thread.name == "genrebench-checkpoint":
            thread.join()
