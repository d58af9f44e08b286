"""Commands with streams, terminals, locales, homes and folders that are not as usual; all of it in `make soak`."""

import subprocess
import sys

import pytest

from experiments.reliability import surroundings
from genrebench.cli.main import COMMANDS

# What nothing else tries, and each of another kind.
QUICK = (
    "all closed",
    "errors to a reader that left",
    "stdout on a full disk",
    "stderr on a full disk",
    "terminal of 1 column",
    "unknown terminal",
    "C locale",
    "read-only home",
    "read-only folder",
    "empty environment",
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux has /dev/full and its own way to drop rights")


def test_a_command_ends_as_usual_in_unusual_surroundings() -> None:
    """Its status, what it prints and what it says are right."""
    count, wrong = surroundings.main(["summary"], list(QUICK), train=False)
    assert count == len(QUICK)
    assert wrong == []


def test_every_command_has_something_to_do() -> None:
    """So that none is left out of what `make soak` tries."""
    assert surroundings.WORK.keys() == COMMANDS.keys()


def test_the_surroundings_notice_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that should fail and does not, and one that fails though it should not."""
    monkeypatch.setitem(surroundings.SURROUNDINGS, "usual", surroundings.Surroundings(fails=frozenset({"summary"})))
    monkeypatch.setitem(surroundings.SURROUNDINGS, "killed", surroundings.Surroundings("; kill -9 $$"))
    _, wrong = surroundings.main(["summary"], ["usual", "killed"], train=False)
    assert [line.split(": ")[1] for line in wrong] == ["status 0", "status -9"]


def test_help_that_cannot_be_printed_is_an_error() -> None:
    """As whatever else ends well: on a full disk nobody has read it."""
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            [sys.executable, "-m", "genrebench", "runs", "--help"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (done.returncode, done.stderr) == (1, "Error: standard output: No space left on device\n")


@pytest.mark.soak
def test_every_command_ends_as_usual_in_unusual_surroundings() -> None:
    """Of every command, in all of them."""
    pytest.importorskip("torch")
    count, wrong = surroundings.main(list(COMMANDS), list(surroundings.SURROUNDINGS))
    assert count == len(COMMANDS) * len(surroundings.SURROUNDINGS)
    assert wrong == []


def test_what_is_printed_never_lands_in_a_file_of_the_run() -> None:
    """A stream that is closed keeps its number, which the first file that is opened would get otherwise."""
    code = (
        "import os, sys; from genrebench.__main__ import main; sys.argv[1:] = ['--version']\n"
        "try: main()\n"
        "finally:\n"
        "    assert os.get_inheritable(2)\n"
        "    os.write(1, b''.join(os.readlink(f'/proc/self/fd/{n}').encode() + b' ' for n in (0, 2)))"
    )
    command = ["bash", "-c", '"$0" -c "$1" <&- 2>&-', sys.executable, code]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    assert done.stdout.endswith(b"/dev/null /dev/null ")


def test_a_full_disk_under_the_output_does_not_end_a_run() -> None:
    """It goes on and says at its end, in one line, that something was not printed."""
    code = (
        "import click; from genrebench.cli.main import main, COMMANDS; COMMANDS['go'] = ''\n"
        "def go():\n"
        "    for _ in range(3): print('x' * 100_000, flush=True)\n"
        "    click.echo('the end', err=True)\n"
        "main.get_command = lambda ctx, name: click.Command('go', callback=go)\n"
        "main(['go'])"
    )
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "the end\nError: standard output: No space left on device\n"
