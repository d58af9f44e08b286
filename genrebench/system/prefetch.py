"""Items made in another thread before they are asked for."""

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

T = TypeVar("T")
# How many are made before they are asked for.
_DEPTH = 2


def prefetch(items: Iterable[T]) -> Generator[T, None, None]:
    """Go through items in another thread, a few of them before they are asked for.

    Parameters
    ----------
    items : iterable
        What makes them; it is run in the other thread only.

    Yields
    ------
    object
        The items in order. What their making raises is raised here; when this generator is closed, so is the thread.
    """
    made: queue.SimpleQueue[tuple[bool, T | BaseException | None]] = queue.SimpleQueue()
    room = threading.Semaphore(_DEPTH)
    stopped = threading.Event()

    def make() -> None:
        """Make the items, as long as there is room for them."""
        try:
            for item in items:
                made.put((True, item))
                room.acquire()
                if stopped.is_set():
                    return
            made.put((False, None))
        except BaseException as error:
            made.put((False, error))

    thread = threading.Thread(target=make, name="genrebench-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            is_item, item = made.get()
            if not is_item:
                break
            room.release()
            yield item  # type: ignore[misc]  # an item, as the flag says
        if isinstance(item, BaseException):
            raise item
    finally:
        stopped.set()
        room.release()
        thread.join()
