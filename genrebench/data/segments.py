"""What lies in a spectrogram tree: tracks with the files of their segments, read only as the manifest has them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from natsort import natsorted
from numpy.typing import NDArray

from genrebench.data.manifest import Manifest
from genrebench.data.tree import segments_digest
from genrebench.errors import DatasetError
from genrebench.system.arrays import read_npz


class TrackFiles(NamedTuple):
    """Where a track's segments are, in few bytes: a library has millions.

    Attributes
    ----------
    name : str
        ``<genre>/<track>``.
    label : int
        Place of its genre.
    numbers : tuple of str
        Of its segments, as their files spell them.
    digest : str
        Of its files as the manifest says it, or an empty text.
    """

    name: str
    label: int
    numbers: tuple[str, ...]
    digest: str

    def files(self, tree: Path) -> list[Path]:
        """Name its segment files."""
        return [tree / f"{self.name}-{number}.npz" for number in self.numbers]


def list_tracks(tree: Path, manifest: Manifest | None) -> tuple[tuple[str, ...], list[TrackFiles]]:
    """List genres and tracks of a tree, in the order that they have in memory."""
    found = _segment_numbers(tree, set(manifest.gone) if manifest else set())
    digests = {name: entry.digest for name, entry in manifest.listed.items()} if manifest else {}
    tracks = [
        TrackFiles(f"{genre}/{name}", label, numbers, digests.get(f"{genre}/{name}", ""))
        for label, genre in enumerate(found)
        for name, numbers in found[genre].items()
    ]
    return tuple(found), tracks


def read_track(track: TrackFiles, tree: Path, into: NDArray[np.float32]) -> None:
    """Read the segments of a track, whose files must be those that the manifest knows.

    Parameters
    ----------
    into : ndarray of float32 [shape=(segments, n_mels, frames)]
        Takes them.

    Raises
    ------
    DatasetError
        If a file is another, is no spectrogram, or has another shape.
    """
    files = track.files(tree)
    if track.digest and segments_digest(files) != track.digest:
        raise DatasetError(
            "expected segments as the manifest says, received others; run genrebench preprocess again to repair the "
            "tree",
            path=files[0],
        )
    for place, path in zip(into, files, strict=True):
        segment = read_segment(path)
        if segment.shape != place.shape:
            raise DatasetError(
                f"expected shape {place.shape} as in the others, received {segment.shape}; one tree holds one set of "
                "settings",
                path=path,
            )
        place[:] = segment


def _segment_numbers(tree: Path, gone: set[str]) -> dict[str, dict[str, tuple[str, ...]]]:
    """List the segments of a tree by genre and track, without tracks that are gone; at least two genres, none empty.

    Tracks are in the natural order of their first files. What is kept of a track is its name: most have the same
    segments, and share the tuple of their numbers as the files spell them.
    """
    if not tree.is_dir():
        raise DatasetError("expected a folder with genres_mel_npz/, found none; run genrebench preprocess", path=tree)
    folders = [folder for folder in natsorted(tree.iterdir()) if folder.is_dir() and not folder.name.startswith(".")]
    if (tree / "genres_original").is_dir():
        raise DatasetError(
            "expected genres_mel_npz/ beside genres_original/; run genrebench preprocess first", path=tree
        )
    if len(folders) < 2:
        raise DatasetError(f"expected at least two genre folders of spectrograms, found {len(folders)}", path=tree)
    shared: dict[tuple[str, ...], tuple[str, ...]] = {}
    found = {folder.name: _tracks(folder, shared) for folder in folders}
    if gone:  # a genre of which nothing is left is no class any more
        left = {
            genre: {track: numbers for track, numbers in tracks.items() if f"{genre}/{track}" not in gone}
            for genre, tracks in found.items()
        }
        found = {genre: tracks for genre, tracks in left.items() if tracks or not found[genre]}
        if len(found) < 2:
            raise DatasetError(
                f"expected at least two genres whose recordings are there, found {len(found)}", path=tree
            )
    empty = [genre for genre, tracks in found.items() if not tracks]
    if empty:
        raise DatasetError(
            "expected segment files <track>-<number>.npz, found none; remove the folder or preprocess again",
            path=tree / empty[0],
        )
    return found


def _tracks(folder: Path, shared: dict[tuple[str, ...], tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """List the tracks of a genre's folder, each with the numbers of its segments."""
    found: dict[str, list[str]] = {}
    for path in folder.iterdir():
        if path.suffix == ".npz" and not path.name.startswith("."):
            track = track_name(path)
            found.setdefault(track, []).append(path.stem[len(track) + 1 :])
    first = {}
    for track, numbers in found.items():
        numbers.sort(key=int)
        first[f"{track}-{numbers[0]}.npz"] = track
    # In natural order of the first files' names.
    tracks = [first[name] for name in natsorted(first)]
    return {track: shared.setdefault(each := tuple(found[track]), each) for track in tracks}


def track_name(path: Path) -> str:
    """Read the track's name off a segment's file name."""
    track, dash, number = path.stem.rpartition("-")
    if not (track and dash and number.isdecimal()):
        raise DatasetError(
            "expected a name such as blues.00000-0.npz, received one without a segment number", path=path
        )
    return track


def read_segment(path: Path) -> NDArray[np.float32]:
    """Read one segment's spectrogram [shape=(n_mels, frames)], all of it finite."""
    array = read_npz(path, "spectrogram")
    if array.ndim != 2 or array.size == 0:
        raise DatasetError(f"expected an array (n_mels, frames), received shape {array.shape}", path=path)
    with np.errstate(over="ignore"):  # what does not fit is refused with the other infinities
        segment = array.astype(np.float32)
    if not np.isfinite(segment).all():
        raise DatasetError("expected finite values, received NaN or infinity; preprocess again", path=path)
    return segment
