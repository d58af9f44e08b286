"""The command line as a whole: help, one line for everything that can go wrong, streams, and exit statuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genrebench.cli.main import COMMANDS
from tests.cli.commands import refused, run


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    """Help is there, its example is a command of that name, and the group's list knows it."""
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"genrebench {command}" in result.stdout.split("Examples:")[1]
    assert f"  {command} " in run("--help").stdout


def test_help_imports_no_command() -> None:
    """The list of commands costs nothing but click."""
    code = (
        "import sys; from genrebench.cli.main import main; main(['--help'], standalone_mode=False);"
        "found = {'numpy', 'rich', 'pydantic'} & set(sys.modules); assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_an_unknown_command_is_refused() -> None:
    """The message is that of click."""
    result = run("dance")
    assert result.exit_code == 2
    assert "No such command 'dance'." in result.stderr
    assert "No such command 'infr'; did you mean infer?" in run("infr").stderr


def test_a_name_that_the_terminal_cannot_show_does_not_end_the_run(tmp_path: Path) -> None:
    """Where output is ASCII, the letters are escaped."""
    (tmp_path / "genres_original" / "曲").mkdir(parents=True)
    (tmp_path / "genres_original" / "曲" / "曲.wav").touch()
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "genrebench", "preprocess", "--dataset", str(tmp_path), "--jobs", "1"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert r"\u66f2.wav: expected a recording, received an empty file" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("arguments", "status"), [(["summary"], 0), (["--help"], 0), (["summary", "--input-shape", "8x8"], 1)]
)
def test_a_reader_that_leaves_changes_nothing(arguments: list[str], status: int, unbuffered: str) -> None:
    """Neither a traceback nor another status, though nothing that is written is read."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "genrebench", *arguments]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, env=environment, check=False)
    os.close(writer)
    assert done.returncode == status
    assert done.stderr.count("\n") == status


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    """The error itself comes through."""
    result = run("--debug", "preprocess", "--dataset", tmp_path)
    assert type(result.exception).__name__ == "DatasetError"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ZeroDivisionError("1 / 0"), r"ZeroDivisionError: 1 / 0 \(unforeseen; genrebench --debug"),
        (MemoryError(), "out of memory; use less data, or a smaller --batch-size"),
        (OSError(28, "No space left on device", "a\nb"), r"a b: No space left on device"),
    ],
)
def test_an_unforeseen_error_is_one_line_too(monkeypatch: pytest.MonkeyPatch, error: Exception, message: str) -> None:
    """It says what it was and how to learn more."""

    def fail(timeout: float) -> None:
        """Fail."""
        raise error

    monkeypatch.setattr("genrebench.cli.backends.list_backends", fail)
    refused(run("backends"), message)


def test_ctrl_c_has_a_status_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """130, as shells have it."""

    def press(timeout: float) -> None:
        """Press Ctrl-C."""
        raise KeyboardInterrupt

    monkeypatch.setattr("genrebench.cli.backends.list_backends", press)
    result = run("backends")
    assert result.exit_code == 130
    assert result.stderr == "Interrupted.\n"
