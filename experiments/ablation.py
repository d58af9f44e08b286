"""What each option of the recipe is worth: the default recipe, and variants of it, over some seeds.

    python experiments/ablation.py --dataset dataset --train-list train.txt --validation-list valid.txt

Every run trains on the tracks of one list and is measured on those of the other after its last epoch, so that nothing
is chosen by what it is measured on. Runs that are finished are not repeated, and those that were stopped go on; the
table is written anew after each.
"""

import contextlib
import statistics
from pathlib import Path
from typing import Any

import click

from genrebench.report.document import Cell, Document, Heading, Table, Text
from genrebench.report.markdown import markdown
from genrebench.system.files import write_atomically
from genrebench.training import Experiment, SplitSettings, TrainingSettings, train

# What is changed of the default recipe, and the name of that.
VARIANTS: dict[str, dict[str, Any]] = {
    "default recipe": {},
    "standardization global": {"training.standardization": "global"},
    "standardization band": {"training.standardization": "band"},
    "standardization track": {"training.standardization": "track"},
    "level 2": {"training.level": 2.0},
    "crops 3": {"augment.crops": 3},
    "crops 0 (segments)": {"augment.crops": 0},
    "no mixup": {"augment.mixup": 0.0},
    "mixup 1": {"augment.mixup": 1.0},
    "no gain": {"augment.gain": 0.0},
    "no averaging": {"training.averaging": 0.0},
    "overlap 0.5": {"training.overlap": 0.5},
    "smoothing 0.1": {"augment.smoothing": 0.1},
    "masks of 16 bands and 8 frames": {"augment.frequency_mask": 16, "augment.time_mask": 8},
    "stretch 0.1": {"augment.stretch": 0.1},
    "shift 2": {"augment.shift": 2},
}
FIGURES = ("track_accuracy", "track_macro_f1", "segment_accuracy")


@click.command(help=__doc__)
@click.option("--dataset", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--train-list", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--validation-list", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--variant", "variants", multiple=True, help="Only these; by default all.")
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=TrainingSettings().epochs, show_default=True)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/ablation"), show_default=True)
@click.option("--output", type=click.Path(path_type=Path), default=Path("results/ablation.md"), show_default=True)
def main(
    dataset: Path,
    train_list: Path,
    validation_list: Path,
    variants: tuple[str, ...],
    seeds: int,
    epochs: int,
    runs: Path,
    output: Path,
) -> None:
    """Train what is missing and write the table."""
    if unknown := sorted(set(variants) - set(VARIANTS)):
        raise click.UsageError(f"expected a variant of {', '.join(VARIANTS)}; received {unknown[0]}")
    split = SplitSettings(protocol="lists", train_list=train_list, validation_list=validation_list)
    found: dict[str, list[dict[str, float]]] = {}
    for seed in range(seeds):
        for name in variants or VARIANTS:
            experiment = Experiment(
                name=f"{name.replace(' ', '-').replace('(', '').replace(')', '')}-{seed}",
                dataset=dataset,
                results=runs,
                seed=seed,
                split=split,
                training=TrainingSettings(epochs=epochs, keep="last"),
            ).override(VARIANTS[name])
            click.echo(f"{name}, seed {seed}: {(scores := measured(experiment))}")
            found.setdefault(name, []).append(scores)
            write_atomically(output, markdown(document(found, epochs)).encode())


def measured(experiment: Experiment) -> dict[str, float]:
    """Train, or go on, or look up, and pick the figures."""
    run = train(experiment, resume=(experiment.folder / "model.json").exists())
    validation = run.metrics["validation"]
    calibration = validation["track_calibration"]
    return {name: validation[name] for name in FIGURES} | {name: calibration[name] for name in ("ece", "ece_before")}


def document(found: dict[str, list[dict[str, float]]], epochs: int) -> Document:
    """Lay out the table."""
    base = found.get("default recipe")
    rows = []
    for name, runs in found.items():
        accuracies = [each["track_accuracy"] for each in runs]
        delta = "" if name == "default recipe" or not base else f"{100 * _difference(base, accuracies):+.1f}"
        cells = [_mean_and_deviation(accuracies), delta]
        cells += [_mean_and_deviation([each[figure] for each in runs]) for figure in FIGURES[1:]]
        cells += [f"{statistics.mean(each[figure] for each in runs):.3f}" for figure in ("ece_before", "ece")]
        rows.append((Cell(name), Cell(str(len(runs)), numeric=True), *(Cell(cell, numeric=True) for cell in cells)))
    titles = ("Variant", "Seeds", "Tracks %", "Difference", "Macro-F1 %", "Segments %", "ECE", "ECE, calibrated")
    text = (
        f"Validation part after the last of {epochs} epochs; mean and deviation over seeds. The difference to the "
        "default recipe is of the seeds that both have. The calibrated error is measured where the temperature was "
        "fitted."
    )
    return Document("Ablation", [Heading("Ablation"), Text(text), Table(titles, rows)])


def _difference(base: list[dict[str, float]], accuracies: list[float]) -> float:
    """Compare with the default recipe, seed by seed."""
    pairs = zip(accuracies, base, strict=False)
    return statistics.mean(accuracy - other["track_accuracy"] for accuracy, other in pairs)


def _mean_and_deviation(values: list[float]) -> str:
    """Format shares in percent."""
    deviation = f" ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * statistics.mean(values):.1f}{deviation}"


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
