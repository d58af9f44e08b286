"""Send signals to every command at random moments, and look at what is left of it.

    python experiments/reliability/signals.py --signals 30 --seed 0

Each command is run once undisturbed, which says how long it takes; then signals come at moments that are drawn evenly
from that time, the start of the interpreter included. Looked at are the exit status, standard error, processes that the
command has left (all have a mark in their environment), and what lies in its temporary folder. SIGKILL leaves temporary
files by its nature: of these only processes are counted.
"""

import argparse
import collections
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from genrebench.audio.mel import DEFAULT
from genrebench.audio.standardize import Standardizer
from genrebench.audio.synthesis.render import write_recordings
from genrebench.model.model import Model
from genrebench.network.genre_cnn import genre_cnn

PROGRAM = Path(sys.executable).with_name("genrebench")
MARK = "GENREBENCH_SIGNALS"
# How long processes may take to be gone.
PATIENCE = 10.0
COMMANDS = {
    "summary": (),
    "backends": (),
    "check": ("numpy",),
    "parity": ("--backend", "torch", "--input-shape", "17x20", "--steps", "2"),
    "preprocess": ("--output", "new/tree", "--jobs", "2"),
    "train": ("--epochs", "3", "--split", "segment", "--name", "run", "--results", "new/results"),
    "infer": ("dataset/genres_original", "--model", "model", "--backend", "numpy"),
    "bench": ("startup", "--output", "new/bench"),
    "demo": ("--folder", "new/demo"),
}


def marked(mark: str) -> list[int]:
    """Find the processes with a mark."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                has_mark = mark.encode() in (folder / "environ").read_bytes()
                is_zombie = (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            except OSError:
                continue
            if has_mark and not is_zombie:
                found.append(int(folder.name))
    return found


def run(folder: Path, command: str, number: int | None, delay: float) -> tuple[str, float]:
    """Run a command and send it a signal.

    Returns
    -------
    str
        What became of it: ``ended``, ``finished`` before the signal, ``starting`` where the interpreter had not come to
        the command yet, or what is wrong.
    float
        Seconds that it took.
    """
    shutil.rmtree(folder / "new", ignore_errors=True)
    temporary = folder / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    mark = str(uuid.uuid4())
    environment = {**os.environ, MARK: mark, "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
    began = time.monotonic()
    process = subprocess.Popen(
        [str(PROGRAM), command, *COMMANDS[command]],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    if number is not None:
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
    try:
        errors = process.communicate(timeout=600)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        return "went on for 600 s", 600.0
    seconds = time.monotonic() - began
    until = time.monotonic() + PATIENCE
    while (orphans := marked(mark)) and time.monotonic() < until:
        time.sleep(0.02)
    for orphan in orphans:
        os.kill(orphan, signal.SIGKILL)
    if orphans:
        return f"{len(orphans)} processes left", seconds
    # PyTorch makes the folder of its compiler's cache where it is imported, and leaves it.
    left = [path.name for path in temporary.iterdir() if not path.name.startswith("torchinductor_")]
    if left and number != signal.SIGKILL:
        return f"left {left}", seconds
    if process.returncode == 0:
        return "finished", seconds
    if number is None or number == signal.SIGKILL:
        return ("ended" if number else f"status {process.returncode}: {errors}"), seconds
    if process.returncode == -number or (process.returncode == 130 and "Traceback" in errors and "site" in errors):
        return "starting", seconds
    if process.returncode != 128 + number:
        return f"status {process.returncode}: {errors[-200:]}", seconds
    lines = [line for line in errors.splitlines() if not line.startswith("Note: ")]
    return ("ended" if lines in (["Interrupted."], []) else f"said {lines[-3:]}"), seconds


def main() -> None:
    """Send the signals and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--signals", type=int, default=30, help="How many of each.")
    parser.add_argument("--only", nargs="*", default=["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"], help="Which signals.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--within", type=float, default=20.0, help="Seconds within which a signal comes.")
    options = parser.parse_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_recordings(folder / "dataset" / "genres_original", tracks_per_genre=2, duration=12.0, seed=0)
        network = genre_cnn(DEFAULT.shape, 5)
        genres = ("a", "b", "c", "d", "e")
        Model(
            architecture=network,
            weights=network.initial_weights(0),
            mel=DEFAULT,
            standardizer=Standardizer(-40.0, 20.0),
            genres=genres,
        ).save(folder / "model")
        subprocess.run([PROGRAM, "preprocess", "--segments", "4", "--track-duration", "12"], cwd=folder, check=True)
        seconds = {}
        for command in COMMANDS:
            if command == "demo":  # which is the others, one after the other
                seconds[command] = options.within
                continue
            found, seconds[command] = run(folder, command, None, 0.0)
            print(f"{command}: {found} after {seconds[command]:.1f} s", flush=True)
        for number in (signal.Signals[name] for name in options.only):
            counts: collections.Counter[str] = collections.Counter()
            for index in range(options.signals):
                command = list(COMMANDS)[index % len(COMMANDS)]
                delay = random.uniform(0, min(seconds[command], options.within))
                found, _ = run(folder, command, number, delay)
                counts[found] += 1
                if found not in ("ended", "finished", "starting"):
                    print(f"{number.name} to {command} after {delay:.2f} s: {found}", flush=True)
            print(f"{number.name}: {dict(counts)}", flush=True)


if __name__ == "__main__":
    main()
