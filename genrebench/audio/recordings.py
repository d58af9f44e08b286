"""Which files are recordings: those of a dataset, and those that a command line names."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from natsort import natsorted

from genrebench.errors import AudioError, DatasetError
from genrebench.system.files import StrPath

# What libsndfile decodes; a folder's other files are not recordings.
EXTENSIONS = frozenset({".aif", ".aiff", ".au", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".wav"})
_EXPECTED = "expected recordings (wav, au, flac, ogg, mp3)"


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
        File name without extension.
    path : Path
        The file.
    """

    genre: str
    track: str
    path: Path

    @property
    def key(self) -> str:
        """Name the track as the manifest does: ``<genre>/<track>``."""
        return f"{self.genre}/{self.track}"

    @property
    def source(self) -> str:
        """Name the file relative to ``genres_original/``: ``<genre>/<file>``."""
        return f"{self.genre}/{self.path.name}"


def dataset_recordings(dataset: Path) -> list[Recording]:
    """List the recordings of a dataset in natural order.

    Raises
    ------
    DatasetError
        If there is no such folder, no genre folder, or no recording.
    """
    root = dataset / "genres_original"
    if not root.is_dir():
        raise DatasetError(
            "expected a folder of genre folders, found none; put recordings in <genre>/ there", path=root
        )
    genres = [folder for folder in natsorted(root.iterdir()) if folder.is_dir() and not folder.name.startswith(".")]
    if not genres:
        raise DatasetError(
            "expected genre folders such as blues/, found none; sort the recordings into them", path=root
        )
    recordings = [
        Recording(folder.name, path.stem, path)
        for folder in genres
        for path in natsorted(folder.iterdir())
        if is_recording(path)
    ]
    if not recordings:
        raise DatasetError(f"{_EXPECTED} in the genre folders, found none", path=root)
    return recordings


def find_recordings(paths: Iterable[StrPath]) -> Iterator[Path]:
    """List the recordings that some paths name.

    Parameters
    ----------
    paths : iterable of str or PathLike
        Files, taken as they are, and folders, searched through with their subfolders.

    Yields
    ------
    Path
        Recordings, those of a folder in natural order.

    Raises
    ------
    AudioError
        If a folder holds no recording.
    """
    for path in map(Path, paths):
        if not path.is_dir():
            yield path
            continue
        found = [Path(folder) / name for folder, _, names in os.walk(path) for name in names]
        recordings = natsorted(filter(is_recording, found))
        if not recordings:
            raise AudioError(f"{_EXPECTED} in the folder, found none", path=path)
        yield from recordings
