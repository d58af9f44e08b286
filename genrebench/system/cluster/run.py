"""One run on a cluster: batches of items go out, few at a time, and small answers come back.

Dask finds a worker for each batch, and another one when that dies. What its retries cannot know is settled here: an
item that ends the process that works on it, a disk that is full on one machine, and a machine that would give other
results.
"""

import contextlib
import math
import pickle
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from genrebench.errors import ClusterError
from genrebench.system.cluster.worker import Answer, Work, forget, work_on

# A batch should take so long, which makes what it costs to send it small, and holds so many items at most.
_BATCH_SECONDS, _LARGEST = 2.0, 64
# Bytes of work that are sent with each batch; what is larger, such as a model, goes to each worker once.
_SMALL = 2**15
# How often it is looked which workers there are.
_LOOK_SECONDS = 1.0
# How long it is waited for workers to end their processes.
_END_SECONDS = 5
# How often an item may end the process that works on it.
_TRIES = 2


@dataclass
class _Batch:
    """Items that are sent together, the workers that they may go to, none for any, and one that they had better not."""

    places: list[int]
    workers: tuple[str, ...] = ()
    avoided: tuple[str, ...] = ()


@dataclass
class Run:
    """Items on their way.

    Attributes
    ----------
    client : distributed.Client
        Who sends them.
    work : Work
        What is done with each.
    items : sequence
        All of them.
    say : callable
        As of `DaskCluster`.
    lost : callable, optional
        As of `Executor.run`.
    """

    client: Any
    work: Work
    items: Sequence[Any]
    say: Callable[[str], None]
    lost: Callable[[Any], Any] | None
    _waiting: deque[int] = field(default_factory=deque)
    _again: deque[_Batch] = field(default_factory=deque)
    _running: dict[Any, _Batch] = field(default_factory=dict)
    _done: "queue.SimpleQueue[Any]" = field(default_factory=queue.SimpleQueue)
    _threads: dict[str, int] = field(default_factory=dict)
    _looked: float = 0.0
    _left_out: dict[str, str] = field(default_factory=dict)
    _deaths: Counter[int] = field(default_factory=Counter)
    _failures: set[int] = field(default_factory=set)
    _sent: int = 0
    _seconds: float = 0.0
    _counted: int = 0

    def results(self) -> Iterator[Any]:
        """Send what is to be done, and take what was done."""
        self._waiting.extend(range(len(self.items)))
        try:
            self._look()
            self._introduce()
            while self._waiting or self._again or self._running:
                self._send()
                yield from self._take()
        finally:
            self._end()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Ask the scheduler something, which may be gone."""
        try:
            yield
        except (OSError, CancelledError, TimeoutError) as error:
            raise self._gone() from error

    def _gone(self) -> ClusterError:
        """Say that the scheduler is gone."""
        return ClusterError(
            "the scheduler of the cluster went away; what is done is kept: run it again when the scheduler is back"
        )

    def _look(self) -> None:
        """See which workers there are, and take back what was sent to workers that are gone."""
        if self.client.status != "running":
            raise self._gone()
        with self._asking():
            self._threads = dict(self.client.nthreads())
        self._looked = time.monotonic()
        for future, batch in list(self._running.items()):
            if batch.workers and not self._threads.keys() & set(batch.workers):
                del self._running[future]
                with self._asking():
                    future.cancel()
                self._waiting.extendleft(reversed(batch.places))

    def _introduce(self) -> None:
        """Say who works, and where one can look on."""
        threads = sum(self._threads.values())
        workers = (
            f"{len(self._threads)} workers with {threads} threads" if threads else "no worker yet, waiting for one"
        )
        with self._asking():
            has_dashboard = "dashboard" in self.client.scheduler_info()["services"]
        dashboard = f"dashboard {self.client.dashboard_link}" if has_dashboard else "no dashboard"
        self.say(f"cluster {self.client.scheduler.address}: {workers}; {dashboard}")

    def _send(self) -> None:
        """Send batches, until each thread has one."""
        usable = {worker: threads for worker, threads in self._threads.items() if worker not in self._left_out}
        if self._threads and not usable:
            reasons = "; ".join(f"{worker}: {reason}" for worker, reason in list(self._left_out.items())[:3])
            raise ClusterError(f"expected workers that can do the work, found none: {reasons}")
        room = sum(usable.values())
        while len(self._running) < room and (self._again or self._waiting):
            if self._again:
                batch = self._again.popleft()
                # Anywhere but where they have been, if there is another place.
                batch.workers = tuple(usable.keys() - set(batch.avoided)) or tuple(usable)
            else:
                size = self._size(room)
                batch = _Batch([self._waiting.popleft() for _ in range(size)], tuple(usable) if self._left_out else ())
            self._submit(batch, self.work if len(self.work.function) <= _SMALL else None)

    def _submit(self, batch: _Batch, work: Work | None) -> None:
        """Send a batch."""
        self._sent += 1
        items = [(place, pickle.dumps(self.items[place])) for place in batch.places]
        key = f"genrebench-{self.work.run}-{self._sent}"
        with self._asking():
            future = self.client.submit(
                _work_on, self.work.run, work, items, key=key, pure=False, workers=batch.workers or None
            )
        self._running[future] = batch
        future.add_done_callback(self._done.put)

    def _size(self, threads: int) -> int:
        """Choose how many items are sent together: fewer at the end, so that nobody waits long for the last ones."""
        if not self._counted:
            return 1
        fast = round(_BATCH_SECONDS * self._counted / max(self._seconds, 1e-6))
        return max(1, min(fast, _LARGEST, math.ceil(len(self._waiting) / (2 * threads))))

    def _take(self) -> Iterator[Any]:
        """Take the answer that is there first."""
        try:
            future = self._done.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            self._look()
            return
        batch = self._running.pop(future, None)
        if batch is None:  # taken back
            return
        if future.status == "finished":
            with self._asking():
                answer = future.result()
            yield from self._answered(batch, answer)
        elif future.status == "error":
            yield from self._failed(batch, future.exception())
        else:
            raise self._gone()
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._look()

    def _answered(self, batch: _Batch, answer: Answer) -> Iterator[Any]:
        """Take what became of a batch."""
        if not answer.knows_work:
            batch.workers = (answer.worker,)
            self._submit(batch, self.work)
            return
        if answer.refused is not None:
            self._leave_out(answer.worker, answer.refused)
        self._seconds += answer.seconds
        self._counted += len(answer.results)
        for value in answer.results.values():
            yield pickle.loads(value)
        left = [place for place in batch.places if place not in answer.results and place not in answer.died]
        for place in answer.died:
            yield from self._died(place, answer.worker)
        if answer.raised is not None:
            left.remove(answer.raised[0])
            self._raised(answer.raised[0], pickle.loads(answer.raised[1]), answer.worker)
        self._waiting.extendleft(reversed(left))

    def _failed(self, batch: _Batch, error: BaseException) -> Iterator[Any]:
        """Send the items of a batch, whose workers died one after the other, alone, or say why nobody can do it."""
        if type(error).__name__ != "KilledWorker":
            raise ClusterError(
                f"the workers cannot do the work ({type(error).__name__}: {error}); install the same genrebench there"
            ) from error
        for place in batch.places:
            yield from self._died(place, "")

    def _died(self, place: int, worker: str) -> Iterator[Any]:
        """Try an item again on another worker, or take what stands for its result."""
        self._deaths[place] += 1
        if self._deaths[place] < _TRIES:
            self._again.append(_Batch([place], avoided=(worker,)))
        elif self.lost is None:
            raise ClusterError(
                "the system ended the process that worked on an item, on two workers, probably for lack of memory; "
                "give each worker more of it, or fewer threads"
            )
        else:
            yield self.lost(self.items[place])

    def _raised(self, place: int, error: BaseException, worker: str) -> None:
        """Try an item again on another worker whose disk may not be full, or raise what it raised."""
        others = self._threads.keys() - self._left_out.keys() - {worker}
        if not isinstance(error, OSError) or place in self._failures or not others:
            raise error
        self._failures.add(place)
        self._leave_out(worker, error.strerror or str(error))
        self._again.append(_Batch([place], avoided=(worker,)))

    def _leave_out(self, worker: str, reason: str) -> None:
        """Give a worker nothing any more."""
        if worker not in self._left_out:
            self._left_out[worker] = reason
            self.say(f"worker {worker} is left out: {reason}")

    def _end(self) -> None:
        """Take back what was sent, and have the workers end their processes."""
        if self.client.status != "running":
            return
        with contextlib.suppress(Exception):  # the scheduler goes away at this moment
            self.client.cancel(list(self._running))
        thread = threading.Thread(target=self._forget, daemon=True)
        thread.start()
        thread.join(_END_SECONDS)  # a worker that hangs is not waited for

    def _forget(self) -> None:
        """Have the workers end their processes."""
        with contextlib.suppress(Exception):
            self.client.run(forget, self.work.run)


def _work_on(run: str, work: Work | None, batch: Sequence[tuple[int, bytes]]) -> Answer:
    """Work on a batch, in a worker; what is done, if that is large, is sent to those only who ask for it."""
    dask = import_module("distributed.worker")
    worker, key = dask.get_worker(), dask.thread_state.key

    def is_wanted() -> bool:
        """Return whether the batch was not taken back, and the worker is not about to end."""
        task = worker.state.tasks.get(key)
        is_at_work = worker.status in (dask.Status.running, dask.Status.paused)
        return is_at_work and task is not None and task.state == "executing"

    return work_on(run, work, batch, worker.address, is_wanted)
