"""Which recordings some paths name, as a command line does: files, and folders of them."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from natsort import natsorted

from genrebench.audio.recordings import EXPECTED, files_below, is_no_file, is_recording
from genrebench.errors import AudioError
from genrebench.system.files import StrPath
from genrebench.system.remote import RemotePath, as_path


def find_recordings(paths: Iterable[StrPath], problems: list[AudioError] | None = None) -> Iterator[Path]:
    """List the recordings that some paths name.

    Parameters
    ----------
    paths : iterable of str or PathLike
        Files, taken as they are, and folders, searched through with their subfolders, linked ones included.
    problems : list of AudioError, optional
        Takes what is wrong with a folder, instead of it being raised.

    Yields
    ------
    Path
        Recordings, those of a folder in natural order.

    Raises
    ------
    AudioError
        If a folder holds no recording, or cannot be listed.
    """
    noted: list[AudioError] = [] if problems is None else problems
    for path in map(as_path, paths):
        if not path.is_dir():
            yield path
            continue
        if isinstance(path, RemotePath):
            files: list[Path] = [file for file in path.files() if is_recording(file)]
        else:
            files = [file for file in files_below(path, noted) if is_recording(file) and not is_no_file(file)]
        if not files:
            noted.append(AudioError(f"{EXPECTED} in the folder, found none", path=path))
        if problems is None and noted:
            raise noted[0]
        yield from natsorted(files, key=str)
