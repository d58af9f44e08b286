"""A file that lies in the folder where a command is typed, and is called as a module, is not executed by anybody."""

import subprocess
import sys
from pathlib import Path

import pytest

from genrebench.audio.standardize import Standardizer
from genrebench.model.model import Model
from genrebench.network.genre_cnn import genre_cnn
from tests.cli.commands import SETTINGS
from tests.conftest import SMALL, write_originals
from tests.plugins import use_plugins, write_plugin

NAMES = ("numpy", "threading", "json", "random", "torch", "joblib", "encodings", "librosa", "soundfile")
# The reference, as a plugin of somebody else's, for which processes are started.
COPY = """
from dataclasses import replace
from genrebench.backend.numpy_reference import INFO as NUMPY
INFO = replace(NUMPY, name="copy")
"""
COMMANDS = {
    "backends": (),
    "check": ("copy", "--only", "info"),
    "parity": ("--backend", "copy", "--input-shape", "17x20", "--steps", "1"),
    "preprocess": ("--jobs", "2", *SETTINGS),
    "infer": ("dataset/genres_original/disco/disco.00000.wav", "--model", "model", "--backend", "copy"),
}


def run_among_traps(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder of files that say so if they are executed."""
    marks = folder.parent / "executed"
    # ``python -m genrebench`` runs genrebench.py where there is one: Python's own way, before anything of ours runs.
    for name in (*NAMES, *(() if "-m" in command else ("genrebench",))):
        (folder / f"{name}.py").write_text(f"open({str(marks)!r}, 'a').write(__name__ + '\\n')\nraise SystemExit(7)\n")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert not marks.exists(), marks.read_text()
    return done


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with two recordings, a model, and a plugin elsewhere."""
    use_plugins(monkeypatch, write_plugin(tmp_path / "site", "copy", {"copy": "copied:INFO"}, {"copied": COPY}))
    write_originals(tmp_path / "work" / "dataset", tracks=1, genres=("disco", "metal"))
    architecture = genre_cnn(SMALL.shape, 2)
    model = Model(
        architecture=architecture,
        weights=architecture.initial_weights(0),
        mel=SMALL,
        standardizer=Standardizer(-40.0, 20.0),
        genres=("disco", "metal"),
        document={},
    )
    model.save(tmp_path / "work" / "model")
    return tmp_path / "work"


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_executes_what_lies_where_it_is_typed(command: str, folder: Path) -> None:
    """Neither the command nor a process that it starts, nor where ``python -m`` has put the folder on the path."""
    installed = [str(Path(sys.executable).with_name("genrebench"))]
    program = [sys.executable, "-m", "genrebench"] if command in ("check", "preprocess") else installed
    done = run_among_traps(folder, [*program, command, *COMMANDS[command]])
    assert done.returncode == 0, done.stderr


def test_a_library_s_processes_are_safe_as_well(folder: Path) -> None:
    """Where the program that calls it is safe itself, here by ``-P``, which its processes would not inherit."""
    code = (
        "import genrebench as gb\n"
        "mel = gb.MelConfig(sample_rate=8000, n_fft=512, hop_length=256, n_mels=32, segments=4, track_duration=2.0)\n"
        "print(gb.preprocess('dataset', mel, jobs=2).written)"
    )
    done = run_among_traps(folder, [sys.executable, "-P", "-c", code])
    assert done.stdout == "2\n", done.stderr
