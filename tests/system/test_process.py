"""The process runner: what it measures, what it captures, and that nothing outlives its time or its parent."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from genrebench.errors import ConfigError
from genrebench.system.process import THREAD_VARIABLES, ProcessResult, run_process, safe_path, start_process
from tests.witness import Witness

# Starts a process of its own, says that both are there, and never ends.
HANG = """
import os, signal, subprocess, sys
pipe = open(sys.argv[1], "w")
child = subprocess.Popen([sys.executable, "-S", "-c", "import signal; signal.pause()"], pass_fds=[pipe.fileno()])
print("still busy", file=sys.stderr, flush=True)
print(child.pid, file=pipe, flush=True)
signal.pause()
"""


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    """Offer a pipe that processes hold open."""
    witness = Witness(tmp_path / "pipe")
    yield witness
    witness.close()


def python(code: str, *arguments: object) -> list[str]:
    """Make the command that runs some code."""
    return [sys.executable, "-c", code, *map(str, arguments)]


def test_a_process_is_timed_and_what_it_writes_is_kept() -> None:
    """Both streams, the exit status, and variables on top of this process's own."""
    code = "import os, sys; print(os.environ['X'], os.environ['PATH']); print('oh', file=sys.stderr)"
    found = run_process(python(code), timeout=60, environment={"X": "1"})
    assert (found.exit_status, found.failure, found.stderr) == (0, None, "oh")
    assert found.stdout == f"1 {os.environ['PATH']}"
    assert found.seconds > 0


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="the system does not tell")
def test_peak_memory_is_that_of_the_process() -> None:
    """Linux counts what the parent had, too: a process that took less than that is not believed."""
    code = (
        "import sys; from genrebench.system.process import run_process\n"
        "code = 'import sys; len(bytes([1]) * int(sys.argv[1]))'\n"
        "peak = lambda size: run_process([sys.executable, '-c', code, str(size)], timeout=60).peak_memory_bytes\n"
        "large = peak(100_000_000); mine = bytes([1]) * 300_000_000; print(large, peak(10), peak(500_000_000))"
    )
    large, hidden, larger = map(int, run_process(python(code), timeout=60).stdout.split())
    assert 100e6 < large < 200e6
    assert hidden == 0 or sys.platform != "linux"
    assert larger > 500e6


def test_a_failure_is_told_in_one_line() -> None:
    """The exit status or the signal, and the last thing that was written."""
    told = run_process(python("import sys; print('the disk\\nis full', file=sys.stderr); sys.exit(3)"), timeout=60)
    assert told.failure == "exit status 3: is full"
    assert run_process(python("print('hi'); raise SystemExit(2)"), timeout=60).failure == "exit status 2: hi"
    killed = run_process(python("import os; os.kill(os.getpid(), 9)"), timeout=60)
    assert killed.failure == "ended by signal 9 (Killed): no message"
    assert ProcessResult(-9, 1.0, 0, "", "", 1.5).failure == "expected an end within 1.5 s, ended it"


def test_a_program_that_is_not_there_is_an_error() -> None:
    """The error is the system's own."""
    with pytest.raises(FileNotFoundError):
        run_process(["/nowhere/python"], timeout=60)


@pytest.mark.parametrize("timeout", [float("nan"), float("inf"), -1.0, 1e30])
def test_a_time_that_cannot_be_waited_for_is_refused(timeout: float) -> None:
    """Before anything is started."""
    with pytest.raises(ConfigError, match="timeout: expected seconds from 0 to"):
        run_process(["/nowhere/python"], timeout=timeout)


def test_what_a_process_leaves_behind_is_ended(witness: Witness) -> None:
    """Also if the process itself has come to a good end."""
    code = HANG.replace("signal.pause()\n", "")
    assert run_process(python(code, witness.path), timeout=60).exit_status == 0
    witness.line()
    witness.wait_until_gone()


def test_threads_are_set_before_the_process_begins() -> None:
    """All variables that libraries read, or none."""
    code = f"import os; print(*(os.environ.get(name) for name in {THREAD_VARIABLES!r}))"
    assert run_process(python(code), timeout=60, threads=2).stdout.split() == ["2"] * len(THREAD_VARIABLES)
    own = " ".join(str(os.environ.get(name)) for name in THREAD_VARIABLES)
    assert run_process(python(code), timeout=60).stdout == own


