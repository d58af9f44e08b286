"""Where work runs: results, preparation, what is raised, and processes that the system ends."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from genrebench.errors import DatasetError
from genrebench.system.executor import LocalProcesses, Needs
from genrebench.system.remote import as_path
from tests.witness import Witness

MARK = "GENREBENCH_TEST_PREPARED"


def prepare() -> None:
    """Leave a mark in the process."""
    os.environ[MARK] = "yes"


def describe(number: int) -> tuple[int, int, str | None]:
    """Say which process did the work, and whether it was prepared."""
    return number, os.getpid(), os.environ.get(MARK)


def fail(path: Path) -> None:
    """Raise what names a file."""
    path.read_bytes()


def end(number: int) -> int:
    """End the process as the system does for lack of memory."""
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_one_process_is_this_one() -> None:
    """In order, and nothing is set in it."""
    results = list(LocalProcesses(1).run(describe, range(3), prepare=prepare))
    assert results == [(number, os.getpid(), None) for number in range(3)]


def test_processes_are_prepared_before_their_work() -> None:
    """Each of them, and never this one; every result comes once."""
    results = sorted(LocalProcesses(2).run(describe, range(6), prepare=prepare))
    assert [number for number, _, _ in results] == list(range(6))
    assert os.getpid() not in {process for _, process, _ in results}
    assert {mark for _, _, mark in results} == {"yes"}


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_the_work_raises_is_raised_here(tmp_path: Path, jobs: int) -> None:
    """With its file name."""
    paths = [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(FileNotFoundError) as refusal:
        list(LocalProcesses(jobs).run(fail, paths, prepare=prepare))
    assert Path(refusal.value.filename) in paths


def test_a_process_that_the_system_ends_is_named_as_such() -> None:
    """One line with a remedy."""
    with pytest.raises(DatasetError, match=r"was ended by the system.*use fewer --jobs"):
        list(LocalProcesses(2).run(end, range(4), prepare=prepare))


def test_no_work_is_no_work() -> None:
    """No process is started."""
    assert list(LocalProcesses().run(fail, [], prepare=prepare)) == []


def lost(number: int) -> int:
    """Stand for what was not done."""
    return -number


def end_once(item: tuple[int, Path]) -> int:
    """End the process at item 1, but not the second time."""
    number, folder = item
    if number == 1:
        try:
            (folder / "ended").mkdir()
        except FileExistsError:
            return number
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_an_item_that_ends_its_process_does_not_end_the_run(tmp_path: Path) -> None:
    """It is tried again alone; if it ends that process, too, something stands for it, and all others are done."""
    assert sorted(LocalProcesses(2).run(end, range(9), prepare=prepare, lost=lost)) == [-1, 0, *range(2, 9)]
    items = [(number, tmp_path) for number in range(9)]
    assert sorted(LocalProcesses(2).run(end_once, items, prepare=prepare, lost=lambda item: -1)) == list(range(9))


def busy(path: str) -> None:
    """Say that the process is there, and compute without ever letting another thread of it run."""
    pipe = Path(path).open("w")  # noqa: SIM115 - the witness sees its end
    print("here", file=pipe, flush=True)
    ctypes.PyDLL(None).pause()


BUSY = """
import functools, sys
from genrebench.system.apart import OwnProcess
from genrebench.system.executor import LocalProcesses
from tests.system.test_executor import busy
"""
BUSY_WAYS = {
    "several processes": "list(LocalProcesses(2).run(busy, 2 * sys.argv[1:], prepare=int))",
    "one process": "OwnProcess().call(None, busy, sys.argv[1])",
    "while it is prepared": "OwnProcess(functools.partial(busy, sys.argv[1])).call(None, print)",
}


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    """Offer a pipe that processes hold open."""
    witness = Witness(tmp_path / "pipe")
    yield witness
    witness.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread sees to it, which a computation may hold up")
@pytest.mark.parametrize("way", BUSY_WAYS)
def test_processes_end_with_a_parent_that_is_killed_whatever_they_do(way: str, witness: Witness) -> None:
    """The system ends them; no thread of theirs is waited for."""
    root = Path(__file__).parents[2]
    parent = subprocess.Popen([sys.executable, "-c", BUSY + BUSY_WAYS[way], str(witness.path)], cwd=root)
    for _ in range(2 if way == "several processes" else 1):
        assert witness.line() == "here"
    parent.kill()
    parent.wait(60)
    witness.wait_until_gone()


def test_what_is_read_lies_in_one_folder(tmp_path: Path) -> None:
    """Which machines have to share; URLs are everywhere."""
    paths = [tmp_path / "a" / "1.wav", tmp_path / "b" / "c" / "2.wav", as_path("s3://bucket/3.wav")]
    assert Needs.to_read(paths, ("numpy",)) == Needs(("numpy",), (tmp_path,))
    assert Needs.to_read([], ()) == Needs.to_share([as_path("s3://bucket")], ()) == Needs()
