"""With ``python -O`` no assert runs: what the commands do must not hang on one."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file

from genrebench.cli.main import main
from genrebench.network.architecture import Architecture
from genrebench.network.layers import Conv2D, Dense, Flatten
from tests.conftest import SMALL_OPTIONS
from tests.plugins import use_plugins, write_plugin

OPTIMIZED = {"PYTHONOPTIMIZE": "1", "PYTHONDONTWRITEBYTECODE": ""}
# Frameworks and libraries keep their asserts: compiling thousands of their modules without takes a minute, and shows
# nothing of genrebench.
THEIRS_AS_USUAL = """
from importlib import _bootstrap_external as machinery
place = machinery.cache_from_source
def usual(path, *given, **options):
    return place(path, **options | {"optimization": ""} if "site-packages" in path else options)
machinery.cache_from_source = usual
"""
# A backend whose weights are off by a thousandth.
WRONG = """
from dataclasses import replace
from genrebench.backend.numpy_reference import INFO as NUMPY
from genrebench.backend.numpy_reference import NumpyBackend
INFO = replace(NUMPY, name="wrong", implementation="wrong:Wrong")
class Wrong:
    @staticmethod
    def build(architecture, weights, **options):
        return NumpyBackend.build(architecture, {name: 1.001 * value for name, value in weights.items()}, **options)
"""


@pytest.fixture(autouse=True)
def theirs_as_usual(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every process take what is installed as it was compiled before, with asserts."""
    folder = tmp_path_factory.mktemp("as_usual")
    (folder / "sitecustomize.py").write_text(THEIRS_AS_USUAL)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)


def run(*arguments: object, optimized: bool = True) -> tuple[int, str]:
    """Run a command, and all workers that it starts, with or without asserts; return its status and output."""
    environment = os.environ | (OPTIMIZED if optimized else {})
    command = [sys.executable, "-m", "genrebench", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, re.sub(r"\d+\.\d+ s\b", "_ s", done.stdout + done.stderr)


def test_no_assert_runs_where_this_file_wants_none() -> None:
    """Otherwise the other tests here would say nothing."""
    command = [sys.executable, "-c", "assert False"]
    subprocess.run(command, env=os.environ | OPTIMIZED, check=True)
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1
    code = "import click, genrebench.errors; print(genrebench.errors.__cached__, click.__cached__)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | OPTIMIZED, capture_output=True, text=True, check=True
    )
    assert [name.endswith(".opt-1.pyc") for name in done.stdout.split()] == [True, False]


@pytest.mark.parametrize("command", ["summary", "backends", "check numpy", "check wrong"])
def test_a_command_says_the_same(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The status and the output are equal, but for the seconds; the conformance kit finds the same faults."""
    write_plugin(tmp_path, "wrong", {"wrong": "wrong:INFO"}, {"wrong": WRONG})
    use_plugins(monkeypatch, tmp_path)
    status, output = run(*command.split())
    assert (status, output) == run(*command.split(), optimized=False)
    assert status == (command == "check wrong")
    assert command != "check wrong" or re.search(r"^  weights-round-trip +failed", output, re.MULTILINE | re.IGNORECASE)


def test_recordings_become_the_same_genres(small_dataset: Path, tmp_path: Path) -> None:
    """Preprocessing, training and inference give the same segments, weights and probabilities, bit for bit."""
    pytest.importorskip("torch")

    def commands(folder: Path) -> list[list[str]]:
        """List the whole way from recordings to genres."""
        preprocess = f"preprocess --dataset {small_dataset} --output {folder}/tree --jobs 1".split()
        train = f"train --backend torch --dataset {folder}/tree --results {folder} --name run --epochs 2 --device cpu"
        infer = f"infer {small_dataset}/genres_original/disco --model {folder}/run --json"
        return [preprocess + SMALL_OPTIONS, train.split(), infer.split()]

    # All three in one process, which imports PyTorch once.
    code = (
        "import sys; from genrebench.cli.main import main\n"
        "for words in sys.argv[1:]: main(words.split(), 'genrebench', standalone_mode=False)"
    )
    words = [" ".join(command) for command in commands(tmp_path / "optimized")]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, env=os.environ | OPTIMIZED, check=False
    )
    assert done.returncode == 0, done.stderr
    normal = [CliRunner().invoke(main, command) for command in commands(tmp_path / "normal")]
    assert [each.exit_code for each in normal] == [0, 0, 0]
    assert json.loads(done.stdout[done.stdout.index("\n[") :]) == json.loads(normal[2].stdout)
    segments = list((tmp_path / "normal" / "tree").rglob("*.npz"))
    assert len(segments) == 48
    for path in segments:
        assert path.read_bytes() == (tmp_path / "optimized" / path.relative_to(tmp_path / "normal")).read_bytes()
    weights, expected = (
        load_file(tmp_path / each / "run" / "weights_last.safetensors") for each in ("optimized", "normal")
    )
    assert all((weights[name] == expected[name]).all() for name in expected)


def test_parity_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a small network: PyTorch passes, a wrong backend does not, and the tables are the same."""
    pytest.importorskip("torch")
    write_plugin(tmp_path, "wrong", {"wrong": "wrong:INFO"}, {"wrong": WRONG})
    use_plugins(monkeypatch, tmp_path)
    network = Architecture((6, 8, 1), (Conv2D(3, (3, 3), activation="relu"), Flatten(), Dense(3)))
    (tmp_path / "network.json").write_text(json.dumps(network.to_json()))
    options = (
        f"--backend torch --backend wrong --architecture {tmp_path}/network.json --steps 2 --output {tmp_path}/out"
    )
    found = [run("parity", *options.split(), optimized=each) for each in (True, False)]
    assert found[0] == found[1]
    assert found[0][0] == 1
    assert re.search(r"^weights +FAILED +torch equal +wrong ", found[0][1], re.MULTILINE), found[0][1]
