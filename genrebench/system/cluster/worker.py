"""What a worker of a Dask cluster does with a batch of items: each goes to a process of its own, started for the run.

A process apart takes what an item may do to it: an item that ends it is known with certainty, and the worker lives on.
It has the settings that the work asks for, whatever threads and other work the worker has. What it is given and what it
answers passes through the worker as bytes.
"""

import functools
import multiprocessing
import os
import pickle
import platform
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from genrebench.system.apart import OwnProcess
from genrebench.system.environment import versions
from genrebench.system.executor import Needs
from genrebench.system.files import escaped, sha256
from genrebench.system.process import THREAD_VARIABLES

# How often it is looked whether anybody still waits for a batch.
_LOOK_SECONDS = 0.5
_SOURCE_DIGITS = 8
# Runs at a time; what is sent again and again is forgotten in its turn.
_RUNS = 8


@dataclass(frozen=True)
class Work:
    """What is to be done with items, and what the machine must have for that.

    Attributes
    ----------
    function : bytes
        What does it and what prepares a process, pickled.
    folder : str
        The working folder, which paths may be relative to.
    needs : Needs
        As of `Executor.run`.
    fingerprint : dict of str to str
        Versions of the needed libraries where the run was started.
    run : str
        Tells runs apart.
    environment : dict of str to str
        Variables that processes get, of those that the run was started with.
    """

    function: bytes
    folder: str
    needs: Needs
    fingerprint: dict[str, str]
    run: str
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Answer:
    """What became of a batch.

    Attributes
    ----------
    worker : str
        Address of the worker.
    seconds : float
        What it took, without the start of a process.
    results : dict of int to bytes
        Pickled, by the place of the item.
    died : list of int
        Items that ended their process.
    raised : tuple of int and bytes, optional
        What an item has raised; those after it have not been tried.
    refused : str, optional
        Why the machine cannot do such work as it is done elsewhere.
    knows_work : bool
        Whether it has what is to be done with the items; if not, it is to be asked again with that.
    """

    worker: str
    seconds: float = 0.0
    results: dict[int, bytes] = field(default_factory=dict)
    died: list[int] = field(default_factory=list)
    raised: tuple[int, bytes] | None = None
    refused: str | None = None
    knows_work: bool = True


# Processes that wait for items, by run.
_WAITING: defaultdict[str, list[OwnProcess]] = defaultdict(list)
_WORKS: dict[str, Work] = {}
_LOCK = threading.Lock()


def fingerprint(libraries: Sequence[str]) -> dict[str, str]:
    """Describe what answers depend on: versions, and genrebench's source, which may change within a version.

    Returns
    -------
    dict of str to str
        By name.
    """
    found = versions(libraries)
    del found["platform"]
    found["python"] = ".".join(platform.python_version_tuple()[:2])
    if "genrebench" in found:
        root = Path(__file__).parent.parent
        source = sha256(path.read_bytes() for path in sorted(root.rglob("*.py")))
        found["genrebench"] += f" of source {source[:_SOURCE_DIGITS]}"
    return found


def work_on(
    run: str, sent: Work | None, batch: Sequence[tuple[int, bytes]], address: str, is_wanted: Callable[[], bool]
) -> Answer:
    """Work on a batch.

    Parameters
    ----------
    run : str
        Which run it belongs to.
    sent : Work, optional
        What is done; without, what was sent before.
    batch : sequence of tuple
        Place and pickled form of each item.
    address : str
        Of this worker.
    is_wanted : callable
        Returns whether anybody waits for the answer.
    """
    answer = Answer(address)
    work = _known(run, sent)
    if work is None:
        return replace(answer, knows_work=False)
    process = _process(work)
    try:
        answer.refused = _refusal(process, is_wanted)
        if answer.refused is None:
            began = time.perf_counter()
            _work_through(batch, process, answer, is_wanted)
            answer.seconds = time.perf_counter() - began
    except BaseException:
        process.close()
        raise
    with _LOCK:
        if work.run in _WAITING:
            _WAITING[work.run].append(process)
            return answer
    process.close()
    return answer


def _work_through(
    batch: Sequence[tuple[int, bytes]], process: OwnProcess, answer: Answer, is_wanted: Callable[[], bool]
) -> None:
    """Work on one item after the other."""
    for place, item in batch:
        try:
            went_well, value = _await(process, is_wanted, _call, item)
        except ChildProcessError:
            answer.died.append(place)
            continue
        if not went_well:
            answer.raised = place, value
            return
        answer.results[place] = value


def forget(run: str) -> None:
    """End the processes of a run."""
    with _LOCK:
        processes = _WAITING.pop(run, [])
        _WORKS.pop(run, None)
    for process in processes:
        process.close()


def _known(run: str, sent: Work | None) -> Work | None:
    """Remember the work of the last few runs."""
    with _LOCK:
        if sent is not None:
            _WORKS[run] = sent
            for old in list(_WORKS)[:-_RUNS]:
                del _WORKS[old]
        return _WORKS.get(run)


def _process(work: Work) -> OwnProcess:
    """Take a process that waits, or make one."""
    with _LOCK:
        # A worker of Dask is a daemon, which the standard library refuses children, lest they be left behind; ours end
        # with it by themselves.
        multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
        if _WAITING[work.run]:
            return _WAITING[work.run].pop()
    # As Dask does it: one thread, unless it was set otherwise.
    threads = {name: os.environ.get(name, "1") for name in THREAD_VARIABLES}
    return OwnProcess(functools.partial(_begin, work), threads | work.environment)


class _UnwantedError(Exception):
    """Nobody waits for it any more."""


def _await(process: OwnProcess, is_wanted: Callable[[], bool], function: Callable[..., Any], *arguments: Any) -> Any:
    """Make a call, and wait for its answer as long as somebody wants it."""
    process.begin(function, *arguments)
    while not process.is_done(_LOOK_SECONDS):
        if not is_wanted():
            raise _UnwantedError
    return process.result()


def _refusal(process: OwnProcess, is_wanted: Callable[[], bool]) -> str | None:
    """Ask the process what keeps it from the work."""
    try:
        found: str | None = _await(process, is_wanted, _problem)
    except ChildProcessError:
        return "its process ends while it is prepared"
    return found


# In the process: the function that is called, or what keeps it from being called.
_function: Callable[[Any], Any] | None = None
_found: str | None = None


def _begin(work: Work) -> None:
    """Prepare the process."""
    global _function, _found
    _found = _difference(work)
    if _found is None:
        try:
            _function, prepare = pickle.loads(work.function)
            prepare()
        except Exception as error:
            _found = f"{type(error).__name__}: {error}"


def _difference(work: Work) -> str | None:
    """Say what this machine has otherwise than where the run was started."""
    here = fingerprint(work.needs.libraries)
    others = [
        f"{name} {here.get(name, 'is not installed')} instead of {version}"
        for name, version in work.fingerprint.items()
        if here.get(name) != version
    ]
    if others:
        return f"it has {', '.join(others)}; install the same versions there"
    if Path(work.folder).is_dir():
        os.chdir(work.folder)
    absent = [folder for folder in work.needs.folders if not folder.is_dir()]
    return f"it does not see the folder {escaped(absent[0].absolute())}; share it with all workers" if absent else None


def _problem() -> str | None:
    """Return what keeps this process from the work."""
    return _found


def _call(item: bytes) -> tuple[bool, bytes]:
    """Work on an item; return whether that went well, and the pickled result, or what was raised."""
    assert _function is not None, "such a process is refused"
    try:
        return True, pickle.dumps(_function(pickle.loads(item)))
    except Exception as error:
        return False, pickle.dumps(error)
