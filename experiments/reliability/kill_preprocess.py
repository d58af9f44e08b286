"""Kill ``preprocess`` and ``infer --resume`` at random moments, finish them, and compare with runs left alone.

    python experiments/reliability/kill_preprocess.py [KILLS] [FOLDER]

A hundred kills of each take about half an hour. The figures are recorded in docs/reliability.md.
"""

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile

from genrebench.audio.synthesis.render import GENRES, synthesize

ROOT = Path(__file__).parents[2]
SETTINGS = "--sample-rate 8000 --n-fft 512 --hop-length 256 --n-mels 32 --segments 4 --track-duration 2".split()
COMMAND = [sys.executable, "-m", "genrebench"]


def make_dataset(folder: Path) -> None:
    """Write some recordings of two seconds."""
    for genre in GENRES[:4]:
        (folder / "genres_original" / genre).mkdir(parents=True)
        for track in range(25):
            samples = synthesize(genre, seed=track, duration=2.0, sample_rate=8000)
            soundfile.write(folder / "genres_original" / genre / f"{track}.wav", samples, 8000)


def run(arguments: list[str], *, kill_after: float | None = None) -> tuple[bool, float]:
    """Run the command, and kill it after some seconds.

    Returns
    -------
    bool
        Whether it was killed before its end.
    float
        Seconds that it took.
    """
    began = time.perf_counter()
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            _, errors = process.communicate(timeout=kill_after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True, time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed: {errors}")
    return False, time.perf_counter() - began


def contents(folder: Path) -> dict[str, bytes]:
    """Read every file of a folder but the manifest, which has the times of the recordings."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def killed(arguments: list[str], kills: int, longest: float, rng: random.Random) -> int:
    """Kill a command until it has been killed so often, starting again after it came to its end."""
    count = 0
    while count < kills:
        count += run(arguments, kill_after=rng.uniform(0.05, longest))[0]
    return count


def main(kills: int, folder: Path) -> None:
    """Kill and compare."""
    rng = random.Random(0)
    dataset, whole = folder / "dataset", folder / "whole"
    make_dataset(dataset)
    words = ["preprocess", "--dataset", str(dataset), "--jobs", "2", *SETTINGS]
    _, seconds = run([*words, "--output", str(whole)])
    expected, same, total = contents(whole), 0, 0
    while total < kills:
        tree = folder / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        tree.with_name("tree.manifest.json").unlink(missing_ok=True)
        batch = min(rng.randint(1, 6), kills - total)
        total += killed([*words, "--output", str(tree)], batch, 1.2 * seconds, rng)
        run([*words, "--output", str(tree)])
        same += contents(tree) == expected
        if contents(tree) != expected or tree.with_name(".tree.partial").exists():
            raise SystemExit(f"preprocess: another tree after {total} kills, in {tree}")
        print(f"preprocess: {total} of {kills} kills", file=sys.stderr)
    print(f"preprocess: {total} kills, {same} of {same} finished runs bit for bit as the one that was not killed")

    recordings = sorted(map(str, (dataset / "genres_original").rglob("*.wav")))[:24]
    model = str(ROOT / "results" / "gtzan_mini")
    words = ["infer", *recordings, "--model", model, "--backend", "numpy", "--resume", "--output"]
    _, seconds = run([*words, str(folder / "whole.jsonl")])
    rows, same, total = (folder / "whole.jsonl").read_bytes(), 0, 0
    while total < kills:
        output = folder / "rows.jsonl"
        output.unlink(missing_ok=True)
        batch = min(rng.randint(1, 6), kills - total)
        total += killed([*words, str(output)], batch, 1.2 * seconds, rng)
        run([*words, str(output)])
        same += 1
        if output.read_bytes() != rows:
            raise SystemExit(f"infer: other rows after {total} kills, in {output}")
        print(f"infer --resume: {total} of {kills} kills", file=sys.stderr)
    print(f"infer --resume: {total} kills, {same} of {same} finished runs bit for bit as the one that was not killed")


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    main(number, Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp(prefix="genrebench-kills-")))
