"""``genrebench serve``: it answers where it says, ends with Ctrl-C, and says in a line what is missing."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import refused, run
from tests.serve.conftest import small_model, song

httpx = pytest.importorskip("httpx2")
pytest.importorskip("uvicorn")
__all__ = ["song"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a small model."""
    folder = tmp_path_factory.mktemp("served") / "small"
    small_model().save(folder)
    return folder


def test_it_serves_until_it_is_interrupted(saved: Path, song: Path) -> None:
    """As a process of its own: the line that it prints is an address that answers."""
    command = [sys.executable, "-m", "genrebench", "serve", "--model", str(saved), "--backend", "numpy", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        address, _, rest = line.partition(" ")
        assert rest == f"classifies with {saved}; Ctrl-C ends it\n"
        answer = httpx.post(f"{address}/predict", files={"file": ("song.wav", song.read_bytes())}, timeout=60)
        assert answer.status_code == 200, answer.text
        done = run("infer", song, "--model", saved, "--backend", "numpy", "--json")
        assert answer.json()["probabilities"] == json.loads(done.stdout)[0]["probabilities"]
        process.send_signal(signal.SIGINT)
        _, problems = process.communicate(timeout=60)
    assert process.returncode == 130
    assert problems == "Interrupted.\n"


def test_an_address_that_is_taken(saved: Path) -> None:
    """One line, before anything is loaded."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused(run("serve", "--port", port, "--model", "nonesuch"), "choose another --port")
    refused(run("serve", "--host", "nonesuch.invalid", "--model", saved), "expected a free address of this machine")


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    refused(run("serve"), r"uvicorn is missing; pip install 'genrebench\[web\]'")


def test_limits_that_are_none() -> None:
    """Are refused as anywhere else."""
    refused(run("serve", "--workers", 1000), "workers: expected a whole number of at most 256, received 1000")
    refused(run("serve", "--max-seconds", 1e9), "max_seconds: expected a number of at most 86400")
