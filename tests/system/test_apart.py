"""Calls in processes of their own: answers, errors, and ends that are no answers."""

import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from genrebench.errors import AudioError
from genrebench.system.apart import Apart


@pytest.fixture(scope="module")
def apart() -> Apart:
    """Have a place for calls; what is imported for them is that of the server, since the first one decides."""
    pytest.importorskip("fastapi")
    from genrebench.serve.decoding import IMPORTS

    place = Apart(IMPORTS)
    place.start()
    return place


def fails(path: Path) -> None:
    """Raise an error that has more than a message."""
    raise AudioError("is broken", path=path)


def hangs(note: Path) -> None:
    """Say who it is, and wait for what never comes, whoever asks for an end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    note.write_text(str(os.getpid()))
    threading.Event().wait()


def ends(status: int) -> None:
    """End the process."""
    os._exit(status)


def test_what_a_call_returns_is_returned(apart: Apart) -> None:
    """From another process, each time a new one."""
    assert apart.call(60.0, math.gcd, 12, 18) == 6
    assert apart.call(60.0, int, "1f", base=16) == 31
    processes = {os.getpid(), *(apart.call(60.0, os.getpid) for _ in range(2))}
    assert len(processes) == 3


def test_what_a_call_raises_is_raised(apart: Apart, tmp_path: Path) -> None:
    """With all that it knows."""
    with pytest.raises(AudioError, match="song: is broken") as failed:
        apart.call(60.0, fails, Path("song"))
    assert failed.value.path == Path("song")


def test_a_call_that_hangs_is_ended(apart: Apart, tmp_path: Path) -> None:
    """At its time, and its process is gone."""
    note = tmp_path / "process"
    with pytest.raises(TimeoutError, match=r"within 0\.5 s"):
        apart.call(0.5, hangs, note)
    if note.exists():  # on a slow machine it was ended before
        with pytest.raises(ProcessLookupError):
            os.kill(int(note.read_text()), 0)
    assert apart.call(60.0, math.gcd, 12, 18) == 6


@pytest.mark.parametrize("status", [0, 3])
def test_a_process_that_ends_is_no_answer(apart: Apart, status: int) -> None:
    """Whatever its status."""
    with pytest.raises(ChildProcessError, match=f"status {status}"):
        apart.call(60.0, ends, status)


def test_calls_at_the_same_time_do_not_wait_for_each_other(apart: Apart, tmp_path: Path) -> None:
    """One that hangs is in nobody's way."""
    failures: list[BaseException] = []

    def wait() -> None:
        """Make a call that hangs."""
        try:
            apart.call(600.0, hangs, tmp_path / "process")
        except ChildProcessError as error:
            failures.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not (tmp_path / "process").exists() or not (tmp_path / "process").read_text():
        assert apart.call(60.0, math.gcd, 12, 18) == 6
    os.kill(int((tmp_path / "process").read_text()), signal.SIGKILL)
    waiting.join(60)
    assert "status -9" in str(failures[0])


def test_a_call_does_not_outlive_who_waits_for_it(tmp_path: Path) -> None:
    """However that one ends."""
    script = "import sys, tests.system.test_apart as t; t.Apart().call(600.0, t.hangs, t.Path(sys.argv[1]))"
    note = tmp_path / "process"
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", script, str(note)], cwd=root) as waiting:
        while not note.exists() or not note.read_text():
            assert waiting.poll() is None
        waiting.kill()
    process = os.pidfd_open(int(note.read_text())) if hasattr(os, "pidfd_open") else None
    if process is not None:
        import select

        assert select.select([process], [], [], 60)[0]
