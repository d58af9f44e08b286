"""Prefetching: in order, bounded, ended with its reader."""

import queue
import threading
from collections.abc import Iterator

import pytest

from genrebench.system.prefetch import prefetch


def others() -> list[threading.Thread]:
    """List the threads that prefetch."""
    return [thread for thread in threading.enumerate() if thread.name == "genrebench-prefetch"]


def test_items_come_in_order_and_the_thread_ends() -> None:
    """All of them, whatever they are."""
    assert list(prefetch(iter([3, None, "a"]))) == [3, None, "a"]
    assert list(prefetch([])) == []
    assert others() == []


def test_no_more_is_made_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """While nobody reads on, the maker waits; when the reader leaves, it ends."""
    made: list[int] = []
    waits: queue.Queue[int] = queue.Queue()

    class Room(threading.Semaphore):
        """Room that notes how much was made when it ran out."""

        def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
            """Take room, and note if there is none."""
            if super().acquire(blocking=False):
                return True
            waits.put(len(made))
            return super().acquire(blocking, timeout)

    def items() -> Iterator[int]:
        """Count, and note what was made."""
        for number in range(100):
            made.append(number)
            yield number

    monkeypatch.setattr("genrebench.system.prefetch.threading.Semaphore", Room)
    reader = prefetch(items())
    assert next(reader) == 0
    while waits.get(timeout=30) < 4:
        pass
    reader.close()
    assert made == [0, 1, 2, 3]
    assert others() == []


def test_an_error_comes_after_the_items_before_it() -> None:
    """It is raised where the items are read."""

    def items() -> Iterator[int]:
        """Fail after one item."""
        yield 1
        raise ValueError("broken")

    reader = prefetch(items())
    assert next(reader) == 1
    with pytest.raises(ValueError, match="broken"):
        next(reader)
    assert others() == []


def test_work_is_done_in_another_thread() -> None:
    """The maker does not run where the items are read."""
    (thread,) = prefetch(threading.current_thread() for _ in range(1))
    assert thread is not threading.current_thread()
