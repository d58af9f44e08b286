"""``genrebench infer``: the genre of recordings, a line each, or JSON."""

import json
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

import click

from genrebench.cli.options import COUNT, PATH, Word, examples
from genrebench.errors import AudioError
from genrebench.model.model import Model
from genrebench.model.newest import newest_model
from genrebench.model.prediction import Prediction
from genrebench.system.files import escaped

# A name so much longer than most stands out of its column instead of widening it for all.
_LONG = 16


@click.command(
    help="Print the genre of recordings, and its probability.\n\n"
    "Folders are searched for recordings. Every segment of a recording is classified; their probabilities are "
    "aggregated by the mean log-probability. The preprocessing is that of the model's training.",
    epilog=examples(
        "genrebench infer song.mp3",
        "genrebench infer albums/ --model results/gtzan --top-k 3",
        "genrebench infer song.mp3 --json",
    ),
)
@click.argument("paths", metavar="FILE_OR_FOLDER...", type=PATH, nargs=-1, required=True)
@click.option("--model", type=PATH, help="Folder of a model.  [default: the newest in results/]")
@click.option("--top-k", type=COUNT, help="Genres printed for each recording.  [default: 1; all with --json]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.option("--backend", default=Model.backend, show_default=True, help="Framework that runs the network.")
@click.option(
    "--device", type=Word(), default=Model.device, show_default=True, help="auto, or a device of the backend."
)
def infer(
    paths: tuple[Path, ...], *, model: Path | None, top_k: int | None, as_json: bool, backend: str, device: str
) -> None:
    """Classify recordings.

    Parameters
    ----------
    top_k : int, optional
        How many genres to print for each recording.
    """
    from genrebench.audio.recordings import find_recordings
    from genrebench.cli.output import echo_err
    from genrebench.system.memory import keep_freed_memory

    keep_freed_memory()
    recordings = list(find_recordings(paths))
    if model is None:
        model = newest_model(Path("results"))
        echo_err(f"model: {escaped(model)} (the newest in results/)")
    chosen = Model.load(model, backend=backend, device=device)
    predictions = classify(chosen, recordings, top_k=top_k, as_json=as_json)
    if len(predictions) < len(recordings):
        raise click.exceptions.Exit(1)


def classify(
    model: Model, recordings: Sequence[Path], *, top_k: int | None = None, as_json: bool = False
) -> list[Prediction]:
    """Classify recordings and print a line each; one that fails does not end the run.

    Parameters
    ----------
    top_k : int, optional
        How many genres to print for each; by default one in a line, and all in JSON.
    as_json : bool
        Print one JSON array at the end instead of lines.
    """
    from rich.console import Console

    from genrebench.cli.progress import display

    predictions = []
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
                continue
            predictions.append(prediction)
            if not as_json:
                bar.echo(f"{escaped(path):<{width}}  {_ranking(prediction, top_k or 1)}")
    if as_json:
        # Where the terminal lacks a letter, JSON spells it in ASCII.
        has_all = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
        documents = [_document(each, top_k) for each in predictions]
        print(json.dumps(documents, indent=2, ensure_ascii=not has_all, allow_nan=False))
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
    """Format the most probable genres."""
    return ", ".join(
        f"{escaped(genre)} {100 * probability:.1f} %"
        for genre, probability in list(prediction.probabilities.items())[:top_k]
    )


def _document(prediction: Prediction, top_k: int | None) -> dict[str, Any]:
    """Describe a prediction in plain JSON types.

    Returns
    -------
    dict
        Path, genre, its probability, the `top_k` genres' probabilities or all, number of segments.
    """
    return {
        "path": str(prediction.path),
        "genre": prediction.genre,
        "probability": prediction.probability,
        "probabilities": dict(list(prediction.probabilities.items())[:top_k]),
        "segments": prediction.segments,
    }
