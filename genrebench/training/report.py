"""A training run as one page: made again from the run's folder, and from its data, if these are still there."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.mel import MelConfig
from genrebench.data.tree import default_tree, segment_path
from genrebench.errors import ConfigError, DatasetError
from genrebench.evaluation.confusions import Confusion, most_confused
from genrebench.evaluation.figures import confusion_figure, reliability_figure, spectrogram_figure
from genrebench.evaluation.pages import genre_rows, part_rows
from genrebench.report.document import Block, Cell, Code, Document, Figure, Heading, Table, Text
from genrebench.report.figures import svg
from genrebench.report.html import page
from genrebench.system.arrays import read_npz
from genrebench.system.files import write_atomically
from genrebench.training.commands import changed_settings, resume_command, train_command
from genrebench.training.curves import QUANTITIES, curve_figure
from genrebench.training.folder import REPORT_FILE
from genrebench.training.history import last_saved
from genrebench.training.runs import Run, damaged

# So many confused recordings are shown, and so many named.
_SHOWN, _NAMED = 6, 30
# What the columns of `part_rows` are called where there is room.
_ROWS = (
    "tracks",
    "accuracy by track",
    "95 % interval",
    "macro-F1 by track",
    "accuracy by segment",
    "macro-F1 by segment",
    "calibration error (ECE)",
    "ECE that chance alone gives",
    "ECE without calibration",
)


def write_report(run: Run) -> Path:
    """Write a run's report into its folder.

    Raises
    ------
    ModelError
        If the run's figures are damaged.
    """
    path = run.folder / REPORT_FILE
    write_atomically(path, page(run_document(run)).encode())
    return path


def run_document(run: Run) -> Document:
    """Describe a run: curves, confusions, calibration, the proof of its split, how it was made.

    Raises
    ------
    ModelError
        If its figures are damaged.
    """
    try:
        blocks = [*_summary(run), *_curves(run), *_by_part(run), *_reliability(run), *_confused(run)]
        return Document(f"Run {run.name}", [*blocks, *_split(run), *_how(run)])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ZeroDivisionError) as error:
        raise damaged(run, error) from error


def _summary(run: Run) -> Iterator[Block]:
    """Say what was trained, what it is worth, and what to make of that."""
    document = run.document
    best = last_saved(run.history)
    kept = best.epoch if best else document.weights.epoch
    yield Text(f"{run.facts}; {run.status} after {document.epochs_done} epochs, the model is that of epoch {kept}.")
    if not run.parts:
        yield Text(
            "No figures by track: the run has none yet, or was made by an earlier version. "
            f"genrebench evaluate --model {run.folder.name} measures it.",
            "warn",
        )
        return
    if document.data.tracks_on_both_sides:
        yield Text(
            f"Leaky: {document.data.tracks_on_both_sides} tracks are on both sides of the split, which inflates "
            "accuracy.",
            "warn",
        )
    yield _turned(part_rows(run.parts))
    words = "The validation part chose the epoch and fitted the calibration, so its figures are too good. "
    if "test" not in run.parts:
        words += "There is no test part, so nothing here says what the model is worth on other music. "
    yield Text(f"{words}The interval is what so few tracks allow to say (Wilson, 95 %).", "quiet")


def _turned(table: Table) -> Table:
    """Exchange rows and columns, so that a phone shows all figures of two parts."""
    names, *rows = zip(*table.cells, strict=True)
    return Table(["", *(cell.text for cell in names)], [(title, *row) for title, row in zip(_ROWS, rows, strict=True)])


def _curves(run: Run) -> Iterator[Block]:
    """Draw loss and accuracy over the epochs."""
    if run.history:
        yield Heading("Curves")
        for quantity in QUANTITIES:
            alt = f"{quantity.capitalize()} of training and validation part over {len(run.history)} epochs"
            yield Figure(svg(curve_figure(run.history, quantity), quantity), alt, f"curve-{quantity}")
        last = run.history[-1]
        yield Text(
            f"Last epoch: training loss {last.train_loss:.4f}, accuracy {100 * last.train_accuracy:.1f} %; validation "
            f"loss {last.validation_loss:.4f}, accuracy {100 * last.validation_accuracy:.1f} % of segments. All epochs "
            "are in log.csv.",
            "quiet",
        )


def _by_part(run: Run) -> Iterator[Block]:
    """Show which genres are taken for which."""
    for part, scores in run.parts.items():
        if not scores["genres"]:
            raise ValueError("no genres")
        yield Heading(f"Genres: {part}")
        alt = f"Confusion matrix of {scores['tracks']} tracks of the {part} part; the table has the same"
        yield Figure(svg(confusion_figure(scores, part), f"confusion-{part}"), alt, f"confusion-{part}")
        yield genre_rows(scores)


def _reliability(run: Run) -> Iterator[Block]:
    """Draw whether the model is as sure as it is right."""
    if run.parts:
        yield Heading("Calibration")
        alt = "Share of right tracks against probability, which would be equal for a calibrated model"
        yield Figure(svg(reliability_figure(run.parts, "Reliability"), "reliability"), alt, "reliability")
        temperature = next(iter(run.parts.values()))["track_calibration"]["temperature"]
        yield Text(
            f"Log-probabilities of tracks are divided by {temperature:.2f}, fitted on the validation part.", "quiet"
        )


def _confused(run: Run) -> Iterator[Block]:
    """Show the recordings about which the model is most surely wrong."""
    found = most_confused(run.parts)
    if not found:
        return
    yield Heading("Surely wrong")
    mel, missing = _mel(run), 0
    for number, each in enumerate(found[:_SHOWN]):
        spectrogram = _spectrogram(run, each)
        if spectrogram is None:
            missing += 1
            continue
        picture = svg(spectrogram_figure(spectrogram, mel), f"track{number}")
        words = f"{each.track} ({each.part}): taken for {each.taken_for}, {100 * each.probability:.1f} %"
        yield Figure(picture, f"Spectrogram of {each.track}", f"track-{number}", words)
    if missing:
        yield Text(f"The spectrograms of {missing} of them are no longer where they were.", "quiet")
    rows = [
        (each.track, each.part, each.taken_for, Cell(f"{100 * each.probability:.1f} %", numeric=True))
        for each in found[:_NAMED]
    ]
    more = f", {_NAMED} of {len(found)}" if len(found) > _NAMED else ""
    yield Table(("track", "part", "taken for", "probability"), rows, "wrong", f"Wrong answers, the surest first{more}")


def _mel(run: Run) -> MelConfig | None:
    """Read the settings of the spectrograms."""
    with suppress(ConfigError):
        return MelConfig.from_json(run.document.mel)
    return None


def _spectrogram(run: Run, confusion: Confusion) -> NDArray[np.float32] | None:
    """Read all segments of a track, side by side; None if they are gone."""
    if run.experiment is None:
        return None
    dataset = run.experiment.dataset
    tree = default_tree(dataset) if default_tree(dataset).is_dir() else dataset
    segments: list[NDArray[np.float32]] = []
    with suppress(DatasetError, OSError, ValueError):
        while (path := segment_path(tree, confusion.track, len(segments))).is_file():
            segments.append(read_npz(path, "spectrogram"))
        return np.concatenate(segments, axis=1)
    return None


def _split(run: Run) -> Iterator[Block]:
    """Show the proof that nothing stands on two sides."""
    proof, segments = run.document.data.proof, run.document.data.segments
    if not proof:
        return
    yield Heading("The split, and its proof")
    verdict = "something is on two sides" if proof["leaky"] else "nothing is on two sides"
    yield Text(f"Split by {proof['protocol']}: {verdict}.", "bad" if proof["leaky"] else "good")
    rows: list[tuple[str | Cell, ...]] = [
        (part, Cell(str(proof["tracks"][part]), numeric=True), Cell(str(count), numeric=True))
        for part, count in segments.items()
    ]
    yield Table(("part", "tracks", "segments"), rows, "parts")
    yield Table(("what", "looked at", "on two sides", "such as"), [*_proof_rows(proof)], "proof")
    yield from (Text(note, "quiet") for note in proof["notes"])


def _proof_rows(proof: Mapping[str, Any]) -> Iterator[tuple[str | Cell, ...]]:
    """Tabulate what was looked for on two sides."""
    for what in ("tracks", "recordings", "artists"):
        found = proof[what]
        if not found:
            why = "without a table of artists" if what == "artists" else "not with the split by segment"
            yield what, why, Cell("", numeric=True), ""
            continue
        known = {
            "tracks": lambda each: f"{sum(each[part] for part in ('train', 'validation', 'test'))} by name",
            "recordings": lambda each: f"{each['compared']} by fingerprint",
            "artists": lambda each: f"{each['known']}, unknown for {each['tracks_without']} tracks",
        }[what](found)
        named = found["on_two_sides"]["first"]
        such = ", ".join(" and ".join(each) if isinstance(each, list) else each for each in named[:3])
        yield what, known, Cell(str(found["on_two_sides"]["count"]), numeric=True), such


def _second(time: str) -> str:
    """Leave out of a time in ISO 8601 what is less than a second."""
    return re.sub(r"\.\d+", "", time).replace("T", " ").replace("+00:00", " UTC")


def _how(run: Run) -> Iterator[Block]:
    """Say how the run was made, and with what."""
    document = run.document
    yield Heading("How it was made")
    if run.experiment:
        yield Code(train_command(run.experiment))
    rows = [("begun", _second(document.created)), ("seed", str(document.seed))]
    if run.history:
        rows.append(("time of all epochs", f"{sum(row.seconds for row in run.history):.0f} s"))
    if document.weights.sha256:
        rows.append(("SHA-256 of the weights", document.weights.sha256))
    if run.experiment:
        rows.append(("to go on", resume_command(run.experiment)))
        rows += [(key, str(value)) for key, value in changed_settings(run.experiment).items()]
    yield Table(("what", "value"), rows, "made")
    yield Table(("environment", "version"), list(document.versions.items()), "environment")
    yield Text("All settings, also those that are default, are in experiment.toml; all figures in model.json.", "quiet")
