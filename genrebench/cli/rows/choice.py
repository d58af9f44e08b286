"""Which format rows get, and which place, by what was asked for."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from genrebench.cli.options import check_output
from genrebench.cli.rows.formats import Format, Layout
from genrebench.cli.rows.journal import Journal
from genrebench.cli.rows.parts import Parts
from genrebench.cli.rows.places import Rows, in_file, in_folder, in_journal, on_terminal, refuse_existing
from genrebench.errors import ConfigError, escaped
from genrebench.system.remote import RemotePath

if TYPE_CHECKING:
    from genrebench.cli.progress import Display

# Formats by name, and where their class is.
_FORMATS = {
    "text": "formats:Text",
    "json": "formats:Json",
    "jsonl": "formats:JsonLines",
    "csv": "formats:Csv",
    "parquet": "parquet:Parquet",
    "audacity": "formats:Audacity",
}
FORMATS = tuple(_FORMATS)
_BY_SUFFIX = {".txt": "text", ".json": "json", ".jsonl": "jsonl", ".csv": "csv", ".parquet": "parquet"}


def is_folder(output: Path) -> bool:
    """Return whether an output is a folder: one that is there, or a new name without the suffix of a format."""
    return output.is_dir() or (output.suffix.lower() not in _BY_SUFFIX and not output.exists())


def in_parts(name: str, output: Path | None) -> bool:
    """Return whether rows go to a folder in parts."""
    return name == "parquet" and output is not None and is_folder(output)


def format_name(asked: str | None, output: Path | None) -> str:
    """Choose a format: the one that was asked for, or else that of the output's name.

    Raises
    ------
    ConfigError
        If the name says another format, or none.
    """
    if output is None:
        return asked or "text"
    if is_folder(output):
        if asked is None:
            raise ConfigError(
                f"--output {escaped(output)}: expected a name that ends with {', '.join(_BY_SUFFIX)}, or for a folder "
                "with a file for each recording a --format; give one"
            )
        return asked
    found = _BY_SUFFIX.get(output.suffix.lower())
    if found is None or (asked is not None and format_class(asked).suffix != output.suffix.lower()):
        suffixes = format_class(asked).suffix if asked else ", ".join(_BY_SUFFIX)
        raise ConfigError(
            f"--output {escaped(output)}: expected a name that ends with {suffixes}, received "
            f"{escaped(output.suffix) or 'none'}; choose another"
        )
    return asked or found


def format_class(name: str) -> type[Format]:
    """Import the class of a format."""
    module, _, attribute = _FORMATS[name].partition(":")
    found: type[Format] = getattr(import_module(f"genrebench.cli.rows.{module}"), attribute)
    return found


def open_rows(
    name: str,
    layout: Layout,
    output: Path | None,
    recordings: Sequence[Path],
    *,
    bar: "Display",
    places: Mapping[str, Path],
    journal: Callable[[Path], Journal | Parts],
    overwrite: bool,
) -> AbstractContextManager[Rows]:
    """Open the place that rows go to.

    Parameters
    ----------
    name : str
        Of the format.
    layout : Layout
        What rows hold.
    output : Path, optional
        File or folder; without, rows are printed.
    recordings : sequence of Path
        What is going to have rows.
    bar : Display
        What stands in the same terminal.
    places : mapping of str to Path
        Name of each recording in a folder.
    journal : callable
        Opens a file of lines of JSON, or a folder of parts.
    overwrite : bool
        Whether files may be replaced.

    Raises
    ------
    ConfigError
        If the format cannot go there, or something is there already.
    """
    style = format_class(name)
    if output is None:
        if name == "parquet":
            raise ConfigError(
                "--format parquet: expected --output FILE.parquet, or a folder for parts, received none; a terminal "
                "cannot show it"
            )
        _require_one(style, name, recordings)
        # A bar puts itself before the stream, and knows no encoding.
        stream = getattr(sys.stdout, "rich_proxied_file", sys.stdout)
        ascii_only = (stream.encoding or "").lower().replace("-", "") != "utf8"
        return on_terminal(style(replace(layout, ascii=ascii_only)), recordings, bar)
    layout = replace(layout, failures=True)
    if in_parts(name, output):
        return in_journal(journal(output), recordings)
    if is_folder(output):
        targets = {path: output / place.with_name(place.name + style.suffix) for path, place in places.items()}
        return in_folder(lambda: style(layout), targets, recordings, overwrite=overwrite)
    _require_one(style, name, recordings)
    if name == "jsonl":
        return in_journal(journal(output), recordings)
    return in_file(style(layout), recordings, output, overwrite=overwrite)


def _require_parent(output: Path) -> None:
    """Refuse a file in a folder that is not there, before anything is classified.

    Raises
    ------
    ConfigError
        If it is not there.
    """
    if not isinstance(output, RemotePath) and not output.parent.is_dir():
        raise ConfigError(
            f"--output {escaped(output)}: expected a folder to write to, {escaped(output.parent)} is none; make it"
        )


def _require_one(style: type[Format], name: str, recordings: Sequence[Path]) -> None:
    """Refuse several recordings where a file holds one."""
    if not style.many and len(recordings) != 1:
        raise ConfigError(
            f"--format {name}: expected --output FOLDER, since each of the {len(recordings)} recordings gets a file of "
            "its own; give one"
        )


def check_places(output: Path | None, picture: Path | None, folders: Mapping[str, Path | None]) -> None:
    """Refuse places that take nothing, before anything is classified for them.

    Parameters
    ----------
    output, picture : Path or None
        What was named by ``--output`` and ``--picture``.
    folders : mapping of str to Path or None
        What was named by other options.

    Raises
    ------
    ConfigError
        If one cannot be written to.
    """
    if output is not None:
        if not is_folder(output):
            _require_parent(output)
        check_output(output, is_file=not is_folder(output))
    if picture is not None:
        check_output(picture, option="--picture", is_file=_is_one_picture(picture))
    for option, folder in folders.items():
        if folder is not None:
            check_output(folder, option=option)


def _is_one_picture(picture: Path) -> bool:
    """Return whether the name of a picture is that of a file."""
    return picture.suffix.lower() == ".png" and not picture.is_dir()


def picture_places(picture: Path | None, places: Mapping[str, Path], *, overwrite: bool) -> dict[str, Path]:
    """Name the picture of each recording.

    Parameters
    ----------
    picture : Path or None
        A file, or the folder of all of them; None for no pictures.
    places : mapping of str to Path
        Where in a folder what belongs to a recording is put.
    overwrite : bool
        Whether one may be there already.

    Raises
    ------
    ConfigError
        If several are to go into one file, or one is there already.
    """
    if picture is None:
        return {}
    if _is_one_picture(picture):
        if len(places) != 1:
            raise ConfigError(
                f"--picture {escaped(picture)}: expected a folder for the pictures of {len(places)} recordings, "
                "received the name of one file"
            )
        found = dict.fromkeys(places, picture)
    else:
        found = {path: picture / place.with_name(f"{place.name}.png") for path, place in places.items()}
    refuse_existing("--picture", found.values(), overwrite=overwrite)
    return found
