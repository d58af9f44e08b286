"""``genrebench infer``: the genre of recordings, a line each, or rows for programs."""

import functools
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genrebench.audio.blocks import MAX_OVERLAP
from genrebench.cli.options import (
    COUNT,
    PATH,
    PLACE,
    Amount,
    cluster_option,
    examples,
    fetch_option,
    model_option,
    runner_options,
)
from genrebench.cli.rows.choice import (
    FORMATS,
    check_places,
    format_class,
    format_name,
    in_parts,
    is_folder,
    open_rows,
    picture_places,
)
from genrebench.cli.rows.formats import Layout
from genrebench.cli.rows.journal import Journal
from genrebench.cli.rows.parts import Parts
from genrebench.cli.rows.places import unique_places
from genrebench.errors import AudioError, ConfigError
from genrebench.model.description import BUILTIN
from genrebench.model.model import Model
from genrebench.model.newest import newest_model
from genrebench.model.rows import Row, failure_row, model_row
from genrebench.system.files import escaped
from genrebench.system.remote import RemotePath, as_path

if TYPE_CHECKING:
    from genrebench.cli.sorting import Sorter


@click.command(
    help="Print the genre of recordings, and its probability.\n\n"
    "Folders are searched for recordings, and - reads a list of files and folders from standard input. Every segment "
    "of a recording is classified; their probabilities are aggregated by the mean log-probability. The preprocessing "
    "is that of the model's training. An answer that is so improbable that it is rather wrong than right is printed as "
    "uncertain. The status is 1 if a recording failed or a folder held none.",
    epilog=examples(
        "genrebench infer song.mp3",
        "genrebench infer albums/ --model results/gtzan --top-k 3",
        "genrebench infer song.mp3 --timeline --picture song.png",
        "genrebench infer song.mp3 --json",
        "genrebench infer albums/ --output genres.csv",
        "genrebench infer albums/ --format audacity --output labels/",
        "genrebench infer collection/ --output genres.jsonl --resume",
        "genrebench infer collection/ --format parquet --output genres/ --resume",
        "find . -name '*.mp3' -print0 | genrebench infer -",
        "genrebench infer inbox/ --move-to sorted/ --dry-run",
    ),
)
@click.argument("paths", metavar="FILE_OR_FOLDER...", type=PLACE, nargs=-1, required=True)
@model_option
@click.option("--top-k", type=COUNT, help="Genres told of each recording.  [default: 1 in text, all in other formats]")
@click.option(
    "--min-confidence",
    type=Amount(0, 1),
    metavar="PROBABILITY",
    help="Call what is less probable uncertain.  [default: what the model learned]",
)
@click.option(
    "--overlap",
    type=Amount(0, MAX_OVERLAP),
    metavar="SHARE",
    help="Share that consecutive segments have in common.  [default: that of the model's training]",
)
@click.option("--timeline", is_flag=True, help="Tell the genre of each segment, too, with its start and end.")
@click.option(
    "--picture",
    type=PATH,
    metavar="FILE.png|FOLDER",
    help="Draw each recording's spectrogram with the genres of its segments below it.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(FORMATS),
    help="Format of what is printed or written.  [default: that of the --output's name, or else text]",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--output",
    type=PLACE,
    metavar="FILE_OR_FOLDER",
    help="Write a file instead of printing, or a folder: with a file for each recording, or with Parquet in parts.",
)
@click.option("--resume", is_flag=True, help="Go on with a .jsonl, or Parquet in parts, where a run was stopped.")
@click.option("--overwrite", is_flag=True, help="Replace files of --output and --picture that are there.")
@click.option("--move-to", type=PATH, metavar="FOLDER", help="Move recordings into FOLDER/GENRE/.")
@click.option("--copy-to", type=PATH, metavar="FOLDER", help="Copy recordings into FOLDER/GENRE/.")
@click.option("--tag", is_flag=True, help="Write the genre into the tags of recordings, or of their copies.")
@click.option("--dry-run", is_flag=True, help="Only tell what --move-to, --copy-to and --tag would do.")
@cluster_option
@fetch_option
@click.option("--quiet", "-q", is_flag=True, help="Show no progress and no notes, only results and errors.")
@runner_options
def infer(
    paths: tuple[Path, ...],
    *,
    top_k: int | None,
    timeline: bool,
    picture: Path | None,
    style: str | None,
    as_json: bool,
    output: Path | None,
    resume: bool,
    overwrite: bool,
    cluster: str | None,
    **others: Any,
) -> None:
    """Classify recordings.

    Parameters
    ----------
    top_k : int, optional
        How many genres to tell of each recording.
    **others : object
        Options of the model, and of what is done to the recordings.
    """
    from genrebench.audio.finding import find_recordings
    from genrebench.cli.classifying import Extras, classify
    from genrebench.cli.output import terminal_width
    from genrebench.cli.progress import display
    from genrebench.system.cluster.choice import executor_for
    from genrebench.system.memory import keep_freed_memory

    _check_together(resume=resume, overwrite=overwrite, picture=picture, output=output, **others)
    name = format_name("json" if as_json else style, output)
    goes_on = _goes_on(name, output, asked=resume)
    keep_freed_memory()
    problems: list[AudioError] = []
    named = _named(paths)
    recordings = list(dict.fromkeys(find_recordings(named, problems)))
    if not recordings and name == "text" and output is None:
        raise problems[0]
    model = _load(**others)
    version = model_row(model)
    places = unique_places(named, recordings)
    extras = Extras(
        top_k=None if name == "text" else top_k,
        timeline=timeline or format_class(name).timed or in_parts(name, output),
        pictures=picture_places(picture, places, overwrite=overwrite or resume),
        sorter=_sorter(places, **others),
    )
    layout = Layout(
        genres=model.genres,
        top_k=top_k,
        timeline=extras.timeline,
        actions=extras.sorter.keys if extras.sorter else (),
        paths=[str(path) for path in recordings],
        width=None if output else terminal_width(),
    )
    with (
        display("classifying", "recordings", total=len(recordings), rate=True) as bar,
        open_rows(
            name,
            layout,
            output,
            recordings,
            bar=bar,
            places=places,
            journal=functools.partial(_journal, name, version, layout, resume=resume, overwrite=overwrite),
            overwrite=overwrite,
        ) as rows,
    ):
        bar.update(total=len(rows.todo))
        for problem in problems:
            bar.echo_err(f"Error: {problem}")
            rows.add(failure_row(problem) | version)
        where = executor_for(None, cluster, bar.note) if cluster else None
        # Lines are put in order at the end, and in parts there is none: a slow recording holds up no other.
        done = sum(1 for _ in classify(model, rows, bar, extras=extras, executor=where, any_order=goes_on))
        if extras.sorter and extras.sorter.dry_run:
            bar.note("nothing was moved, copied or tagged (--dry-run)")
    failed = len(rows.todo) - done
    if output is not None:
        _tell(output, done, failed, len(recordings) - len(rows.todo) if goes_on else None)
    if failed or problems:
        raise click.exceptions.Exit(1)


