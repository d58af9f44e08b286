"""Several processes that train one network: the first keeps the run and tells of it, the others do their share.

All load the data and draw the same random numbers; each computes its rows of every batch (`genrebench.backend.group`).
What one of them finds before training begins ends all of them, and the first says it.
"""

import hashlib
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from genrebench.backend.group import ALONE, Group, Grouped, rank_of_process, started_together
from genrebench.backend.protocol import BackendInfo, Trainable
from genrebench.backend.registry import load_backend
from genrebench.errors import BackendError, ConfigError, GenrebenchError, GroupError, TrainingError
from genrebench.system.interrupts import interrupted_status
from genrebench.training.config import Experiment
from genrebench.training.folder import RunDirectory, where_to_go_on
from genrebench.training.resume import CHECKPOINT_FILE, Checkpoint, newest_checkpoint


def join(experiment: Experiment) -> Group:
    """Meet the processes that were started together with this one; a process that is alone is its own group.

    Raises
    ------
    BackendError
        If the backend trains in one process only, or the others do not come.
    """
    return load_backend(experiment.backend)[1].join(experiment.device) if started_together() else ALONE


def enroll(network: Trainable, group: Group, info: BackendInfo) -> None:
    """Have a network train with those of the other processes."""
    if group.size == 1:
        return
    if not isinstance(network, Grouped):
        raise BackendError(f"backend {info.name}: expected a network that several processes can train, as announced")
    network.join(group)


@contextmanager
def all_or_none(group: Group) -> Iterator[None]:
    """Have all processes do something, or none: if it fails in one, all end, and the first says why.

    Raises
    ------
    GroupError
        In the other processes.
    TrainingError
        In the first, if it is another that fails; if it is itself, what it raised.
    """
    if group.size == 1:
        yield
        return
    failure: Exception | None = None
    try:
        yield
    except GroupError:
        raise
    except Exception as error:
        failure = error
    reasons = _tell_all(group, "" if failure is None else str(failure) or type(failure).__name__)
    first = next((rank for rank, reason in enumerate(reasons) if reason), None)
    if first is None:
        return
    if group.rank == 0:
        raise failure or TrainingError(f"process {first + 1} of {group.size}: {reasons[first]}")
    raise GroupError(reasons[first], told=True) from failure


def _tell_all(group: Group, text: str) -> list[str]:
    """Give a text to all processes; list those of all by rank."""
    line = json.dumps(text).encode() + b"\n"
    lines = group.gather(np.frombuffer(line, np.uint8)).tobytes().splitlines()
    return [json.loads(each) for each in lines]


def wait_for_all(group: Group) -> None:
    """Wait until all processes have come this far."""
    group.gather(np.zeros(0, np.uint8))


def hand_out(group: Group, saved: Checkpoint | None, experiment: Experiment) -> Checkpoint | None:
    """Give the checkpoint that a run goes on from to all processes, which need not see its folder.

    Parameters
    ----------
    saved : Checkpoint, optional
        What the first process has; None in the others.
    """
    if group.size == 1:
        return saved
    content = group.gather(np.frombuffer(saved.to_bytes() if saved else b"", np.uint8)).tobytes()
    return Checkpoint.from_bytes(content, experiment.folder / CHECKPOINT_FILE) if content else None


def require_same(group: Group, experiment: Experiment, origin: dict[str, Any]) -> None:
    """Refuse processes of which one has other data, settings or another network.

    Parameters
    ----------
    origin : dict
        What the run depends on; see `Checkpoint`.

    Raises
    ------
    ConfigError
        In the first process, if there is one.
    GroupError
        In the others.
    """
    if group.size == 1:
        return
    how_far = [experiment.training.epochs, experiment.training.patience]
    parts = {name: _digest(origin[name]) for name in ("data", "settings", "architecture")}
    told = [json.loads(each) for each in _tell_all(group, json.dumps(parts | {"epochs": _digest(how_far)}))]
    for rank, theirs in enumerate(told):
        others = [name for name in theirs if theirs[name] != told[0][name]]
        if others:
            message = (
                f"expected what process 1 has of {', '.join(others)} in all, process {rank + 1} has something else"
            )
            raise GroupError(message, told=True) if group.rank else ConfigError(message)


def _digest(value: Any) -> str:
    """Hash plain JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def begun_by(group: Group, run: RunDirectory, experiment: Experiment) -> Checkpoint | None:
    """Read the checkpoint of a run that this very launch began, if its processes were started anew since."""
    if not group.restarts or not run.holds_run:
        return None
    saved = newest_checkpoint(experiment.folder)
    if saved is None or (saved.record.get("processes") or {}).get("launch") != group.launch:
        return None
    return where_to_go_on(run, experiment)


def described(group: Group) -> dict[str, Any]:
    """Describe the processes for ``model.json``; there is nothing to say of one that was started alone."""
    alone = group.size == 1 and not group.launch
    return {} if alone else {"processes": {"count": group.size, "launch": group.launch}}


def processes_notes(group: Group, saved: Checkpoint | None) -> list[str]:
    """Tell how many processes share the work, and whether they are others than those that a run began with."""
    notes = [f"{group.size} processes share each batch"] if group.size > 1 else []
    before = (saved.record.get("processes") or {}).get("count", 1) if saved else group.size
    if before != group.size:
        notes.append(f"the run goes on with {group.size} instead of {before} processes: the same curve, to rounding")
    return notes


def must_end_soon(stop: BaseException, group: Group) -> bool:
    """Return whether a process of several has little time: torchrun kills it half a minute after another has ended.

    It notices that by itself, or by the SIGTERM that torchrun sends before.
    """
    asked = isinstance(stop, KeyboardInterrupt) and interrupted_status() == 128 + signal.SIGTERM
    return isinstance(stop, GroupError) or (group.size > 1 and asked)


def speaks(error: BaseException) -> bool:
    """Say whether it is this process of several that tells the user of an error.

    The first one does. Another one does if the first may be gone, or cannot know of it.
    """
    rank = rank_of_process()
    if rank == 0:
        return True
    if isinstance(error, GroupError):
        return rank == 1 and not error.told
    if isinstance(error, GenrebenchError):  # before the processes met; on its own machine the first has it, too
        return os.environ.get("LOCAL_RANK") == "0"
    return not isinstance(error, KeyboardInterrupt)
