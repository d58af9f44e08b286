"""What the commands show: progress in a terminal, plain lines elsewhere.

Results go to standard output and can be piped; notes and errors go to standard error.
"""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from genrebench.audio.mel import MelConfig
from genrebench.backend.protocol import BatchMetrics
from genrebench.cli.output import note, write
from genrebench.data.preprocess import PreprocessReport, TrackResult, preprocess
from genrebench.errors import AudioError
from genrebench.model.classifier import GenreClassifier, Prediction
from genrebench.system.files import escaped
from genrebench.training.checkpoint import Epoch
from genrebench.training.config import Experiment
from genrebench.training.loop import TrainingData, TrainingRun, train

# Kept short: a report of a thousand failures helps nobody, and the manifest has them all.
_FAILURES_SHOWN = 20


def _progress(console: Console, unit: str) -> Progress:
    """Make a progress bar that exists in a terminal only.

    Returns
    -------
    Progress
        With columns for a description, the count, times, and a field ``status``.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=12),
        MofNCompleteColumn(),
        TextColumn(f"{unit},"),
        TimeRemainingColumn(),
        TextColumn("left {task.fields[status]}"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


def show_preprocessing(
    dataset: Path, config: MelConfig, *, output: Path | None = None, jobs: int | None = None
) -> PreprocessReport:
    """Preprocess a dataset, show the progress and report the outcome."""
    console = Console()
    with _progress(console, "tracks") as progress:
        task = progress.add_task("preprocessing", total=None, status="")

        def on_track(done: int, total: int, result: TrackResult) -> None:
            """Move the bar."""
            progress.update(task, completed=done, total=total, status=escaped(result.recording.key))

        report = preprocess(dataset, config, output=output, jobs=jobs, on_track=on_track)
    shape = " x ".join(map(str, config.shape))
    write(
        f"{escaped(report.tree)}: {report.written} tracks written, {report.skipped} already there; "
        f"{report.segments} segments of {shape} in {len(report.genres)} genres",
        to=console,
    )
    if report.orphans:
        note(f"Note: {len(report.orphans)} tracks in the tree have no recording any more, such as {report.orphans[0]}")
    for source, reason in list(report.failures.items())[:_FAILURES_SHOWN]:
        note(f"Failed: {reason}" if escaped(source) in reason else f"Failed: {escaped(source)}: {reason}")
    if report.failures:
        where = f"; {escaped(report.manifest)} lists them" if report.manifest.exists() else ""
        note(f"{len(report.failures)} recordings failed and were left out{where}")
    return report


def epoch_line(epoch: Epoch, epochs: int) -> str:
    """Spell one epoch of training.

    Parameters
    ----------
    epochs : int
        Number of epochs of the run.
    """
    return (
        f"epoch {epoch.epoch:>{len(str(epochs))}}/{epochs}  "
        f"train loss {epoch.train_loss:.4f} accuracy {epoch.train_accuracy:.3f}  "
        f"validation loss {epoch.validation_loss:.4f} accuracy {epoch.validation_accuracy:.3f}  "
        f"{epoch.seconds:.1f} s" + ("  saved" if epoch.saved else "")
    )


def show_training(experiment: Experiment, *, overwrite: bool = False) -> TrainingRun:
    """Train, show a bar and a line an epoch, and report the outcome.

    Parameters
    ----------
    overwrite : bool
        Whether a run of the same name may be replaced.
    """
    console = Console()
    epochs, batch_size = experiment.training.epochs, experiment.training.batch_size
    with _progress(console, "batches") as progress:
        task = progress.add_task("loading", total=None, status="")

        def on_start(data: TrainingData) -> None:
            """Say what is trained on."""
            split, shape = data.split, data.dataset.spectrograms.shape
            sizes = f"{len(split.train)} train, {len(split.validation)} validate, {len(split.test)} test"
            write(
                f"{len(data.dataset.genres)} genres, {shape[0]} segments of {shape[1]} x {shape[2]}: {sizes} "
                f"(split by {experiment.split.protocol})",
                to=console,
            )
            if data.leaking:
                note(f"Note: {data.leaking} tracks stand on both sides of the split; accuracy will look too good")
            total = epochs * -(-len(split.train) // batch_size)
            progress.update(task, total=total, description=f"epoch 1/{epochs}")

        def on_batch(batch: BatchMetrics) -> None:
            """Move the bar."""
            status = f"loss {batch.loss:.3f} acc {batch.correct / batch.size:.2f}"
            progress.update(task, advance=1, status=status)

        def on_epoch(epoch: Epoch) -> None:
            """Print the epoch's line."""
            write(epoch_line(epoch, epochs), to=console)
            progress.update(task, description=f"epoch {min(epoch.epoch + 1, epochs)}/{epochs}")

        run = train(experiment, overwrite=overwrite, on_start=on_start, on_batch=on_batch, on_epoch=on_epoch)
    if run.status == "interrupted":
        write("Interrupted; what was learned so far is kept.", to=console)
    write(
        f"{escaped(run.folder)}: weights of epoch {run.best.epoch}, the best on the validation part",
        to=console,
    )
    for part, scores in run.metrics.items():
        write(
            f"{part}: {scores['segment_accuracy']:.1%} of {scores['segments']} segments, "
            f"{scores['track_accuracy']:.1%} of {scores['tracks']} tracks",
            to=console,
        )
    return run


def show_predictions(
    classifier: GenreClassifier, recordings: Sequence[Path], *, top_k: int, as_json: bool = False
) -> list[Prediction]:
    """Classify recordings and print a line each; one that fails does not end the run.

    Parameters
    ----------
    top_k : int
        How many genres to print for each.
    as_json : bool
        Print one JSON array at the end instead of lines.
    """
    console = Console()
    predictions = []
    width = max((len(escaped(path)) for path in recordings), default=0)
    with _progress(Console(stderr=True) if as_json else console, "recordings") as progress:
        task = progress.add_task("listening", total=len(recordings), status="")
        with closing(classifier.predict_all(recordings)) as heard:
            for path, prediction in zip(recordings, heard, strict=True):
                progress.update(task, advance=1, status=escaped(path.name))
                if isinstance(prediction, AudioError):
                    note(f"Error: {prediction}")
                    continue
                predictions.append(prediction)
                if not as_json:
                    write(f"{escaped(path):<{width}}  {_ranking(prediction, top_k)}", to=console)
    if as_json:
        print(json.dumps([_prediction_json(each, top_k) for each in predictions], indent=2, ensure_ascii=False))
    return predictions


def _ranking(prediction: Prediction, top_k: int) -> str:
    """Spell the most probable genres."""
    return ", ".join(
        f"{escaped(genre)} {100 * probability:.1f} %"
        for genre, probability in list(prediction.probabilities.items())[:top_k]
    )


def _prediction_json(prediction: Prediction, top_k: int) -> dict[str, Any]:
    """Describe a prediction in plain JSON types.

    Returns
    -------
    dict
        Path, genre, its probability, the `top_k` genres' probabilities, number of segments.
    """
    return {
        "path": str(prediction.path),
        "genre": prediction.genre,
        "probability": prediction.probabilities[prediction.genre],
        "probabilities": dict(list(prediction.probabilities.items())[:top_k]),
        "segments": prediction.segments,
    }
