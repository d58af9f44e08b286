"""Whether a recording is still the one that a track was made from, by what the system says of its file and by content.

Size and time of change can be those of another file, as after ``cp -p`` or a script that sets them. What the system
notes by itself (the change of the inode, its number) nobody can set; where only that differs, as in a copy of the
whole dataset, the content decides.
"""

from dataclasses import astuple, dataclass
from pathlib import Path

from genrebench.data.manifest import Track
from genrebench.system.files import sha256_of_file


@dataclass(frozen=True)
class FileState:
    """What the system says of a recording's file; -1 if it is gone.

    Attributes
    ----------
    size : int
        Bytes.
    modified_ns : int
        Time of its last change, which programs may set.
    changed_ns : int
        Time at which the system last noted any change of it; on Windows that at which it was made.
    inode : int
        Its number in the file system.
    """

    size: int = -1
    modified_ns: int = -1
    changed_ns: int = -1
    inode: int = -1

    @classmethod
    def of(cls, path: Path) -> "FileState":
        """Ask the system."""
        try:
            status = path.stat()
        except OSError:
            return cls()
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def unchanged(track: Track, path: Path, *, verify: bool = False) -> Track | None:
    """Return the track if its recording is still the one that it was made from, with the state that its file has now.

    Parameters
    ----------
    track : Track
        What the manifest says; where an earlier version wrote it, size and time of change have to do.
    path : Path
        The recording.
    verify : bool
        Whether its content is compared in any case.

    Returns
    -------
    Track or None
        None if the recording is another, or cannot be told from another.
    """
    state = FileState.of(path)
    if track.size != state.size:
        return None
    if not verify:
        if (track.size, track.modified_ns, track.changed_ns, track.inode) == astuple(state):
            return track
        if track.changed_ns is None and track.modified_ns == state.modified_ns:
            return track
    if not track.content:
        return None
    try:
        if sha256_of_file(path) != track.content or FileState.of(path) != state:
            return None
    except OSError:
        return None
    return track.model_copy(update=vars(state))
