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

from genrebench.audio.synthesis.render import write_recordings

ROOT = Path(__file__).parents[2]
SETTINGS = "--sample-rate 8000 --n-fft 512 --hop-length 256 --n-mels 32 --segments 4 --track-duration 2".split()
COMMAND = [sys.executable, "-m", "genrebench"]


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


def contents(output: Path) -> dict[str, bytes]:
    """Read a file, or every file of a folder; the manifest beside it has the times of the recordings."""
    paths = output.rglob("*") if output.is_dir() else [output]
    return {str(path.relative_to(output)): path.read_bytes() for path in paths if path.is_file()}


def compare(words: list[str], output: Path, alone: Path, kills: int, rng: random.Random) -> None:
    """Kill a command that ends in its output so often, each time some times in a row, and compare what it finishes."""
    _, seconds = run([*words, str(alone)])
    expected, same, total = contents(alone), 0, 0
    while total < kills:
        shutil.rmtree(output, ignore_errors=True)
        for left in output.parent.glob(f"{output.name}*"):
            left.unlink()
        batch = total + min(rng.randint(1, 6), kills - total)
        while total < batch:  # a run that came to its end is repeated
            total += run([*words, str(output)], kill_after=rng.uniform(0.05, 1.2 * seconds))[0]
        run([*words, str(output)])
        if contents(output) != expected or output.with_name(f".{output.name}.partial").exists():
            raise SystemExit(f"{words[0]}: another outcome after {total} kills, in {output}")
        same += 1
        print(f"{words[0]}: {total} of {kills} kills", file=sys.stderr)
    print(f"{words[0]}: {total} kills, {same} finished runs, each bit for bit as the one that was not killed")


def main(kills: int, folder: Path) -> None:
    """Kill and compare."""
    rng, dataset = random.Random(0), folder / "dataset"
    recordings = write_recordings(
        dataset / "genres_original", tracks_per_genre=10, duration=2.0, seed=0, sample_rate=8000
    )
    words = ["preprocess", "--dataset", str(dataset), "--jobs", "2", *SETTINGS, "--output"]
    compare(words, folder / "tree", folder / "whole", kills, rng)
    model = str(ROOT / "results" / "gtzan_mini")
    words = ["infer", *map(str, recordings[:24]), "--model", model, "--backend", "numpy", "--resume", "--output"]
    compare(words, folder / "rows.jsonl", folder / "whole.jsonl", kills, rng)


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    main(number, Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp(prefix="genrebench-kills-")))
