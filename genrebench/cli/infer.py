"""``genrebench infer``: the genre of recordings, a line each, or JSON."""

import json
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from genrebench.cli.options import COUNT, PATH, Amount, Word, examples
from genrebench.errors import AudioError
from genrebench.model.description import BUILTIN
from genrebench.model.model import Model
from genrebench.model.newest import newest_model
from genrebench.model.prediction import Prediction
from genrebench.system.files import escaped

if TYPE_CHECKING:
    from genrebench.cli.journal import Journal

# Genres that are named where none is probable enough.
_GUESSES = 3
# A name so much longer than most stands out of its column instead of widening it for all.
_LONG = 16


@click.command(
    help="Print the genre of recordings, and its probability.\n\n"
    "Folders are searched for recordings. Every segment of a recording is classified; their probabilities are "
    "aggregated by the mean log-probability. The preprocessing is that of the model's training. An answer that is so "
    "improbable that it is rather wrong than right is printed as uncertain. The status is 1 if a recording failed or a "
    "folder held none.",
    epilog=examples(
        "genrebench infer song.mp3",
        "genrebench infer albums/ --model results/gtzan --top-k 3",
        "genrebench infer song.mp3 --json",
        "genrebench infer collection/ --output genres.jsonl --resume",
    ),
)
@click.argument("paths", metavar="FILE_OR_FOLDER...", type=PATH, nargs=-1, required=True)
@click.option(
    "--model",
    type=PATH,
    help="Folder of a model, or builtin, which comes with genrebench.  "
    "[default: the newest in results/, or else builtin]",
)
@click.option("--top-k", type=COUNT, help="Genres printed for each recording.  [default: 1; all with --json]")
@click.option(
    "--min-confidence",
    type=Amount(0, 1),
    metavar="PROBABILITY",
    help="Call what is less probable uncertain.  [default: what the model learned]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array, with a row for each failure, too.")
@click.option("--output", type=PATH, metavar="FILE.jsonl", help="Write a line of JSON for each recording to a file.")
@click.option("--resume", is_flag=True, help="Go on with --output where a run was stopped.")
@click.option("--backend", default=Model.backend, show_default=True, help="Framework that runs the network.")
@click.option(
    "--device", type=Word(), default=Model.device, show_default=True, help="auto, or a device of the backend."
)
def infer(
    paths: tuple[Path, ...],
    *,
    model: Path | None,
    top_k: int | None,
    min_confidence: float | None,
    as_json: bool,
    output: Path | None,
    resume: bool,
    backend: str,
    device: str,
) -> None:
    """Classify recordings.

    Parameters
    ----------
    top_k : int, optional
        How many genres to print for each recording.
    min_confidence : float, optional
        Probability below which an answer is uncertain.
    """
    from genrebench.audio.recordings import find_recordings
    from genrebench.cli.journal import Journal, fingerprint
    from genrebench.cli.output import echo, echo_err
    from genrebench.system.memory import keep_freed_memory

    if resume and output is None:
        raise click.UsageError("--resume goes on with an --output FILE.jsonl; give one")
    keep_freed_memory()
    problems: list[AudioError] = []
    recordings = list(find_recordings(paths, problems))
    if not recordings and not as_json and output is None:
        raise problems[0]
    if model is None:
        model = newest_model(Path("results"))
        where = "comes with genrebench" if model == Path(BUILTIN) else "the newest in results/"
        echo_err(f"model: {escaped(model)} ({where})")
    chosen = Model.load(model, backend=backend, device=device)
    if min_confidence is not None:
        chosen = replace(chosen, calibration=replace(chosen.calibration, uncertain_below=min_confidence))
    journal = Journal(output, f"{fingerprint(chosen)[:16]}/{top_k or 'all'}", resume=resume) if output else None
    for problem in problems:
        echo_err(f"Error: {problem}")
    if journal is None:
        predictions = classify(chosen, recordings, top_k=top_k, as_json=as_json, problems=problems)
        failed = len(recordings) - len(predictions)
    else:
        with journal.writing(recordings) as todo:
            predictions = classify(chosen, todo, top_k=top_k, journal=journal)
            there = len(dict.fromkeys(recordings)) - len(todo)
            failed = len(todo) - len(predictions)
        echo(
            f"{escaped(journal.path)}: {len(predictions)} recordings classified, {there} already there, {failed} failed"
        )
    if failed or problems:
        raise click.exceptions.Exit(1)


