"""Where rows go: the terminal or a pipe, one file, or a folder with a file for each recording."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from genrebench.cli.rows.formats import Format
from genrebench.cli.rows.journal import Journal
from genrebench.cli.rows.parts import Parts
from genrebench.errors import ConfigError, escaped
from genrebench.model.rows import Row
from genrebench.system.files import write_atomically, writing_atomically

if TYPE_CHECKING:
    from genrebench.cli.progress import Display


class Rows(NamedTuple):
    """A place that takes rows.

    Attributes
    ----------
    todo : sequence of Path
        Recordings that have no row yet.
    add : callable
        Called with each row as soon as there is one.
    """

    todo: Sequence[Path]
    add: Callable[[Row], None]


@contextmanager
def on_terminal(style: Format, recordings: Sequence[Path], bar: "Display") -> Iterator[Rows]:
    """Print rows to standard output, which may be a pipe; what was begun is ended whatever happens."""
    begun = False

    def begin() -> None:
        """Print what stands before all rows, once there is one."""
        nonlocal begun
        if not begun:
            begun = True
            bar.write(style.begin())

    def add(row: Row) -> None:
        """Print a row."""
        begin()
        bar.write(style.row(row))

    try:
        yield Rows(recordings, add)
        begin()
    finally:
        if begun:
            bar.write(style.end())


@contextmanager
def in_file(style: Format, recordings: Sequence[Path], path: Path, *, overwrite: bool) -> Iterator[Rows]:
    """Write a file that is whole or absent.

    Raises
    ------
    ConfigError
        If it is there already, and is not to be replaced.
    """
    refuse_existing("--output", [path], overwrite=overwrite)
    with writing_atomically(path) as file:

        def add(row: Row) -> None:
            """Write a row."""
            file.write(style.row(row))

        file.write(style.begin())
        yield Rows(recordings, add)
        file.write(style.end())


@contextmanager
def in_folder(
    make: Callable[[], Format], targets: Mapping[str, Path], recordings: Sequence[Path], *, overwrite: bool
) -> Iterator[Rows]:
    """Write a file for each recording, each whole or absent.

    Parameters
    ----------
    make : callable
        Makes the format of a file.
    targets : mapping of str to Path
        File of each recording.

    Raises
    ------
    ConfigError
        If one is there already, and is not to be replaced.
    """
    refuse_existing("--output", targets.values(), overwrite=overwrite)

    def add(row: Row) -> None:
        """Write a file; of what is no recording, such as an empty folder, there is none."""
        style = make()
        if row["path"] in targets and (style.has_failures or "genre" in row):
            target = targets[row["path"]]
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(target, style.begin() + style.row(row) + style.end(), durable=False)

    yield Rows(recordings, add)


@contextmanager
def in_journal(journal: Journal | Parts, recordings: Sequence[Path]) -> Iterator[Rows]:
    """Write rows that a run that was stopped goes on with; of what is no recording there is none."""
    known = {str(path) for path in recordings}
    with journal.writing(recordings) as todo:
        yield Rows(todo, lambda row: journal.add(row) if row["path"] in known else None)


def unique_places(paths: Iterable[Path], recordings: Iterable[Path]) -> dict[str, Path]:
    """Choose relative names for recordings, under which they can lie together.

    Parameters
    ----------
    paths : iterable of Path
        Files and folders that were named; what was found in a folder keeps the folders between.
    recordings : iterable of Path
        What was found in them.

    Returns
    -------
    dict of str to Path
        Of each recording; where two would have the same, the second one's ends with `` (2)``.

    Examples
    --------
    >>> places = unique_places([], [Path("a/1.wav"), Path("b/1.wav")])
    >>> [place.name for place in places.values()]
    ['1.wav', '1 (2).wav']
    """
    folders = [path for path in paths if path.is_dir()]
    places: dict[str, Path] = {}
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    for recording in dict.fromkeys(recordings):
        inside = (recording.relative_to(folder) for folder in folders if recording.is_relative_to(folder))
        place = next(inside, Path(recording.name))
        if ".." in place.parts:  # a folder such as ./.. that stands in itself
            place = Path(recording.name)
        first, number, name = str(place).casefold(), numbers.get(str(place).casefold(), 1), place
        while str(name).casefold() in taken:  # some file systems do not tell capitals apart
            number += 1
            name = place.with_name(f"{place.stem} ({number}){place.suffix}")
        numbers[first] = number
        taken.add(str(name).casefold())
        places[str(recording)] = name
    return places


def refuse_existing(option: str, paths: Iterable[Path], *, overwrite: bool) -> None:
    """Refuse to replace what is there, unless that was asked for.

    Parameters
    ----------
    option : str
        By which the paths were named.

    Raises
    ------
    ConfigError
        If one is there.
    """
    there = next((path for path in paths if path.exists()), None)
    if there is not None and (there.is_dir() or not overwrite):
        hint = "choose another" if there.is_dir() else "replace it by --overwrite, or choose another"
        raise ConfigError(f"{option} {escaped(there)}: is there already; {hint}")
