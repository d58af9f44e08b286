"""``torchrun -m genrebench train``: one run by two processes, which may die; as real processes."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from genrebench.model.model import Model
from tests.cli.commands import run

pytest.importorskip("torch")
EPOCHS = 3
# What dies, where, and only the first time: a process in the middle of an epoch, or one that writes its checkpoint.
DYING = """
import os, signal, sys
import genrebench_torch.group as groups
from genrebench.__main__ import main
from genrebench.system.files import write_atomically
from genrebench.training import resume

rank, place = int(sys.argv.pop(1)), sys.argv.pop(1)

def die():
    print(f"died {os.getpid()}", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

def sum_(self, tensor, add=groups.TorchGroup.sum_, seen=[0]):
    seen[0] += 1
    return add(self, tensor) if seen[0] < 25 else die()

def write(path, content, **options):
    if path.name == "checkpoint_next.safetensors" and (path.parent / "checkpoint.safetensors").exists():
        path.with_name(path.name + ".part").write_bytes(content[: len(content) // 2])
        die()
    write_atomically(path, content, **options)

if int(os.environ["RANK"]) == rank and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
    if place == "epoch":
        groups.TorchGroup.sum_ = sum_
    else:
        resume.write_atomically = write
main()
"""


def torchrun(*arguments: object, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Start two processes, as ``torchrun`` does."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *options]
    return subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False)


def training(trained: Path, results: Path, name: str) -> list[object]:
    """Write down a training of five steps an epoch."""
    data = ["--dataset", trained / "dataset", "--results", results, "--name", name, "--device", "cpu"]
    return ["train", *data, "--epochs", EPOCHS, "--batch-size", 5, "--set", "augment.crops=0"]


def outcome(folder: Path) -> tuple[Any, ...]:
    """Read what a run has learned, but for the times."""
    with (folder / "log.csv").open() as file:
        log = [{**row, "seconds": ""} for row in csv.DictReader(file)]
    checkpoint = {name: value.tobytes() for name, value in load_file(folder / "checkpoint.safetensors").items()}
    return log, checkpoint, (folder / "weights.safetensors").read_bytes()


@pytest.fixture(scope="module")
def straight(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Train with two processes, by the command of the documentation.

    Returns
    -------
    Path
        The run.
    CompletedProcess
        How it went.
    """
    results = tmp_path_factory.mktemp("straight")
    done = torchrun("-m", "genrebench", *training(trained, results, "run"))
    assert done.returncode == 0, done.stderr
    return results / "run", done


def test_two_processes_are_one_run(
    trained: Path, straight: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Each line is printed once; the model is a model; one process goes on with it, and has the curve of the two."""
    folder, done = straight
    lines = done.stdout.splitlines()
    assert [line[:9] for line in lines if line.startswith("epoch")] == [f"epoch {i}/{EPOCHS}" for i in (1, 2, 3)]
    assert len([line for line in lines if line.startswith("validation: ")]) == 1
    assert done.stderr.count("Note: 2 processes share each batch\n") == 1
    assert "Error" not in done.stderr
    document = json.loads((folder / "model.json").read_text())
    assert document["processes"]["count"] == 2
    assert {path.name for path in folder.parent.iterdir()} == {"run"}
    alone = run(*training(trained, tmp_path, "run"))
    assert alone.exit_code == 0, alone.output
    ours, theirs = outcome(folder)[0], outcome(tmp_path / "run")[0]
    # The first steps; after them, rounding in float32 may take a rectifier's other side.
    assert float(ours[0]["train_loss"]) == pytest.approx(float(theirs[0]["train_loss"]), rel=1e-4)
    assert {name: value.shape for name, value in Model.load(folder).weights.items()} == {
        name: value.shape for name, value in Model.load(tmp_path / "run").weights.items()
    }


def test_a_killed_process_ends_all_soon_and_the_run_goes_on(
    trained: Path, straight: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Within an epoch after the first: one line, nobody left; with --resume, the bits of a run without a stop."""
    script = tmp_path / "dying.py"
    script.write_text(DYING)
    command = training(trained, tmp_path, "run")
    done = torchrun(script, 1, "epoch", *command)
    assert done.returncode != 0
    (said,) = re.findall(r"^Error: .*$", done.stderr, flags=re.MULTILINE)
    assert re.search(r"2 processes.* one has ended or does not answer .*; go on with torchrun .* --resume$", said)
    assert "Traceback" not in done.stderr.partition("torch/distributed")[0]
    assert 0 < len(outcome(tmp_path / "run")[0]) < EPOCHS
    done = torchrun("-m", "genrebench", *command, "--resume")
    assert done.returncode == 0, done.stderr
    assert outcome(tmp_path / "run") == outcome(straight[0])


def test_torchrun_starts_anew_by_itself(
    trained: Path, straight: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """The first process is killed while it writes its second checkpoint; the run ends as one without a stop."""
    script = tmp_path / "dying.py"
    script.write_text(DYING)
    done = torchrun(script, 0, "checkpoint", *training(trained, tmp_path, "run"), options=("--max-restarts", "1"))
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^died \d+$", done.stdout, flags=re.MULTILINE)) == 1
    assert "Note: goes on after epoch 1" in done.stderr
    assert outcome(tmp_path / "run") == outcome(straight[0])
    assert Model.load(tmp_path / "run").document["resumed_after_epochs"] == [1]
    assert {path.name for path in tmp_path.iterdir()} == {"run", "dying.py"}