def classify(
    model: Model,
    recordings: Sequence[Path],
    *,
    top_k: int | None = None,
    as_json: bool = False,
    problems: Sequence[AudioError] = (),
    journal: "Journal | None" = None,
) -> list[Prediction]:
    """Classify recordings and print a line each; one that fails does not end the run.

    Parameters
    ----------
    top_k : int, optional
        How many genres to print for each; by default one in a line, and all in JSON.
    as_json : bool
        Print one JSON array at the end instead of lines.
    problems : sequence of AudioError
        What failed before, for the JSON.
    journal : Journal, optional
        Takes a row for each recording; nothing is printed then.
    """
    from rich.console import Console

    from genrebench.audio.drift import library_drift
    from genrebench.cli.output import echo_err
    from genrebench.cli.progress import display

    predictions = []
    rows = [_failure(error) for error in problems]
    width = column_width([len(escaped(path)) for path in recordings])
    console = Console(stderr=as_json)
    with (
        display("classifying", "recordings", total=len(recordings), console=console) as bar,
        closing(model.predict_many(recordings)) as classified,
    ):
        for path, prediction in zip(recordings, classified, strict=True):
            bar.update(advance=1, status=escaped(path.name))
            if isinstance(prediction, AudioError):
                bar.echo_err(f"Error: {prediction}")
                rows.append(_failure(prediction, path))
            else:
                for note in prediction.notes:
                    bar.echo_err(f"Note: {escaped(path)}: {note}")
                predictions.append(prediction)
                rows.append(_document(prediction, top_k))
                if not as_json and journal is None:
                    bar.echo(f"{escaped(path):<{width}}  {_ranking(prediction, top_k or 1)}")
            if journal is not None:
                journal.add(rows.pop())
    drift = library_drift() if predictions else None
    if drift:
        echo_err(f"Note: {drift}")
    if as_json:
        # Where the terminal lacks a letter, JSON spells it in ASCII.
        has_all = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
        print(json.dumps(rows, indent=2, ensure_ascii=not has_all, allow_nan=False))
    return predictions


def column_width(lengths: Sequence[int]) -> int:
    """Choose how wide a column is: as its longest entry, apart from entries that are far longer than most.

    Examples
    --------
    >>> column_width([10, 12, 90])
    12
    """
    if not lengths:
        return 0
    usual = median(lengths) + _LONG
    return max(length for length in lengths if length <= usual)


def _ranking(prediction: Prediction, top_k: int) -> str:
    """Format the most probable genres; of an uncertain answer, at least the best guesses."""
    shown = max(top_k, _GUESSES) if prediction.uncertain else top_k
    ranking = ", ".join(
        f"{escaped(genre)} {100 * probability:.1f} %"
        for genre, probability in list(prediction.probabilities.items())[:shown]
    )
    return f"uncertain: {ranking}" if prediction.uncertain else ranking


def _document(prediction: Prediction, top_k: int | None) -> dict[str, Any]:
    """Describe a prediction in plain JSON types.

    Returns
    -------
    dict
        Path, genre, its probability, whether it is uncertain, the `top_k` genres' probabilities or all, number of
        segments, and remarks if there are any.
    """
    return {
        "path": str(prediction.path),
        "genre": prediction.genre,
        "probability": prediction.probability,
        "uncertain": prediction.uncertain,
        "probabilities": dict(list(prediction.probabilities.items())[:top_k]),
        "segments": prediction.segments,
    } | ({"notes": list(prediction.notes)} if prediction.notes else {})


def _failure(error: AudioError, path: Path | None = None) -> dict[str, Any]:
    """Describe a recording that failed in plain JSON types."""
    return {"path": str(path or error.path), "error": str(error)}
