"""Recordings sorted into folders of their genres, or tagged with them."""

import errno
import filecmp
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genrebench.errors import AudioError, ConfigError, escaped
from genrebench.model.prediction import Prediction
from genrebench.model.rows import Row
from genrebench.system.files import sync

# Folder of recordings whose answer is uncertain.
UNCERTAIN = "uncertain"


@dataclass(frozen=True, kw_only=True)
class Sorter:
    """Puts recordings where they belong.

    Attributes
    ----------
    folder : Path, optional
        Where the folders of the genres are, or are made.
    move : bool
        Whether recordings are moved there; otherwise they are copied.
    tag : bool
        Whether the genre is written into the recording, or into its copy; not if it is uncertain.
    dry_run : bool
        Whether nothing is done.
    places : mapping of str to Path
        Name of each recording in its folder.
    """

    folder: Path | None
    move: bool
    tag: bool
    dry_run: bool
    places: Mapping[str, Path]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of a row that tell what was done."""
        placed = () if self.folder is None else ("moved_to" if self.move else "copied_to",)
        return (*placed, *(("tagged",) if self.tag else ()), *(("dry_run",) if self.dry_run else ()))

    def act(self, prediction: Prediction, row: Row) -> None:
        """Move, copy and tag a recording.

        Parameters
        ----------
        row : dict
            Takes what was done, also before something failed: the new path, and the genre that it was tagged with; or
            what would be, with ``dry_run``.

        Raises
        ------
        AudioError
            If it could not be done, or the new place is taken.
        """
        if self.dry_run:
            row["dry_run"] = True
        path = prediction.path
        try:
            if self.folder is not None:
                genre = UNCERTAIN if prediction.uncertain else folder_name(prediction.genre)
                target = self.folder / genre / self.places[str(path)]
                if not path.absolute().is_relative_to(self.folder.absolute() / genre):
                    self._place(path, target)
                    row[self.keys[0]] = str(target)
                    path = path if self.dry_run else target
            if self.tag and not prediction.uncertain:
                if not self.dry_run:
                    write_genre(path, prediction.genre)
                row["tagged"] = prediction.genre
        except OSError as error:
            where = f"{escaped(error.filename)}: " if error.filename else ""
            raise AudioError(f"cannot be sorted or tagged ({where}{error.strerror})", path=path) from error

    def _place(self, path: Path, target: Path) -> None:
        """Move or copy one recording; what is at the new place stays, and may be the copy that was made before."""
        if os.path.lexists(target):
            if not self.move and target.is_file() and filecmp.cmp(path, target, shallow=False):
                return
            raise AudioError(f"not sorted, since {escaped(target)} is there already; remove one of them", path=path)
        if self.move and path.is_symlink():
            raise AudioError(
                "not moved, since it is a link; give the file that it leads to, or use --copy-to", path=path
            )
        if self.dry_run:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if self.move:
            try:
                path.rename(target)
                return
            except OSError as error:
                if error.errno != errno.EXDEV:  # the other disk gets a copy, before the recording goes
                    raise
        with _copied(path, target):
            pass
        if self.move:
            path.unlink()


def folder_name(genre: str) -> str:
    """Make the name of a folder of a genre's, whatever the model's maker called it.

    Examples
    --------
    >>> folder_name("rock"), folder_name("R&B/Soul"), folder_name("..")
    ('rock', 'R&B_Soul', '_')
    """
    name = "".join("_" if each in '/\\:*?"<>|' or not each.isprintable() else each for each in genre)
    return name.strip(" .") or "_"


def require_mutagen() -> None:
    """Refuse to begin without what writes tags.

    Raises
    ------
    ConfigError
        If mutagen is not installed.
    """
    try:
        import mutagen  # noqa: F401 - only looked for
    except ModuleNotFoundError as error:
        raise ConfigError("--tag: expected mutagen, which is not installed; pip install 'genrebench[tag]'") from error


def write_genre(path: Path, genre: str) -> None:
    """Write a genre into a recording's tags, in place of the one that is there; the recording is whole at any moment.

    Raises
    ------
    AudioError
        If the file has no tags that mutagen knows.
    """
    import mutagen
    from mutagen.asf import ASFTags
    from mutagen.id3 import ID3

    frame: Any = mutagen.id3.TCON

    whole = Path(os.path.realpath(path))  # a link stays one
    try:
        with _copied(whole, whole) as copy:
            audio: Any = mutagen.File(copy, easy=True)
            if audio is None:
                raise AudioError("expected a format with tags, such as mp3, flac, ogg or m4a; not tagged", path=path)
            if audio.tags is None:
                audio.add_tags()
            tags: Any = audio.tags
            if isinstance(audio.tags, ID3):
                tags.setall("TCON", [frame(encoding=3, text=[genre])])
            else:
                tags["WM/Genre" if isinstance(audio.tags, ASFTags) else "genre"] = [genre]
            audio.save()
    except (mutagen.MutagenError, NotImplementedError, ValueError, LookupError, TypeError) as error:
        raise AudioError(f"cannot be tagged ({str(error) or type(error).__name__})", path=path) from error


@contextmanager
def _copied(path: Path, target: Path) -> Iterator[Path]:
    """Copy a file beside a place, which it takes, whole, when the context ends without an error."""
    # The suffix says what the file is.
    copy = target.parent / f".{os.getpid()}-{secrets.token_hex(4)}{path.suffix}"
    try:
        shutil.copy2(path, copy)
        yield copy
        sync(copy)
        copy.replace(target)
    finally:
        with suppress(OSError):
            copy.unlink(missing_ok=True)
