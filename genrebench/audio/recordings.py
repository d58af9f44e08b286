"""Which files are recordings, and which are those of a dataset."""

import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from natsort import natsorted

from genrebench.errors import AudioError, DatasetError, escaped
from genrebench.system.files import sha256
from genrebench.system.remote import RemotePath

# What libsndfile and FFmpeg decode, videos included; a folder's other files are not recordings.
EXTENSIONS = frozenset(
    f".{name}"
    for name in (
        "3gp aac ac3 aif aifc aiff amr ape asf au avi caf dts eac3 flac flv m4a m4b m4v mka mkv mov mp2 mp3 mp4 mpc "
        "mpeg mpg oga ogg ogv opus rf64 snd tak tta voc w64 wav wave webm wma wmv wv"
    ).split()
)
SPECTROGRAMS = "genres_mel_npz"
# Ends the name of the packed copy of a tree.
PACKED = ".packed"
EXPECTED = "expected recordings (wav, au, flac, ogg, mp3, m4a, opus and others)"
# What systems and network disks put into folders; hidden ones begin with a dot.
_SYSTEM_FOLDERS = frozenset(
    "@eadir @recycle @recently-snapshot @tmp #recycle #snapshot $recycle.bin recycler __macosx lost+found".split()
) | {"system volume information"}
# Folders of these names are parts of a split, with the genres in them.
_PARTS = frozenset("train training test testing val valid validation dev eval".split())
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip", ".7z", ".rar")
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
# A segment's name adds a number and .npz to the track's, and file systems take 255 bytes.
_LONGEST_TRACK = 240


def is_recording(path: Path) -> bool:
    """Return whether a file is a recording by its extension; hidden ones, as macOS leaves in archives, are none."""
    return path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")


@dataclass(frozen=True)
class Recording:
    """One recording of the dataset.

    Attributes
    ----------
    genre : str
        Name of its folder.
    track : str
        File name without extension, behind the names of the folders between it and the genre's.
    path : Path
        The file.
    source : str
        The file relative to the folder of genres: ``<genre>/<file>``.
    """

    genre: str
    track: str
    path: Path
    source: str

    @property
    def key(self) -> str:
        """Name the track as the manifest does: ``<genre>/<track>``."""
        return f"{self.genre}/{self.track}"


def originals(dataset: Path) -> Path:
    """Find the folder of genre folders of a dataset, as GTZAN, Kaggle's copy of it, and people's own have it.

    Raises
    ------
    DatasetError
        If there is none.
    """
    named = dataset / "genres_original"
    if isinstance(dataset, RemotePath):
        return named if named.is_dir() else dataset
    if named.is_dir() or not dataset.is_dir():
        places = [named]
    elif Path(os.path.realpath(dataset)).name == "genres_original":
        places = [dataset]
    else:
        nested = [*dataset.glob("*/genres_original"), *dataset.glob("*/*/genres_original")]
        unpacked = [place for place in dataset.glob("*/genres") if _has_genres(place)]
        usual = (dataset / "genres", *(unpacked if len(unpacked) == 1 else ()), dataset)
        places = nested or [place for place in usual if _has_genres(place)]
    if len(places) > 1 and places[0].name == "genres_original":
        raise DatasetError(
            f"expected one genres_original/, found {escaped(places[0])} and {escaped(places[1])}; "
            "give one as --dataset",
            path=dataset,
        )
    if not places or not places[0].is_dir():
        found, remedy = "none", "put recordings in <genre>/ there"
        inside = list(dataset.iterdir()) if dataset.is_dir() else [dataset] if dataset.is_file() else []
        if loose := sum(map(is_recording, inside)):
            found = f"{loose} recordings without genre folders"
        elif archives := [path.name for path in natsorted(inside) if path.name.lower().endswith(_ARCHIVES)]:
            found, remedy = f"{escaped(archives[0])}, an archive", "unpack it first, and give the folder"
        elif not dataset.exists():
            found, named = "no such folder", dataset
        raise DatasetError(f"expected a folder of genre folders, found {found}; {remedy}", path=named)
    return places[0]


def _has_genres(folder: Path) -> bool:
    """Return whether some folder in this one holds a recording."""
    return any(is_recording(path) for genre in _subfolders(folder) for path in files_below(genre, []))


