"""How much memory ``genrebench doctor`` takes for each recording, in the process that gathers what was found.

    python experiments/doctor_memory.py --tracks 1000 --tracks 10000

Recordings are made up, and so is what was found of them: fingerprints of 30 s of noise. It prints, for each number of
recordings, bytes of memory for each, counted by ``tracemalloc``: held before the diagnosis, and at the most during it.
"""

import gc
import json
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np

from genrebench.audio.recordings import Recording
from genrebench.data.duplicates import Fingerprint
from genrebench.evaluation.doctor import Examination
from genrebench.evaluation.listening import Examined

# Words of 30 s by the default settings.
WORDS = 990


def recordings(count: int) -> list[Recording]:
    """Name recordings of ten genres."""
    names = [(f"genre{number % 10}", f"{number:08d}") for number in range(count)]
    return [Recording(genre, name, Path(f"/music/{genre}/{name}.wav"), f"{genre}/{name}.wav") for genre, name in names]


def examined(of: Sequence[Recording]) -> Iterator[tuple[Recording, Examined]]:
    """Make up what was found of each."""
    rng = np.random.default_rng(0)
    for recording in of:
        words = rng.integers(1, 2**24, WORDS, dtype=np.uint32)
        found = Fingerprint(words, np.arange(WORDS), 16)
        yield recording, Examined(30.0, 0.9, 22050, "WAV PCM_16", rng.bytes(32).hex(), found, ())


def measure(count: int) -> dict[str, float]:
    """Gather so many, and count the bytes."""
    listed = recordings(count)
    gc.collect()
    tracemalloc.start()
    with Examination(listed) as examination:
        for recording, each in examined(listed):
            examination.add(recording, each)
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        examination.diagnose()
        most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"recordings": count, "held_bytes_each": round(held / count), "most_MB": round(most / 1e6, 1)}


@click.command()
@click.option("--tracks", type=click.IntRange(1), multiple=True, default=(1_000, 10_000), show_default=True)
def main(*, tracks: tuple[int, ...]) -> None:
    """Print a line for each number of recordings."""
    for count in tracks:
        click.echo(json.dumps(measure(count)))


if __name__ == "__main__":
    main()
