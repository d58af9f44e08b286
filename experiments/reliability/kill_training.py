"""Kill `genrebench train` at random moments, go on, and compare the end with that of a run that was not killed.

    python experiments/reliability/kill_training.py --kills 100
    python experiments/reliability/kill_training.py --kills 100 --overwrite

The real command is started on a small synthetic dataset and gets SIGKILL at a moment that is uniform in the time that
it takes, then again while it goes on, until it has ended by itself. With ``--overwrite`` a run that is there is
replaced, and after every kill either that one or the new one must load. Each command is a process forked from one that
has imported everything, since imports take most of a short run's time and touch nothing; with ``--interpreter`` each is
a new interpreter. The last line counts what was lost (nothing loads, or another run than one of the two), mixed (files
of two runs), other (another outcome than without kills), not finished, and left over beside the run.
"""

import argparse
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import genrebench_torch.backend
import matplotlib.figure

from genrebench.audio.mel import MelConfig
from genrebench.audio.synthesis.render import write_recordings
from genrebench.cli.main import main as main_command
from genrebench.cli.train import train
from genrebench.data.preprocess import preprocess
from genrebench.errors import GenrebenchError
from genrebench.model.model import Model
from genrebench.training.resume import newest_checkpoint

# Imported here, so that no process has to.
__all__ = ["genrebench_torch", "matplotlib", "train"]
MEL = MelConfig(sample_rate=8000, n_fft=512, hop_length=256, n_mels=32, segments=4, track_duration=2.0)
EPOCHS, OLD_SEED, NEW_SEED = 6, 1, 2


def command(folder: Path, name: str, *more: str) -> list[str]:
    """Write down a training."""
    settings = ["--dataset", str(folder / "dataset"), "--epochs", str(EPOCHS), "--batch-size", "8", "--device", "cpu"]
    where = ["--results", str(folder / "results"), "--name", name]
    return ["train", *where, *([] if "--resume" in more else settings), *more]


def outcome(run: Path) -> dict[str, Any]:
    """Read what a run left, but for the times."""
    found: dict[str, Any] = {
        name: (run / name).read_bytes() for name in ("weights.safetensors", "weights_last.safetensors")
    }
    with (run / "log.csv").open() as file:
        found["log"] = [{**row, "seconds": ""} for row in csv.DictReader(file)]
    document = json.loads((run / "model.json").read_text())
    found["document"] = {
        key: value for key, value in document.items() if key not in ("created", "name", "resumed_after_epochs")
    }
    return found


def check_whole(run: Path, seeds: set[int]) -> str | None:
    """Say what is wrong with a run that was killed: nothing, lost or mixed."""
    try:
        seed = Model.load(run).document["seed"]
        checkpoint = newest_checkpoint(run)
    except GenrebenchError as error:
        return f"lost: {error}"
    if seed not in seeds or checkpoint is None:
        return "lost: another run, or no checkpoint"
    same = checkpoint.origin["settings"]["seed"] == seed and f"seed = {seed}\n" in (run / "experiment.toml").read_text()
    return None if same else "mixed: settings or checkpoint are another run's"


def start(words: list[str], output: Path, interpreter: bool) -> int:
    """Start a command, and return the number of its process."""
    if interpreter:
        with output.open("wb") as file:
            return subprocess.Popen([sys.executable, "-m", "genrebench", *words], stdout=file, stderr=file).pid
    number = os.fork()
    if number == 0:
        status = 1
        try:
            descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(descriptor, 1)
            os.dup2(descriptor, 2)
            main_command(words)
        except SystemExit as end:
            status = int(end.code or 0)
        finally:
            sys.stdout.flush()
            os._exit(status)
    return number


def killed(folder: Path, words: list[str], seconds: float, interpreter: bool) -> tuple[bool, str]:
    """Run a command, and kill it after some time; return whether it had ended before, and what it said last."""
    output = folder / "output"
    process, deadline = start(words, output, interpreter), time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            lines = output.read_text().splitlines() or [""]
            return True, f"{os.waitstatus_to_exitcode(status)}: {lines[-1]}"
        time.sleep(0.002)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return False, ""


def case(
    folder: Path, name: str, kills: int, duration: float, expected: dict[str, Any], options: argparse.Namespace
) -> Counter[str]:
    """Kill one run some times, let it end, and look at it."""
    run, counts, overwrite = folder / "results" / name, Counter[str](), options.overwrite
    seed = ("--seed", str(NEW_SEED))
    if overwrite:
        shutil.copytree(folder / "results" / "old", run)
    resumes = False
    for kill in range(kills + 1):
        more = ("--resume",) if resumes else (*seed, *(("--overwrite",) if overwrite else ()))
        ended, said = killed(
            folder,
            command(folder, name, *more),
            random.uniform(0, duration) if kill < kills else 600,
            options.interpreter,
        )
        if ended:
            counts["ended before the kill"] += kill < kills
            break
        counts["kills"] += 1
        counts["kills while going on"] += resumes
        if run.exists() or overwrite:
            wrong = check_whole(run, {OLD_SEED, NEW_SEED} if overwrite else {NEW_SEED})
            if wrong:
                print(f"{name}: {wrong}")
                counts[wrong.partition(":")[0]] += 1
        # As the user would: go on with the new run if it is there.
        resumes = run.exists() and Model.load(run).document["seed"] == NEW_SEED
        counts["moments at which the old run stood"] += overwrite and not resumes
    if not said.startswith("0"):
        print(f"{name}: not finished: {said}")
        counts["not finished"] += 1
    elif outcome(run) != expected:
        print(f"{name}: other outcome")
        counts["other"] += 1
    left = [path.name for path in run.parent.iterdir() if name in path.name and path != run]
    left += [path.name for path in run.iterdir() if path.name.endswith(".part")]
    counts["left over"] += len(left)
    shutil.rmtree(run)
    return counts


def main() -> None:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="how many in all")
    parser.add_argument("--overwrite", action="store_true", help="replace a run that is there")
    parser.add_argument("--interpreter", action="store_true", help="start an interpreter for each command")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    options = parser.parse_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_recordings(folder / "dataset" / "genres_original", tracks_per_genre=3, duration=2.0, seed=0)
        preprocess(folder / "dataset", MEL, jobs=1)
        for name, seed in (("old", OLD_SEED), ("straight", NEW_SEED)):
            began = time.perf_counter()
            _, said = killed(folder, command(folder, name, "--seed", str(seed)), 600, options.interpreter)
            print(f"{name}: {said}")
            duration = time.perf_counter() - began
        expected, counts = outcome(folder / "results" / "straight"), Counter[str]()
        number = 0
        while counts["kills"] < options.kills:
            kills = min(random.choice((1, 1, 2, 3)), options.kills - counts["kills"])
            counts += case(folder, f"run{number}", kills, duration, expected, options)
            number += 1
            print(f"{number} runs, {counts['kills']} kills", flush=True)
        for bad in ("lost", "mixed", "other", "not finished", "left over"):
            counts[bad] += 0
        print(f"{number} runs; " + ", ".join(f"{key}: {value}" for key, value in counts.items()))


if __name__ == "__main__":
    main()