def _subfolders(folder: Path) -> list[Path]:
    """List the folders that may be genres."""
    if not folder.is_dir():
        return []
    return [path for path in natsorted(folder.iterdir()) if path.is_dir() and not _is_system(path.name)]


def _is_system(name: str) -> bool:
    """Return whether a folder is hidden, the system's, or holds spectrograms."""
    return name.startswith(".") or name.lower() in _SYSTEM_FOLDERS or name.removesuffix(PACKED) == SPECTROGRAMS


def files_below(folder: Path, problems: list[AudioError], root: Path | None = None) -> Iterator[Path]:
    """Go through the files of a folder and its subfolders, linked ones included, but no folder twice.

    Parameters
    ----------
    root : Path, optional
        Where no link may lead back to, since what is in it belongs to other genres, too.
    """
    seen = set()
    above = [] if root is None else [root, *Path(os.path.realpath(root)).parents]
    outside = {(status.st_dev, status.st_ino) for status in (place.stat() for place in above)}

    def note(error: OSError) -> None:
        """Note a folder that cannot be listed."""
        problems.append(AudioError(f"cannot be read ({error.strerror})", path=error.filename))

    for place, folders, names in os.walk(folder, followlinks=True, onerror=note):
        status = Path(place).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        if (status.st_dev, status.st_ino) in outside:
            problems.append(AudioError("a link back to a folder that holds it, which was not followed", path=place))
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = natsorted(name for name in folders if not _is_system(name))
        yield from (Path(place) / name for name in natsorted(names))


def is_no_file(path: Path) -> bool:
    """Return whether something is a pipe, a device or a socket; a link to nowhere is refused when it is read."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def dataset_recordings(dataset: Path, notes: list[str] | None = None) -> list[Recording]:
    """List the recordings of a dataset in natural order.

    Parameters
    ----------
    notes : list of str, optional
        Takes remarks on what was left out.

    Raises
    ------
    DatasetError
        If there is no such folder, no genre folder, or no recording.
    """
    root = originals(dataset)
    notes = [] if notes is None else notes
    if isinstance(root, RemotePath):
        return _stored_recordings(root, notes)
    genres = _subfolders(root)
    if not genres:
        raise DatasetError(
            "expected genre folders such as blues/, found none; sort the recordings into them", path=root
        )
    if all(folder.name.isdecimal() and len(folder.name) == 3 for folder in genres):
        raise DatasetError(
            f"expected genre folders, found {genres[0].name}/ as FMA has them, whose genres stand in its tracks.csv; "
            "sort the recordings as docs/reliability.md shows",
            path=root,
        )
    if all(folder.name.lower() in _PARTS for folder in genres):
        raise DatasetError(
            f"expected genre folders, found {escaped(genres[0].name)}/, which is a part of a split; give it as "
            "--dataset, or put the recordings of all parts into one folder for each genre",
            path=root,
        )
    recordings: list[Recording] = []
    others: Counter[str] = Counter()
    problems: list[AudioError] = []
    for folder in genres:
        files = [path for path in files_below(folder, problems, root) if not path.name.startswith(".")]
        found = [path for path in files if is_recording(path) and not is_no_file(path)]
        recordings += [_recording(folder, path) for path in found]
        taken = set(found)
        rest = [path for path in files if path not in taken and path.name.lower() not in _SYSTEM_FILES]
        kinds = Counter(path.suffix.lower() or "no extension" for path in rest)
        if not found:
            only = f", only {_counted(kinds)}" if kinds else ""
            notes.append(f"genre {escaped(folder.name)} has no recording{only}; it will be no class")
        others += kinds
    if not recordings:
        raise DatasetError(f"{EXPECTED} in the genre folders, found none", path=root)
    notes += _left_out(root, others)
    notes += map(str, problems)
    notes += _lookalikes([folder.name for folder in genres])
    notes += _misplaced(genres, recordings)
    return recordings


def _stored_recordings(root: RemotePath, notes: list[str]) -> list[Recording]:
    """List the recordings of genre folders in a store of objects, in natural order."""
    files = natsorted(root.files(), key=str)
    inside = {path: path.relative_to(root).parts for path in files}
    in_genres = [path for path, parts in inside.items() if not any(map(_is_system, parts[:-1])) and len(parts) > 1]
    recordings = [_recording(root / inside[path][0], path) for path in in_genres if is_recording(path)]
    if not recordings:
        raise DatasetError(f"{EXPECTED} in <genre>/ there, found none", path=str(root))
    if others := Counter(path.suffix.lower() or "no extension" for path in in_genres if not is_recording(path)):
        notes.append(f"{others.total()} files in the genre folders are no recordings: {_counted(others)}")
    return recordings


def describe_recordings(recordings: Sequence[Recording]) -> str:
    """Say in a few words what was found: how many, of which kinds, in how many genres, and how deep.

    Examples
    --------
    >>> found = [_recording(Path("rock"), Path("rock", name)) for name in ("a.wav", "b.MP3", "live/c.wav")]
    >>> describe_recordings(found)
    '3 recordings (2 wav and 1 mp3) in 1 genres, 1 of them in folders below'
    """
    kinds = _counted(Counter(recording.path.suffix.lower().removeprefix(".") for recording in recordings))
    below = sum(recording.source.count("/") > 1 for recording in recordings)
    genres = len({recording.genre for recording in recordings})
    deep = f", {below} of them in folders below" if below else ""
    return f"{len(recordings)} recordings ({kinds}) in {genres} genres{deep}"


def _recording(folder: Path, path: Path) -> Recording:
    """Describe a recording in a genre's folder, or below it."""
    inside = path.relative_to(folder)
    track = " - ".join([*inside.parts[:-1], inside.stem])
    if len(os.fsencode(track)) > _LONGEST_TRACK:
        digest = sha256([os.fsencode(track)])[:10]
        while len(os.fsencode(track)) > _LONGEST_TRACK - len(digest) - 1:
            track = track[:-1]
        track = f"{track}~{digest}"
    return Recording(folder.name, track, path, f"{folder.name}/{inside.as_posix()}")


