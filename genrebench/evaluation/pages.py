"""An evaluation as a document."""

from collections.abc import Mapping, Sequence
from typing import Any

from genrebench.evaluation.calibration import error_by_chance
from genrebench.report.document import Block, Cell, Column, Document, Heading, Table, Text

_SUMMARY = (
    *("", "tracks", "accuracy", "95 % interval", "macro-F1", "segments", "macro-F1", "ECE"),
    Column("by chance", optional=True),
    Column("uncalibrated", optional=True),
)
# Tracks that a comparison names.
MOST_TRACKS = 20


def percent(share: float) -> Cell:
    """Format a share from 0 to 1."""
    return Cell(f"{100 * share:.1f} %", numeric=True)


def _interval(bounds: Sequence[float]) -> Cell:
    """Format two shares from 0 to 1."""
    return Cell("{:.1f} to {:.1f} %".format(*(100 * bound for bound in bounds)), numeric=True)


def part_rows(parts: Mapping[str, Mapping[str, Any]]) -> Table:
    """Tabulate what the parts are scored with, one row each."""
    rows = [
        (
            name,
            Cell(str(part["tracks"]), numeric=True),
            percent(part["track_accuracy"]),
            _interval(part["track_interval"]),
            percent(part["track_macro_f1"]),
            percent(part["segment_accuracy"]),
            percent(part["segment_macro_f1"]),
            Cell(f"{part['track_calibration']['ece']:.3f}", numeric=True),
            # Of the bins, since runs of earlier versions have no more.
            Cell(f"{error_by_chance(part['track_calibration']['bins']):.3f}", numeric=True),
            Cell(f"{part['track_calibration']['ece_before']:.3f}", numeric=True),
        )
        for name, part in parts.items()
    ]
    return Table(_SUMMARY, rows)


def genre_rows(part: Mapping[str, Any]) -> Table:
    """Tabulate precision, recall and F1 of each genre, and what it is taken for most often."""
    genres, confusion = list(part["genres"]), part["track_confusion"]
    rows = []
    for place, (genre, each) in enumerate(part["genres"].items()):
        if not each["tracks"] and not any(row[place] for row in confusion):
            continue
        others = sorted(
            ((count, name) for name, count in zip(genres, confusion[place], strict=True) if name != genre and count),
            key=lambda pair: (-pair[0], pair[1]),
        )
        taken_for = ", ".join(f"{name} {count}" for count, name in others[:3])
        numbers = (percent(each[key]) for key in ("precision", "recall", "f1"))
        rows.append((genre, Cell(str(each["tracks"]), numeric=True), *numbers, taken_for))
    return Table(("genre", "tracks", "precision", "recall", "F1", "taken for"), rows)


def evaluation_document(evaluation: Mapping[str, Any], *, genres: bool = True) -> Document:
    """Describe an evaluation: its figures, what changes did, and what could not be used.

    Parameters
    ----------
    genres : bool
        Whether each part is also described by genre.
    """
    blocks: list[Block] = [Text(note, "warn") for note in evaluation.get("notes", ())]
    blocks.append(part_rows(evaluation["parts"]))
    if runs := evaluation.get("runs"):
        blocks += [Heading("Over the runs"), runs_table(runs)]
    if changes := evaluation.get("interventions"):
        blocks += [Heading("What it clings to"), _interventions(changes)]
    for name, part in evaluation["parts"].items() if genres else ():
        blocks += [Heading(f"By genre: {name}"), genre_rows(part)]
    if failures := evaluation.get("failures"):
        blocks += [Heading("Not used"), Table(("recording", "why"), list(failures.items()))]
    return Document(f"Evaluation: {evaluation['name']}", blocks)


def runs_table(runs: Mapping[str, Any]) -> Table:
    """Tabulate each run of an evaluation, and mean and deviation."""
    rows: list[tuple[str | Cell, ...]] = []
    for number, name in enumerate(runs["names"]):
        rows.append((name, *(percent(each["values"][number]) for each in runs["figures"].values())))
    summary = ("mean", "deviation") if len(runs["names"]) > 1 else ("mean",)
    rows += [(name, *(percent(each[name]) for each in runs["figures"].values())) for name in summary]
    return Table(("run", *runs["figures"]), rows)


def _interventions(changes: Sequence[Mapping[str, Any]]) -> Table:
    """Tabulate what a model makes of changed recordings."""
    rows = [
        (
            each["change"],
            percent(each["track_accuracy"]),
            Cell(f"{100 * each['difference']:+.1f}", numeric=True),
            Cell(str(each["other_answers"]), numeric=True),
            Cell(f"{each['p']:.3f}", numeric=True),
        )
        for each in changes
    ]
    return Table(("change", "accuracy", "points", "other answers", "p (McNemar)"), rows)


def comparison_document(comparison: Mapping[str, Any]) -> Document:
    """Describe how two runs differ."""
    first, second = comparison["names"]
    rows = [
        (name, percent(each["accuracy"]), _interval(each["interval"]))
        for name, each in zip(comparison["names"], comparison["scores"], strict=True)
    ]
    test = comparison["mcnemar"]
    blocks: list[Block] = [Text(note, "warn") for note in comparison["notes"]]
    blocks += [
        Table(
            ("run", "accuracy", "95 % interval"), rows, caption=f"{comparison['tracks']} tracks ({comparison['part']})"
        ),
        Text(
            f"Only {first} is right about {test['only_first']} tracks, only {second} about {test['only_second']}: "
            f"p = {test['p']:.3g} (McNemar, exact), " + ("a difference" if test["p"] < 0.05 else "which may be chance")
        ),
    ]
    if comparison["settings"]:
        blocks.append(Table(("setting", first, second), comparison["settings"]))
    if comparison["genres"]:
        rows = [(genre, *map(percent, pair)) for genre, pair in comparison["genres"].items()]
        blocks.append(Table(("genre", first, second), rows))
    if changed := comparison["changed"]:
        more = f", {MOST_TRACKS} of {len(changed)}" if len(changed) > MOST_TRACKS else ""
        blocks.append(Table(("track", first, second), changed[:MOST_TRACKS], caption=f"Other answers{more}"))
    return Document("", blocks)
