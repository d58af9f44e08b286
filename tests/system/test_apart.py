"""Calls in processes of their own: answers, errors, and ends that are no answers."""

import functools
import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from genrebench.errors import AudioError
from genrebench.system import apart
from genrebench.system.apart import OwnProcess, call_apart, preload


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Have imported what the server's calls need, since the first to start a process decides for all tests."""
    pytest.importorskip("fastapi")
    from genrebench.serve.decoding import IMPORTS

    preload(IMPORTS)


def fails(path: Path) -> None:
    """Raise an error that has more than a message."""
    raise AudioError("is broken", path=path)


def hangs(note: Path) -> None:
    """Say who it is, and wait for what never comes, whoever asks for an end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    note.write_text(str(os.getpid()))
    threading.Event().wait()


def prepare() -> None:
    """Leave a mark in the process."""
    os.environ["GENREBENCH_TEST_OWN"] += ", prepared"


def ends(status: int) -> None:
    """End the process."""
    os._exit(status)


def test_what_a_call_returns_is_returned() -> None:
    """From another process, each time a new one."""
    assert call_apart(60.0, math.gcd, 12, 18) == 6
    assert call_apart(60.0, int, "1f", base=16) == 31
    processes = {os.getpid(), *(call_apart(60.0, os.getpid) for _ in range(2))}
    assert len(processes) == 3


def test_what_a_call_raises_is_raised(tmp_path: Path) -> None:
    """With all that it knows."""
    with pytest.raises(AudioError, match="song: is broken") as failed:
        call_apart(60.0, fails, Path("song"))
    assert failed.value.path == Path("song")


def test_a_call_that_hangs_is_ended(tmp_path: Path) -> None:
    """At its time, and its process is gone."""
    note = tmp_path / "process"
    with pytest.raises(TimeoutError, match=r"within 0\.5 s"):
        call_apart(0.5, hangs, note)
    if note.exists():  # on a slow machine it was ended before
        with pytest.raises(ProcessLookupError):
            os.kill(int(note.read_text()), 0)
    assert call_apart(60.0, math.gcd, 12, 18) == 6


def test_one_process_makes_one_call_after_the_other() -> None:
    """Prepared, with its variables; what one raises does not end it, and one that has ended is replaced."""
    with OwnProcess(prepare, {"GENREBENCH_TEST_OWN": "yes"}) as process:
        first = process.call(60.0, os.getpid)
        assert process.call(60.0, os.getenv, "GENREBENCH_TEST_OWN") == "yes, prepared"
        with pytest.raises(AudioError):
            process.call(60.0, fails, Path("song"))
        assert process.call(60.0, os.getpid) == first
        with pytest.raises(ChildProcessError):
            process.call(60.0, ends, 3)
        assert process.call(60.0, os.getpid) != first
        last = process.call(60.0, os.getpid)
    with pytest.raises(ProcessLookupError):
        os.kill(last, 0)


def test_a_process_that_ends_while_it_is_prepared_is_no_answer() -> None:
    """The call that it was started for has not been made."""
    with OwnProcess(functools.partial(ends, 3)) as process, pytest.raises(ChildProcessError, match="status 3"):
        process.call(60.0, os.getpid)


def test_a_process_that_nobody_asks_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while by itself; one that may end at any moment is given no call."""
    with OwnProcess() as process:
        first = process.call(60.0, os.getpid)
        monkeypatch.setattr(apart, "_IDLE_SECONDS", 0.0)
        assert process.call(60.0, os.getpid) != first


def test_an_answer_need_not_be_waited_for(tmp_path: Path) -> None:
    """Who has begun a call may look whether it has ended."""
    with OwnProcess() as process:
        process.begin(hangs, tmp_path / "process")
        assert not process.is_done(0.0)
        process.close()
        process.begin(math.gcd, 12, 18)
        assert process.is_done(60.0)
        assert process.result() == 6


@pytest.mark.parametrize("status", [0, 3])
def test_a_process_that_ends_is_no_answer(status: int) -> None:
    """Whatever its status."""
    with pytest.raises(ChildProcessError, match=f"status {status}"):
        call_apart(60.0, ends, status)


def test_calls_at_the_same_time_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """One that hangs is in nobody's way."""
    failures: list[BaseException] = []

    def wait() -> None:
        """Make a call that hangs."""
        try:
            call_apart(600.0, hangs, tmp_path / "process")
        except ChildProcessError as error:
            failures.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not (tmp_path / "process").exists() or not (tmp_path / "process").read_text():
        assert call_apart(60.0, math.gcd, 12, 18) == 6
    os.kill(int((tmp_path / "process").read_text()), signal.SIGKILL)
    waiting.join(60)
    assert "status -9" in str(failures[0])


def test_a_call_does_not_outlive_who_waits_for_it(tmp_path: Path) -> None:
    """However that one ends."""
    script = "import sys, tests.system.test_apart as t; t.call_apart(600.0, t.hangs, t.Path(sys.argv[1]))"
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