def _tell(output: Path, done: int, failed: int, there: int | None) -> None:
    """Report what was written, and how many rows were there before, where a batch goes on."""
    from genrebench.cli.output import counted, echo, is_quiet

    if not is_quiet():
        before = "" if there is None else f"{there} already there, "
        echo(f"{escaped(output)}: {counted(done, 'recording')} classified, {before}{failed} failed")


def _check_together(
    *,
    resume: bool,
    overwrite: bool,
    picture: Path | None,
    output: Path | None,
    move_to: Path | None,
    copy_to: Path | None,
    tag: bool,
    dry_run: bool,
    **_others: Any,
) -> None:
    """Refuse options that mean nothing together, and places that take nothing."""
    if resume and overwrite:
        raise click.UsageError("--resume keeps what --overwrite replaces; give one of them")
    if move_to is not None and (copy_to is not None or resume):
        raise click.UsageError(
            "--move-to goes without --copy-to and without --resume: what was moved is not there any more, so the same "
            "command goes on with the rest"
        )
    if dry_run and not (move_to or copy_to or tag):
        raise click.UsageError("--dry-run tells what --move-to, --copy-to or --tag would do; give one of them")
    if overwrite and not (output or picture):
        raise click.UsageError("--overwrite replaces files of --output and --picture; give one of them")
    check_places(output, picture, {"--move-to": move_to, "--copy-to": copy_to})