def test_lines_are_passed_on_before_the_end(tmp_path: Path) -> None:
    """The process goes on only when its first line was read; what is written last is not lost."""
    code = "import sys; print('one', flush=True); open(sys.argv[1]).read(); print('two', end='')"
    answers = tmp_path / "answers"
    os.mkfifo(answers)
    lines: list[str] = []

    def on_line(line: str) -> None:
        """Let the process go on."""
        lines.append(line)
        if line == "one":
            answers.write_text("go on")

    with start_process(python(code, answers), timeout=60, on_line=on_line) as wait:
        assert wait().failure is None
    assert lines == ["one", "two"]


def test_an_error_while_lines_are_read_ends_the_process(witness: Witness) -> None:
    """It is raised where the process is waited for."""

    def on_line(line: str) -> None:
        """Fail."""
        raise ValueError(line)

    code = HANG.replace("signal.pause()\n", "print('stop', flush=True)\nsignal.pause()\n")
    with (
        pytest.raises(ValueError, match="stop"),
        start_process(python(code, witness.path), timeout=60, on_line=on_line) as wait,
    ):
        wait()
    witness.wait_until_gone()


def test_a_process_that_takes_too_long_is_ended_with_all_it_started(witness: Witness) -> None:
    """What it wrote is kept."""
    with start_process(python(HANG, witness.path), timeout=0) as wait:
        witness.line()
        found = wait()
        assert (found.time_limit, found.stderr) == (0, "still busy")
        witness.wait_until_gone()


def test_a_process_ends_with_its_context(witness: Witness) -> None:
    """One that is not waited for is ended, with all it started."""
    with start_process(python(HANG, witness.path), timeout=60):
        witness.line()
    witness.wait_until_gone()


@pytest.mark.parametrize("hang", ["signal.pause()", "import ctypes; ctypes.PyDLL(None).pause()"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_process_that_cares_ends_with_its_parent(witness: Witness, number: signal.Signals, hang: str) -> None:
    """With all it started, even in a computation that never lets another thread run."""
    child = "from genrebench.system.relatives import end_with_parent; end_with_parent()\n"
    child += HANG.replace("signal.pause()\n", f"{hang}\n")
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from genrebench.system.process import run_process; run_process(sys.argv[1:], timeout=60)"
    )
    parent = subprocess.Popen(python(code, *python(child, witness.path)), stderr=subprocess.DEVNULL)
    witness.line()
    parent.send_signal(number)
    parent.wait(60)
    witness.wait_until_gone()


def test_no_module_is_taken_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that happens to be called numpy.py is not imported; what PYTHONPATH names is."""
    (tmp_path / "numpy.py").write_text("raise SystemExit('taken from the current folder')")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "named.py").write_text("x = 1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    command = [sys.executable, "-c", "import numpy, named; print(numpy.pi)"]
    assert run_process(command, timeout=60).stdout.startswith("3.14")


def test_a_process_that_has_just_ended_is_not_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its end and the notice of it there is nothing left to kill, which is no error."""
    kill = os.killpg
    attempts = []

    def gone(*arguments: int) -> None:
        """Find no such process."""
        kill(*arguments)
        attempts.append(arguments)
        raise ProcessLookupError

    monkeypatch.setattr(os, "killpg", gone)
    with start_process([sys.executable, "-c", "input()"], timeout=60):
        pass
    assert len(attempts) == 2  # by the runner, and by what waits for the end


@pytest.mark.parametrize("before", [None, "", "1"])
@pytest.mark.parametrize("first", [0, 1])
def test_a_safe_path_is_given_back_by_the_last_who_wanted_it(
    before: str | None, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads want it at the same time and end in any order; it is there as long as one of them does."""
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    if before is not None:
        monkeypatch.setenv("PYTHONSAFEPATH", before)
    both = [safe_path(), safe_path()]
    for each in both:
        each.__enter__()
    both[first].__exit__(None, None, None)
    assert os.environ["PYTHONSAFEPATH"] == "1"
    both[1 - first].__exit__(None, None, None)
    assert os.environ.get("PYTHONSAFEPATH") == before
