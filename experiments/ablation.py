"""What each option of the recipe is worth: the default recipe, and variants of it, over some seeds.

    python experiments/ablation.py --dataset dataset --train-list train.txt --validation-list valid.txt

``--other "6 s windows=dataset6"`` adds the default recipe on other spectrograms of the same tracks, such as longer ones
or some with another 0 dB.

Every run trains on the tracks of one list and is measured on those of the other after its last epoch, so that nothing
is chosen by what it is measured on; while it trains, one track of each genre is validated, which takes the less time.
Variants that train alike share a run. Runs that are finished are not repeated, and those that were stopped go on; the
table is written anew after each.
"""

import contextlib
import dataclasses
import statistics
from pathlib import Path
from typing import Any

import click

from genrebench.cli.train import train_or_read
from genrebench.data.lists import read_track_list
from genrebench.data.packed.choosing import open_data
from genrebench.evaluation.measure import measure_tree
from genrebench.evaluation.metrics import calibrate
from genrebench.model.model import Model
from genrebench.report.document import Cell, Document, Table, Text
from genrebench.report.markdown import markdown
from genrebench.system.files import write_atomically
from genrebench.training import Experiment, SplitSettings, TrainingSettings

BASE = "default recipe"
PLAIN = str.maketrans("", "", "()")
# What is changed of the default recipe, and the name of that.
VARIANTS: dict[str, dict[str, Any]] = {
    BASE: {},
    "shrinkage 0": {"training.shrinkage": 0.0},
    "crops 1": {"augment.crops": 1},
    "no mixup": {"augment.mixup": 0.0},
    "fade 0": {"augment.fade": 0.0},
    "mixup 0.4": {"augment.mixup": 0.4},
    "standardization global": {"training.standardization": "global"},
    "standardization band": {"training.standardization": "band"},
    "standardization track": {"training.standardization": "track"},
    "no averaging": {"training.averaging": 0.0},
    "no gain": {"augment.gain": 0.0},
    "smoothing 0.1": {"augment.smoothing": 0.1},
    "masks of 16 bands and 8 frames": {"augment.frequency_mask": 16, "augment.time_mask": 8},
    "stretch 0.1": {"augment.stretch": 0.1},
    "shift 2": {"augment.shift": 2},
    "crops 3": {"augment.crops": 3},
    "shrinkage 1": {"training.shrinkage": 1.0},
    "level 2": {"training.level": 2.0},
    "crops 0 (segments)": {"augment.crops": 0},
}
# What changes how the default recipe's weights are used, by the model's attributes.
USES: dict[str, dict[str, Any]] = {
    "overlap 0": {"overlap": 0.0},
    "overlap 0.5": {"overlap": 0.5},
}
FIGURES = ("track_accuracy", "track_macro_f1", "segment_accuracy")


@click.command(help=__doc__)
@click.option("--dataset", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--train-list", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--validation-list", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--other", "others", multiple=True, metavar="NAME=DATASET", help="Other spectrograms of the same tracks.")
@click.option("--variant", "chosen", multiple=True, help="Only these; by default all.")
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=TrainingSettings().epochs, show_default=True)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/ablation"), show_default=True)
@click.option("--output", type=click.Path(path_type=Path), default=Path("results/ablation.md"), show_default=True)
def main(
    dataset: Path,
    train_list: Path,
    validation_list: Path,
    others: tuple[str, ...],
    chosen: tuple[str, ...],
    seeds: int,
    epochs: int,
    runs: Path,
    output: Path,
) -> None:
    """Train what is missing and write the table."""
    variants = VARIANTS | read_others(others)
    known = [*variants, *USES]
    if unknown := sorted(set(chosen) - set(known)):
        raise click.UsageError(f"expected a variant of {', '.join(known)}; received {unknown[0]}")
    few = runs / "few.txt"
    few.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(few, "".join(f"{track}\n" for track in one_of_each(dataset, validation_list)).encode())
    split = SplitSettings(protocol="lists", train_list=train_list, validation_list=few)
    found: dict[str, list[dict[str, float]]] = {}
    for seed in range(seeds):
        for name in chosen or known:
            experiment = Experiment(
                name=f"{(name if name in variants else BASE).replace(' ', '-').translate(PLAIN)}-{seed}",
                dataset=dataset,
                results=runs,
                seed=seed,
                split=split,
                training=TrainingSettings(epochs=epochs, keep="last"),
            ).override(variants.get(name, {}))
            click.echo(f"{name}, seed {seed}: {(scores := measured(experiment, validation_list, USES.get(name, {})))}")
            found.setdefault(name, []).append(scores)
            write_atomically(output, markdown(document(found, epochs)).encode())


def read_others(others: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Read variants that are other spectrograms, by their names."""
    found: dict[str, dict[str, Any]] = {}
    for each in others:
        name, _, place = each.partition("=")
        if not name or name in [*VARIANTS, *USES] or not Path(place or "-").exists():
            raise click.UsageError(
                f"--other: expected NAME=DATASET, a new name and a tree that is there, received {each}"
            )
        found[name] = {"dataset": place}
    return found


def one_of_each(dataset: Path, tracks: Path) -> list[str]:
    """Take the first track of each genre of a list."""
    names = dict.fromkeys(open_data(dataset).tracks.tolist())
    of_genre: dict[str, str] = {}
    for track in sorted(read_track_list(tracks, names).tracks):
        of_genre.setdefault(track.split("/")[0], track)
    return list(of_genre.values())


def measured(experiment: Experiment, tracks: Path, use: dict[str, Any]) -> dict[str, float]:
    """Train, or go on, or look up, and measure the last weights on all tracks of a list."""
    train_or_read(experiment)
    answers = measure_tree(dataclasses.replace(Model.load(experiment.folder), **use), experiment.dataset, tracks=tracks)
    calibration = calibrate(answers.log_probabilities, answers.labels, answers.tracks)
    scores = dataclasses.replace(answers, calibration=calibration).scores()
    errors = {name: scores["track_calibration"][name] for name in ("ece", "ece_before")}
    return {name: scores[name] for name in FIGURES} | errors


def document(found: dict[str, list[dict[str, float]]], epochs: int) -> Document:
    """Lay out the table."""
    base = statistics.mean(each["track_accuracy"] for each in found[BASE]) if BASE in found else None
    rows = []
    for name, runs in found.items():
        accuracies = [each["track_accuracy"] for each in runs]
        delta = "" if name == BASE or base is None else f"{100 * (statistics.mean(accuracies) - base):+.1f}"
        cells = [_mean_and_deviation(accuracies), delta]
        cells += [_mean_and_deviation([each[figure] for each in runs]) for figure in FIGURES[1:]]
        cells += [f"{statistics.mean(each[figure] for each in runs):.3f}" for figure in ("ece_before", "ece")]
        rows.append((Cell(name), Cell(str(len(runs)), numeric=True), *(Cell(cell, numeric=True) for cell in cells)))
    titles = ("Variant", "Seeds", "Tracks %", "Difference", "Macro-F1 %", "Segments %", "ECE", "ECE, calibrated")
    text = (
        f"Validation part after the last of {epochs} epochs; mean and deviation over seeds. The difference is that of "
        "the means. The calibrated error is measured where the temperature was fitted."
    )
    return Document("Ablation", [Text(text), Table(titles, rows)])


def _mean_and_deviation(values: list[float]) -> str:
    """Format shares in percent."""
    deviation = f" ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * statistics.mean(values):.1f}{deviation}"


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