def _goes_on(name: str, output: Path | None, *, asked: bool) -> bool:
    """Return whether a run into such an output could be gone on with; refuse it if that is asked of another."""
    can = in_parts(name, output) or (name == "jsonl" and output is not None and not is_folder(output))
    if asked and not can:
        raise click.UsageError(
            "--resume goes on with an --output FILE.jsonl, or a FOLDER with --format parquet; give one"
        )
    if can and isinstance(output, RemotePath):
        raise click.UsageError(
            f"--output {escaped(output)}: lines of JSON, and Parquet in parts, are added to row by row, which no URL "
            "can be; give a place here and copy it afterwards, or a URL that ends with .parquet, .csv or .json, which "
            "is put there whole at the end"
        )
    return can


def _named(paths: Iterable[Path]) -> list[Path]:
    """List files and folders; ``-`` stands for a list of them on standard input.

    A name ends with a line's end, or, if there is one anywhere, with a zero byte, as ``find -print0`` writes it.

    Raises
    ------
    ConfigError
        If the list is empty.
    """
    named: list[Path] = []
    for path in paths:
        if str(path) != "-":
            named.append(path)
            continue
        content = sys.stdin.buffer.read() if sys.stdin else b""
        names = content.split(b"\0") if b"\0" in content else content.splitlines()
        found = [as_path(os.fsdecode(name)) for name in names if name.strip()]
        if not found:
            raise ConfigError("-: expected files and folders on standard input, one in a line, received none")
        named += found
    return named


def _load(
    *,
    model: Path | None,
    backend: str,
    device: str,
    min_confidence: float | None,
    overlap: float | None,
    **_others: Any,
) -> Model:
    """Load the model that was asked for, or else the newest, and change what was asked for."""
    from genrebench.cli.output import echo_err, is_quiet

    if model is None:
        model = newest_model(Path("results"))
        if not is_quiet():
            where = "comes with genrebench" if model == Path(BUILTIN) else "the newest in results/"
            echo_err(f"model: {escaped(model)} ({where})")
    loaded = Model.load(model, backend=backend, device=device)
    if min_confidence is not None:
        loaded = replace(loaded, calibration=replace(loaded.calibration, uncertain_below=min_confidence))
    return loaded if overlap is None else replace(loaded, overlap=overlap)


def _sorter(
    places: Mapping[str, Path], *, move_to: Path | None, copy_to: Path | None, tag: bool, dry_run: bool, **_others: Any
) -> "Sorter | None":
    """Prepare to do something to the recordings, if that was asked for."""
    from genrebench.cli.sorting import Sorter, require_mutagen

    if tag:
        require_mutagen()
    folder = move_to or copy_to
    if folder is None and not tag:
        return None
    return Sorter(folder=folder, move=move_to is not None, tag=tag, dry_run=dry_run, places=places)


def _journal(name: str, version: Row, layout: Layout, path: Path, *, resume: bool, overwrite: bool) -> Journal | Parts:
    """Open what a run that was stopped goes on with."""
    made_by = _made_by(version, layout)
    if name == "parquet":
        return Parts(path, made_by, layout, resume=resume, overwrite=overwrite)
    return Journal(path, made_by, resume=resume, overwrite=overwrite)


def _made_by(version: Row, layout: Layout) -> str:
    """Describe all that a row depends on but the recording."""
    parts = [version["model_version"], str(layout.top_k or "all")]
    return "/".join([*parts, *["timeline"] * layout.timeline, *layout.actions])
