"""``genrebench doctor``: what is wrong with a dataset, and what to do about it."""

import dataclasses
import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genrebench.cli.options import COUNT, PLACE, RUN, cluster_option, examples, fetch_option, list_options
from genrebench.errors import ConfigError, DatasetError

if TYPE_CHECKING:
    from genrebench.report.document import Document


@click.command(
    help="Look for what is wrong with a dataset: genre folders with recordings, or a spectrogram tree.\n\n"
    "Counts, durations and formats of each genre; recordings that cannot be read, are cut off, short, silent, clipped "
    "or have a constant offset; the same recording twice, in another genre, at another volume, cut, or encoded anew; "
    "and what stands on two sides of a split. Nothing is changed. The status is 1 if something was found.",
    epilog=examples(
        "genrebench doctor dataset",
        "genrebench doctor dataset --model results/gtzan",
        "genrebench doctor dataset --train-list train.txt --test-list test.txt --json",
        "genrebench doctor s3://bucket/music",
    ),
)
@click.argument("dataset", type=PLACE)
@click.option("--model", type=RUN, help="Run whose split is looked at.")
@list_options("of a split that is looked at")
@click.option("--jobs", type=COUNT, help="Number of processes.  [default: one per core]")
@cluster_option
@fetch_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(
    *, dataset: Path, model: Path | None, jobs: int | None, cluster: str | None, as_json: bool, **lists: Path | None
) -> None:
    """Examine a dataset.

    Parameters
    ----------
    jobs : int, optional
        Number of processes.
    """
    from genrebench.evaluation.doctor import REMEDIES, overlaps
    from genrebench.report.terminal import show

    if model is not None and any(lists.values()):
        raise ConfigError("expected --model or lists, received both; leave one out")
    tracks, diagnosis = _examine(dataset, jobs, cluster)
    sides = _sides(tracks, model, lists)
    findings = [*diagnosis["findings"], *overlaps(diagnosis["findings"], sides)]
    found = [{**dataclasses.asdict(each), "remedy": REMEDIES[each.kind]} for each in findings]
    if as_json:
        print(json.dumps({**diagnosis, "findings": found}, indent=2, allow_nan=False))
    else:
        show(_document(diagnosis["genres"], found))
    if found:
        raise click.exceptions.Exit(1)


def _examine(dataset: Path, jobs: int | None, cluster: str | None) -> tuple[list[str], dict[str, Any]]:
    """Examine all recordings, or the spectrograms where there are only these; name the tracks, and what is known."""
    from rich.console import Console

    from genrebench.cli.progress import display
    from genrebench.data.dataset import load_dataset
    from genrebench.evaluation.doctor import Examination, diagnose_tree
    from genrebench.evaluation.listening import examine_recordings
    from genrebench.evaluation.measure import is_tree, labeled_recordings
    from genrebench.system.cluster.choice import executor_for
    from genrebench.system.files import escaped
    from genrebench.system.remote import RemotePath

    if is_tree(dataset) and not (dataset / "genres_original").is_dir():
        if isinstance(dataset, RemotePath):
            raise DatasetError(
                "expected recordings, received a store's spectrograms; copy them here to have them examined",
                path=str(dataset),
            )
        data = load_dataset(dataset)
        return list(dict.fromkeys(data.tracks.tolist())), diagnose_tree(data)
    recordings = labeled_recordings(dataset)
    with Examination(recordings) as examination:
        with (
            display("listening", "recordings", total=len(recordings), console=Console(stderr=True), rate=True) as bar,
            closing(examine_recordings(recordings, executor_for(jobs, cluster, bar.note))) as found,
        ):
            for recording, each in found:
                examination.add(recording, each)
                bar.update(advance=1, status=escaped(recording.path.name))
        return [each.key for each in recordings], examination.diagnose()


def _sides(tracks: list[str], model: Path | None, lists: Mapping[str, Path | None]) -> dict[str, str]:
    """Name the part of each track: by a run, or by lists."""
    from genrebench.data.lists import read_track_list
    from genrebench.model.storage import read_document

    sides: dict[str, str] = {}
    if model is not None:
        data = read_document(model).get("data")
        if not isinstance(data, dict) or "validation_tracks" not in data:
            raise ConfigError(f"--model {model}: expected a run that says which tracks it held out, received another")
        sides = dict.fromkeys(tracks, "train")
        for part in ("validation", "test"):
            sides.update(dict.fromkeys(data.get(f"{part}_tracks", ()), part))
    for name, path in lists.items():
        if path is not None:
            for track in read_track_list(path, tracks).tracks:
                part = name.removesuffix("_list")
                if (other := sides.setdefault(track, part)) != part:
                    raise ConfigError(f"--{name.replace('_', '-')} {path}: {track} is in the {other} list, too")
    return sides


def _document(genres: Mapping[str, Any], findings: list[dict[str, Any]]) -> "Document":
    """Describe what was found: genres, then each kind with what to do."""
    from genrebench.cli.output import counted
    from genrebench.report.document import Block, Cell, Document, Heading, Table, Text

    rows = []
    for genre, each in genres.items():
        length = "{:.1f} / {:.1f} / {:.1f} s".format(*each["seconds"]) if "seconds" in each else f"{each['segments']}"
        formats = ", ".join(f"{count} {name}" for name, count in each["formats"].items())
        rows.append((genre, Cell(str(each["tracks"]), numeric=True), Cell(length, numeric=True), formats))
    recordings = any("seconds" in each for each in genres.values())
    blocks: list[Block] = [
        Table(("genre", "tracks", "shortest / usual / longest" if recordings else "segments", "formats"), rows)
    ]
    for kind in dict.fromkeys(each["kind"] for each in findings):
        of_kind = [each for each in findings if each["kind"] == kind]
        blocks += [
            Heading(f"{kind.capitalize()}: {len(of_kind)}"),
            Text(of_kind[0]["remedy"]),
            Table(("track", "found"), [(" = ".join(each["tracks"]), each["detail"]) for each in of_kind]),
        ]
    blocks.append(Text("Nothing wrong was found." if not findings else counted(len(findings), "finding")))
    return Document("", blocks)
