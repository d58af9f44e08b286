"""What large libraries cost: hours, workers, bytes, from the constants that ``genrebench bench scale`` measured.

    python experiments/scaling_costs.py --bench results/scale/bench.json

Prints tables in Markdown: the constants and how the model's rates compare with what was timed, which is measurement;
and what follows for libraries of any size, which is arithmetic.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

SIZES = (106_574, 10**6, 10**7)
# Segments of a track that are preprocessed, and in a batch; epochs of a run; share of tracks that trains.
SEGMENTS, BATCH, EPOCHS, TRAINS = 10, 64, 300, 0.8
PACKED_BYTES = SEGMENTS * 128 * 130 * 4
# In how many hours a job is to be done where workers are counted.
DEADLINE = 24


@dataclass(frozen=True)
class Constants:
    """What was measured, on one core: seconds, and bytes."""

    decode: float
    mel: float
    write: float
    segment: float
    step: float
    recording_bytes: float
    spectrogram_bytes: float
    manifest_bytes: float
    gradient_bytes: float
    sent: float

    @property
    def track(self) -> float:
        """Add up the parts of a track's preprocessing."""
        return self.decode + self.mel + self.write


def read(document: dict[str, Any]) -> tuple[Constants, dict[str, float]]:
    """Read the constants of a bench, and the medians by the names of its rows."""
    rows = {row["name"]: row for row in document["suites"]["scale"]["candidates"]}
    medians = {name: float(row["median"]) for name, row in rows.items()}
    kilo = {name: 1e3 * value for name, value in medians.items() if rows[name]["unit"] == "kB"}
    sent = "no-op tracks, 100000"
    return Constants(
        decode=medians["decode, a track"],
        mel=medians["mel, a track"],
        write=medians["write, a track"],
        segment=medians["infer, 1 worker"] / rows["infer, 1 worker"]["details"]["files"] / SEGMENTS,
        step=medians["train, 1 worker"],
        recording_bytes=kilo["recording, a track"],
        spectrogram_bytes=kilo["spectrograms, a track"],
        manifest_bytes=kilo["manifest, a track"],
        gradient_bytes=kilo["gradients, a step"],
        sent=medians[sent] / rows[sent]["details"]["tracks"],
    ), {name: value / rows[name]["details"].get("tracks", 1) for name, value in medians.items()}


def checks(found: Constants, medians: dict[str, float]) -> list[tuple[str, float, float]]:
    """Compare the model with what was timed as a whole: what, seconds of the model, seconds measured."""
    halved = [("train, 2 workers", found.step / 2), ("infer, 2 workers", medians["infer, 1 worker"] / 2)]
    pairs = [("preprocess, 1 worker", found.track), ("preprocess, 2 workers", found.track / 2), *halved]
    return [(name, model, medians[name]) for name, model in pairs if name in medians]


def workers(core_hours: float) -> int:
    """Count the workers that finish within the deadline at nine tenths of their rate."""
    return max(1, math.ceil(core_hours / DEADLINE / 0.9))


def projection(found: Constants, tracks: int) -> list[str]:
    """Compute the cells of a library's size."""
    preprocess, infer = tracks * found.track / 3600, tracks * SEGMENTS * found.segment / 3600
    steps = math.ceil(tracks * TRAINS / BATCH) * EPOCHS
    return [
        f"{tracks:,}",
        f"{preprocess:,.0f} h, {workers(preprocess)}",
        f"{infer:,.0f} h, {workers(infer)}",
        f"{steps * found.step / 3600:,.0f} h",
        f"{tracks * found.recording_bytes / 1e12:.2f}",
        f"{tracks * found.spectrogram_bytes / 1e12:.2f}",
        f"{tracks * PACKED_BYTES / 1e12:.2f}",
        f"{tracks * found.manifest_bytes / 1e9:.2f}",
        f"{tracks * found.sent / 60:.1f}",
    ]


def table(head: list[str], rows: list[list[str]]) -> str:
    """Write a table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


@click.command()
@click.option("--bench", type=click.Path(path_type=Path, exists=True), default=Path("results/scale/bench.json"))
def main(*, bench: Path) -> None:
    """Print the model."""
    found, medians = read(json.loads(bench.read_text(encoding="utf-8")))
    parts = ", ".join(f"{1e3 * part:.1f}" for part in (found.decode, found.mel, found.write))
    sizes = (found.recording_bytes, found.spectrogram_bytes, found.manifest_bytes)
    constants = [
        ("decode, Mel spectrograms, write: a track", f"{parts} ms"),
        ("inference: a segment, decoding included", f"{1e3 * found.segment:.1f} ms"),
        (f"training: a step of {BATCH} segments", f"{1e3 * found.step:.0f} ms"),
        (
            "a recording of 30 s, its spectrograms, its share of the manifest",
            f"{', '.join(f'{size / 1e3:.4g}' for size in sizes)} kB",
        ),
        ("gradients: a step", f"{found.gradient_bytes / 1e6:.2f} MB"),
        ("sending a track", f"{1e6 * found.sent:.0f} us"),
    ]
    click.echo(table(["constant, on one core", "measured"], [list(each) for each in constants]) + "\n")
    compared = [[name, f"{1e3 * a:.1f} ms", f"{1e3 * b:.1f} ms", f"{100 * (a / b - 1):+.0f} %"]
                for name, a, b in checks(found, medians)]  # fmt: skip
    click.echo(table(["a track, all files, or a step", "model", "measured", "model beyond"], compared) + "\n")
    head = ["tracks", f"preprocess: core h, workers for {DEADLINE} h", "infer: the same", f"{EPOCHS} epochs, a core",
            "WAV, TB", "tree, TB", "packed, TB", "manifest, GB", "sending, min"]  # fmt: skip
    click.echo(table(head, [projection(found, tracks) for tracks in SIZES]))


if __name__ == "__main__":
    main()
