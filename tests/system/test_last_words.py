"""A line is said of a process that dies or stands still in a stranger's code, and of no other."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="nothing is said there")

CODE = """
import os, sys
from genrebench.system.last_words import last_words
with last_words(seconds={seconds}, slow="slow", ended="ended"):
    {inside}
"""


def start(inside: str, *, seconds: float = 600) -> subprocess.Popen[str]:
    """Start a process that does something in the context."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", CODE.format(seconds=seconds, inside=inside)]
    return subprocess.Popen(command, stdin=pipe, stderr=pipe, text=True)


@pytest.mark.parametrize("inside", ["os.abort()", "os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_an_end_within_the_context_is_told(inside: str) -> None:
    """Whatever ends the process."""
    assert start(inside).communicate(timeout=60)[1] == "ended\n"


def test_nothing_is_said_of_what_goes_well() -> None:
    """Nor of what raises, which tells of itself."""
    assert start("pass").communicate(timeout=60)[1] == ""
    assert start("sys.exit('error')").communicate(timeout=60)[1] == "error\n"


def test_what_stands_still_is_told_once_and_goes_on() -> None:
    """The line comes while it does, and nothing at its end."""
    process = start("sys.stdin.read()", seconds=0)
    assert process.stderr is not None
    assert process.stderr.readline() == "slow\n"
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 0
