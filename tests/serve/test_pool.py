"""Under load: who finds no place is told so at once, who waits too long is told so, and places come back."""

import asyncio
import threading
from collections.abc import Callable

import pytest

pytest.importorskip("fastapi")

from fastapi import HTTPException

from genrebench.serve.limits import Limits
from genrebench.serve.pool import Pool


def test_who_finds_no_place_is_told_when_to_come_again() -> None:
    """Status 429, and a place is free again when one ends, however it ends."""
    pool = Pool(Limits(workers=1, waiting=1))
    with pool.place():
        second = pool.place()
        second.__enter__()
        with pytest.raises(HTTPException) as refused, pool.place():
            pass
        assert refused.value.status_code == 429
        assert refused.value.headers is not None
        assert int(refused.value.headers["Retry-After"]) >= 1
        assert "try again in" in refused.value.detail
        error = ZeroDivisionError()
        assert not second.__exit__(ZeroDivisionError, error, None)
        assert pool.taken == 1
    assert pool.taken == 0
    pool.close()


def test_no_more_jobs_run_than_there_are_workers() -> None:
    """The others wait, and each gets its own result."""
    pool = Pool(Limits(workers=2, waiting=10))
    running, most, lock = 0, 0, threading.Lock()
    met = threading.Barrier(2, timeout=60)

    def job(number: int) -> Callable[[], int]:
        """Make a job that meets another one, and counts who is there."""

        def work() -> int:
            """Work."""
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            met.wait()
            with lock:
                running -= 1
            return number

        return work

    async def all_of_them() -> list[int]:
        """Run six."""
        return await asyncio.gather(*(pool.run(job(number)) for number in range(6)))

    assert asyncio.run(all_of_them()) == list(range(6))
    assert most == 2
    pool.close()


def test_who_waited_too_long_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 503, and the job is not done for nobody."""
    pool = Pool(Limits(workers=1, waiting=1, patience=5.0))
    done = []
    times = iter((0.0, 5.1))
    monkeypatch.setattr("genrebench.serve.pool.monotonic", lambda: next(times))
    with pytest.raises(HTTPException) as refused:
        asyncio.run(pool.run(lambda: done.append(1)))
    assert refused.value.status_code == 503
    assert refused.value.headers is not None
    assert "Retry-After" in refused.value.headers
    assert done == []
    monkeypatch.undo()
    pool.close()
