"""What ends a run from outside: signals, and the end of the command without a word; nothing is left of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import SETTINGS
from tests.conftest import write_originals
from tests.plugins import write_plugin
from tests.witness import Witness

# Says that it is there, and never ends.
HANG = """
import os, signal, subprocess, sys, time
pipe = open(os.environ["WITNESS"], "w")
CHILD
print("here", file=pipe, flush=True)
while True:
    time.sleep(3600)
"""
# Starts a process of its own before.
CHILD = 'subprocess.Popen([sys.executable, "-S", "-c", "import signal; signal.pause()"], pass_fds=[pipe.fileno()])'
COMMANDS = {
    "check": ("hanging",),
    "backends": ("--timeout", "3600"),
    "infer": ("x.wav", "--backend", "hanging", "--model", "nowhere"),
    "preprocess": ("--dataset", "dataset", "--jobs", "2", *SETTINGS),
}


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    """Offer a pipe that processes hold open."""
    witness = Witness(tmp_path / "pipe")
    yield witness
    witness.close()


def start(command: str, folder: Path, witness: Witness, **options: object) -> subprocess.Popen[str]:
    """Start a command that comes to a process which hangs, and wait until it has come there."""
    site, temporary = folder / "site", folder / "tmp"
    temporary.mkdir()
    # The processes of preprocessing import librosa first of all.
    write_plugin(
        site,
        "hanging",
        {"hanging": "hang:INFO"},
        {"hang": HANG.replace("CHILD", CHILD), "librosa": HANG.replace("CHILD", "")},
    )
    if command == "preprocess":
        write_originals(folder / "dataset", tracks=1, genres=("disco", "metal"))
    environment = {"PYTHONPATH": str(site), "WITNESS": str(witness.path), "TMPDIR": str(temporary)}
    process: subprocess.Popen[str] = subprocess.Popen(
        [sys.executable, "-m", "genrebench", command, *COMMANDS[command]],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        **options,  # type: ignore[call-overload]
    )
    assert witness.line() == "here"
    return process


@pytest.mark.parametrize(
    ("command", "number"),
    [
        ("check", signal.SIGTERM),
        ("backends", signal.SIGHUP),
        ("preprocess", signal.SIGINT),
        ("preprocess", signal.SIGTERM),
    ],
)
def test_a_signal_ends_a_run_with_all_it_started(
    command: str, number: signal.Signals, tmp_path: Path, witness: Witness
) -> None:
    """One line, the status of the signal, no process, no temporary file."""
    process = start(command, tmp_path, witness)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (128 + number, "Interrupted.\n")
    witness.wait_until_gone()
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("command", ["check", "preprocess"])
def test_nothing_outlives_a_command_that_is_killed(command: str, tmp_path: Path, witness: Witness) -> None:
    """Neither its processes nor what a plugin has started."""
    process = start(command, tmp_path, witness)
    process.kill()
    process.communicate(timeout=60)
    witness.wait_until_gone()


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path, witness: Witness) -> None:
    """As under nohup, and in the background of a script; another one ends the run."""

    def ignore() -> None:
        """Ignore two of them, as a shell does before it starts a command."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    process = start("check", tmp_path, witness, preexec_fn=ignore)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (143, "Interrupted.\n")
    witness.wait_until_gone()


def test_a_command_that_has_just_begun_ends_at_once(tmp_path: Path) -> None:
    """While it is imported there is nothing to lose, and no traceback."""
    (tmp_path / "click.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\nsignal.pause()\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "genrebench", "backends"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "Interrupted.\n")