def _counted(kinds: Counter[str]) -> str:
    """Format how many files of each kind there are: ``3 .txt and 1 .jpg``."""
    return " and ".join(f"{count} {escaped(kind)}" for kind, count in kinds.most_common(4))


def _left_out(root: Path, others: Counter[str]) -> list[str]:
    """Remark on what lies in and beside the genre folders and is no recording of a genre."""
    found = []
    if others:
        found.append(f"{others.total()} files in the genre folders are no recordings: {_counted(others)}")
    loose = [path.name for path in natsorted(root.iterdir()) if is_recording(path) and not path.is_dir()]
    if loose:
        found.append(
            f"{len(loose)} recordings beside the genre folders were left out, such as {escaped(loose[0])}; "
            "move them into one"
        )
    found += [
        f"genre {escaped(path.name)} is a link that leads nowhere; it will be no class"
        for path in natsorted(root.iterdir())
        if path.is_symlink() and not path.exists() and not path.name.startswith(".") and not is_recording(path)
    ]
    return found


def _lookalikes(genres: list[str]) -> list[str]:
    """Remark on genres whose names differ in capitals, blanks or the form of their letters only."""
    groups: dict[str, list[str]] = {}
    for name in genres:
        plain = unicodedata.normalize("NFKC", name).casefold()
        groups.setdefault("".join(plain.split()).replace("_", "").replace("-", ""), []).append(name)
    return [
        f"genres {' and '.join(escaped(repr(name)) for name in names)} look like one, and will be {len(names)}; "
        "rename them if they are"
        for names in groups.values()
        if len(names) > 1
    ]


def _misplaced(genres: list[Path], recordings: list[Recording]) -> list[str]:
    """Remark on genres that are one folder, and on one that seems to hold the genres."""
    groups: dict[str, list[str]] = {}
    for folder in genres:
        groups.setdefault(os.path.realpath(folder), []).append(folder.name)
    found = [
        f"genres {' and '.join(escaped(name) for name in names)} are links to one folder, whose recordings will train "
        "as each of them; remove all but one"
        for names in groups.values()
        if len(names) > 1
    ]
    below = list(dict.fromkeys(recording.source.split("/")[1] for recording in recordings))
    is_nested = all(recording.source.count("/") > 1 for recording in recordings)
    if is_nested and len({recording.genre for recording in recordings}) == 1 and len(below) > 1:
        name = escaped(recordings[0].genre)
        names = " and ".join(map(escaped, below[:2]))
        found.append(f"{name} is the only genre; if {names} in it are the genres, give the folder {name} as --dataset")
    return found
