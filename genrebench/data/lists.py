"""What users say of tracks in files of their own: lists of a split's parts, and a table of artists."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from genrebench.audio.recordings import EXTENSIONS
from genrebench.errors import DatasetError
from genrebench.system.files import StrPath, escaped, read_file

_MAX_BYTES = 16 * 2**20
# How many of many names are said.
_NAMED = 3


@dataclass(frozen=True)
class TrackList:
    """A list of tracks, as a dataset knows them.

    Attributes
    ----------
    tracks : tuple of str
        Those that the dataset has, ``<genre>/<track>``, in the order of the file.
    unknown : tuple of str
        Those that it does not have, as the file has them.
    """

    tracks: tuple[str, ...]
    unknown: tuple[str, ...]


def read_track_list(path: StrPath, tracks: Iterable[str]) -> TrackList:
    """Read a list with one track per line, such as ``blues/blues.00000.wav``, ``blues.00000`` or ``blues/blues.00000``.

    Parameters
    ----------
    path : str or PathLike
        Text with any line ends; empty lines and such as begin with ``#`` are no tracks.
    tracks : iterable of str
        Those of the dataset, ``<genre>/<track>``.

    Raises
    ------
    DatasetError
        If the file cannot be read, names no track of the dataset, or a name without a folder means several.
    """
    names = _Names(tracks, Path(path))
    lines = [line.strip() for line in re.split(r"\r\n|\r|\n", _read_text(Path(path)))]
    found = {line: names.find(line) for line in lines if line and not line.startswith("#")}
    known = tuple(dict.fromkeys(track for track in found.values() if track is not None))
    unknown = tuple(line for line, track in found.items() if track is None)
    if not known:
        received = f"{len(unknown)} others, such as {escaped(unknown[0])}" if unknown else "none"
        raise DatasetError(f"expected tracks of the dataset, one per line, received {received}", path=path)
    return TrackList(known, unknown)


def read_artists(path: StrPath, tracks: Sequence[str]) -> dict[str, str]:
    """Read who made the tracks: a table with the columns ``track`` and ``artist``.

    Parameters
    ----------
    path : str or PathLike
        CSV, with or without a header; columns are separated by commas, semicolons or tabs. Rows of other tracks are
        passed over.
    tracks : sequence of str
        Those of the dataset, ``<genre>/<track>``.

    Returns
    -------
    dict of str to str
        Artist by track, in small letters; no entry for a track whose artist is left empty.

    Raises
    ------
    DatasetError
        If the file cannot be read, has no row for a track, or two artists for one.
    """
    path = Path(path)
    names = _Names(tracks, path)
    text = _read_text(path)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row)]
    header = [cell.strip().casefold() for cell in rows[0]] if rows else []
    columns = (header.index("track"), header.index("artist")) if {"track", "artist"} <= set(header) else None
    artists: dict[str, str] = {}
    for row in rows if columns is None else rows[1:]:
        track_column, artist_column = columns or (0, 1)
        if len(row) <= max(track_column, artist_column):
            raise DatasetError(f"expected a track and its artist in each row, received {row!r}", path=path)
        track, artist = names.find(row[track_column].strip()), " ".join(row[artist_column].split()).casefold()
        if track is not None and artists.setdefault(track, artist) != artist:
            raise DatasetError(
                f"expected one artist for {escaped(track)}, received {artists[track]!r} and {artist!r}", path=path
            )
    if missing := [track for track in tracks if track not in artists]:
        raise DatasetError(
            f"expected a row for each of {len(tracks)} tracks, found none for {naming(missing)}; leave the artist "
            "empty where it is not known",
            path=path,
        )
    return {track: artist for track, artist in artists.items() if artist}


def naming(names: Sequence[str]) -> str:
    """Name some of many: the first few, and how many there are besides.

    Examples
    --------
    >>> naming(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(map(escaped, names[:_NAMED])) + more


class _Names:
    """The names by which a file may mean the tracks of a dataset."""

    def __init__(self, tracks: Iterable[str], path: Path) -> None:
        """Prepare to look names up."""
        self._path = path
        self._full = set(tracks)
        self._bare: dict[str, list[str]] = {}
        for track in sorted(self._full):
            self._bare.setdefault(track.partition("/")[2], []).append(track)

    def find(self, name: str) -> str | None:
        """Find the track that is meant, with or without folder and suffix; None if there is none."""
        *folders, file = name.replace("\\", "/").split("/")
        stem, _, suffix = file.rpartition(".")
        # A track may be called blues.00000: what follows its last dot is no suffix of a recording.
        for track in (file, stem) if f".{suffix.lower()}" in {*EXTENSIONS, ".npz"} else (file,):
            if folders and (key := f"{folders[-1]}/{track}") in self._full:
                return key
            bare = self._bare.get(track, []) if not folders else []
            if len(bare) > 1:
                raise DatasetError(
                    f"expected the genre before {escaped(track)}, which may be {' or '.join(map(escaped, bare))}",
                    path=self._path,
                )
            if bare:
                return bare[0]
        return None


def _read_text(path: Path) -> str:
    """Read a text of the user's; anything else is refused by name."""
    content = read_file(path, expected="a list of tracks", error=DatasetError, max_bytes=_MAX_BYTES)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"expected text in UTF-8 ({error.reason} at byte {error.start})", path=path) from error
