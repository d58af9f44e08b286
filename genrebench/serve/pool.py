"""A bounded number of threads, and a bounded number of recordings that wait for them."""

import asyncio
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic
from typing import TypeVar

from fastapi import HTTPException

from genrebench.serve.limits import Limits

T = TypeVar("T")
# How much the newest job counts in what a job usually takes.
_NEWEST = 0.2


class Pool:
    """Threads that classify, and a place for each recording that is here; used from one event loop.

    Parameters
    ----------
    limits : Limits
        How many of each, and how long a job may wait.

    Attributes
    ----------
    taken : int
        Places that are taken: recordings on their way, waiting and worked on.
    """

    def __init__(self, limits: Limits) -> None:
        """Make the threads."""
        self._limits = limits
        self._threads = ThreadPoolExecutor(limits.workers, thread_name_prefix="genrebench-serve")
        self._usual_seconds = 1.0
        self.taken = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place for a recording, from its first byte to its answer.

        Raises
        ------
        HTTPException
            With status 429, if all are taken.
        """
        if self.taken >= self._limits.places:
            raise self._refusal(429, f"{self.taken} recordings are being classified or waiting")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    async def run(self, job: Callable[[], T]) -> T:
        """Run a job in one of the threads, when its turn has come.

        Raises
        ------
        HTTPException
            With status 503, if it waited for too long.
        """
        asked = monotonic()

        def work() -> T:
            """Run the job, unless nobody should wait for it any more."""
            begun = monotonic()
            if begun - asked > self._limits.patience:
                raise self._refusal(503, f"waited {begun - asked:.0f} s for a free worker")
            result = job()
            self._usual_seconds += _NEWEST * (monotonic() - begun - self._usual_seconds)
            return result

        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _refusal(self, status: int, reason: str) -> HTTPException:
        """Say that there is too much to do, and when to come again."""
        seconds = math.ceil(self._usual_seconds * self.taken / self._limits.workers)
        seconds = min(max(1, seconds), 60)
        return HTTPException(status, f"busy: {reason}; try again in {seconds} s", {"Retry-After": str(seconds)})

    def close(self) -> None:
        """End the threads when they have done what they are at; what waits is given up."""
        self._threads.shutdown(cancel_futures=True)
