"""Recordings are classified, one after the other, and each gets its row."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from genrebench.cli.output import terminal_width
from genrebench.cli.progress import Display, display
from genrebench.cli.rows.formats import Layout, Text
from genrebench.cli.rows.places import Rows, on_terminal
from genrebench.cli.sorting import Sorter
from genrebench.errors import AudioError
from genrebench.model.elsewhere import Numbered, in_order, predict_by
from genrebench.model.model import Model
from genrebench.model.prediction import Prediction
from genrebench.model.rows import Row, failure_row, model_row, prediction_row
from genrebench.system.executor import Executor
from genrebench.system.files import escaped, write_atomically


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What is told of each recording, and what is done to it.

    Attributes
    ----------
    top_k : int, optional
        Genres that a row has; by default all.
    timeline : bool
        Whether a row has segments.
    pictures : mapping of str to Path
        Picture of each recording; without, there are none.
    sorter : Sorter, optional
        Moves, copies or tags recordings.
    """

    top_k: int | None = None
    timeline: bool = False
    pictures: Mapping[str, Path] = field(default_factory=dict)
    sorter: Sorter | None = None


def classify(
    model: Model,
    rows: Rows,
    bar: Display,
    *,
    extras: Extras = Extras(),
    executor: Executor | None = None,
    any_order: bool = False,
) -> Iterator[Prediction]:
    """Classify recordings and add a row for each; one that fails does not end the run.

    Parameters
    ----------
    rows : Rows
        The recordings, and what takes the rows.
    bar : Display
        What errors and notes are printed beside.
    extras : Extras
        By default rows with all genres, and nothing else.
    executor : Executor, optional
        Where it is done; by default in this process.
    any_order : bool
        Whether rows may be added as they are done.

    Yields
    ------
    Prediction
        For each recording that did not fail.
    """
    from genrebench.audio.drift import library_drift

    version = model_row(model)
    timed = extras.timeline or bool(extras.pictures)
    drift: str | None = None
    heard = False
    with closing(_numbered(model, rows.todo, timed, executor, any_order=any_order)) as classified:
        for place, prediction in classified:
            path = rows.todo[place]
            if isinstance(prediction, AudioError):
                row = failure_row(prediction, path)
            else:
                heard = True
                for note in prediction.notes:
                    bar.note(f"{escaped(path)}: {note}")
                row = _row(model, prediction, extras)
            if "error" in row:
                bar.echo_err(f"Error: {row['error']}")
            rows.add(row | version)
            bar.update(advance=1, status=escaped(path.name))
            if isinstance(prediction, Prediction) and "error" not in row:
                yield prediction
    if heard and (drift := library_drift()):
        bar.note(drift)


def _numbered(
    model: Model, paths: Sequence[Path], timeline: bool, executor: Executor | None, *, any_order: bool
) -> Numbered:
    """Classify recordings, and say which each is."""
    if executor is None:
        found = model.predict_many(paths, timeline=timeline)
    else:
        numbered = predict_by(model, executor, paths, timeline=timeline)
        if any_order:
            yield from numbered
            return
        found = in_order(numbered)
    with closing(found):
        yield from enumerate(found)


def print_genres(model: Model, recordings: Sequence[Path], *, top_k: int) -> list[Prediction]:
    """Classify recordings and print a line for each.

    Returns
    -------
    list of Prediction
        Of those that did not fail.
    """
    paths = [str(path) for path in recordings]
    layout = Layout(genres=model.genres, top_k=top_k, paths=paths, width=terminal_width())
    with (
        display("classifying", "recordings", total=len(recordings)) as bar,
        on_terminal(Text(layout), recordings, bar) as rows,
    ):
        return list(classify(model, rows, bar))


def _row(model: Model, prediction: Prediction, extras: Extras) -> Row:
    """Make the row of a recording, once all was done that is to be done to it."""
    row = prediction_row(prediction, top_k=extras.top_k, timeline=extras.timeline)
    try:
        if extras.pictures:
            _draw(model, prediction, extras.pictures[str(prediction.path)])
        if extras.sorter:
            extras.sorter.act(prediction, row)
    except AudioError as error:
        row["error"] = str(error)
    return row


def _draw(model: Model, prediction: Prediction, path: Path) -> None:
    """Write the picture of a timeline."""
    from genrebench.model.picture import timeline_picture

    assert model.mel is not None, "such a model takes no recordings"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, timeline_picture(prediction, model.mel), durable=False)
