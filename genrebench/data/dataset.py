"""A spectrogram tree in memory: arrays, labels, tracks, and how they were made."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from natsort import natsorted
from numpy.typing import NDArray

from genrebench.audio.decode import DECODING
from genrebench.audio.mel import MelConfig
from genrebench.data.manifest import Manifest, manifest_path, read_manifest
from genrebench.data.tree import default_tree
from genrebench.errors import DatasetError
from genrebench.system.arrays import read_npz
from genrebench.system.files import StrPath, escaped
from genrebench.system.memory import require_memory


@dataclass(frozen=True)
class Dataset:
    """All segments of a spectrogram tree.

    Attributes
    ----------
    tree : Path
        Where they were read.
    genres : tuple of str
        Names of the genres in natural order; a label is a place in it.
    spectrograms : ndarray of float32 [shape=(segments, n_mels, frames)]
        One segment after the other, in natural order of genre, track and segment.
    labels : ndarray of int64 [shape=(segments,)]
        Genre of each segment.
    tracks : ndarray of str [shape=(segments,)]
        ``<genre>/<track>`` of each segment.
    mel : MelConfig, optional
        Settings of the spectrograms; None for a tree that another program wrote.
    notes : tuple of str
        What should be known before one trains on it: what is missing, and what does not belong to it any more.
    """

    tree: Path
    genres: tuple[str, ...]
    spectrograms: NDArray[np.float32]
    labels: NDArray[np.int64]
    tracks: NDArray[np.str_]
    mel: MelConfig | None
    notes: tuple[str, ...] = ()


def load_dataset(path: StrPath) -> Dataset:
    """Read a spectrogram tree into memory.

    Parameters
    ----------
    path : str or PathLike
        A folder that holds ``genres_mel_npz/``, or such a tree itself.

    Returns
    -------
    Dataset
        Every segment of the tree.

    Raises
    ------
    DatasetError
        If there is no tree, fewer than two genres, a file that is not a spectrogram, or one of another shape.

    Examples
    --------
    >>> import genrebench as gb
    >>> data = gb.load_dataset("dataset")
    >>> data.spectrograms.shape, data.spectrograms.dtype
    ((40, 128, 130), dtype('float32'))
    >>> data.genres[data.labels[0]], str(data.tracks[0])
    ('blues', 'blues/blues.00000')
    """
    tree = find_tree(Path(path))
    manifest = read_manifest(tree) if tree.is_dir() else None
    files = segment_files(tree, set(manifest.gone) if manifest else set())
    genres = tuple(files)
    count = sum(map(len, files.values()))
    first_path = next(iter(files.values()))[0]
    first = read_segment(first_path)
    try:
        require_memory(count * first.nbytes)
    except MemoryError as error:
        raise DatasetError(
            f"expected a tree that fits into memory; {error}; use fewer recordings", path=tree
        ) from error
    spectrograms = np.empty((count, *first.shape), dtype=np.float32)
    labels = np.empty(count, dtype=np.int64)
    tracks = []
    for index, (label, segment_path) in enumerate(
        (label, segment_path) for label, genre in enumerate(genres) for segment_path in files[genre]
    ):
        segment = read_segment(segment_path)
        if segment.shape != first.shape:
            raise DatasetError(
                f"expected shape {first.shape} as in {first_path.name}, "
                f"received {segment.shape}; one tree holds one set of settings",
                path=segment_path,
            )
        spectrograms[index] = segment
        labels[index] = label
        tracks.append(f"{genres[label]}/{track_name(segment_path)}")
    mel = mel_settings(manifest, tree, first.shape, Counter(tracks)) if manifest else None
    return Dataset(tree, genres, spectrograms, labels, np.array(tracks), mel, tuple(tree_notes(manifest, tree, genres)))


def find_tree(path: Path) -> Path:
    """Name the spectrogram tree that a path leads to: the one in a dataset, or the path itself."""
    return default_tree(path) if default_tree(path).is_dir() else path


def segment_files(tree: Path, gone: set[str]) -> dict[str, list[Path]]:
    """List the segment files of a tree by genre. See `segment_numbers`."""
    return {
        genre: [tree / genre / f"{track}-{number}.npz" for track, numbers in tracks.items() for number in numbers]
        for genre, tracks in segment_numbers(tree, gone).items()
    }


def segment_numbers(tree: Path, gone: set[str]) -> dict[str, dict[str, tuple[str, ...]]]:
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


def mel_settings(manifest: Manifest, tree: Path, shape: tuple[int, ...], found: Mapping[str, int]) -> MelConfig:
    """Read from the manifest how a tree's spectrograms were made; the tree must be the manifest's, and complete."""
    mel = manifest.settings
    if mel.shape != shape or manifest.fingerprint != mel.fingerprint():
        raise DatasetError(
            f"expected spectrograms {mel.shape} as its manifest says, received {shape} or another "
            "version's; preprocess again into a new folder",
            path=tree,
        )
    listed = {track: entry.segments for track, entry in manifest.listed.items()}
    if found != listed:
        track = min(track for track in found.keys() | listed.keys() if found.get(track) != listed.get(track))
        raise DatasetError(
            f"expected {listed.get(track, 0)} segments of {escaped(track)} as its manifest says, "
            f"found {found.get(track, 0)}; run genrebench preprocess again to complete the tree",
            path=tree,
        )
    return mel


def tree_notes(manifest: Manifest | None, tree: Path, genres: tuple[str, ...]) -> Iterator[str]:
    """Say what should be known of a tree before one trains on it."""
    again = "run genrebench preprocess again"
    if manifest is None:
        yield (
            f"{escaped(manifest_path(tree))} is missing, so that the model will not be able to take recordings; put it "
            f"beside the tree, or {again}"
        )
        return
    tracks = manifest.listed
    if not manifest.complete:
        yield (
            f"preprocessing did not come to its end: {len(tracks)} of {manifest.recordings} recordings in "
            f"{len(genres)} genres are there; {again}"
        )
    if manifest.gone:
        yield (
            f"{len(manifest.gone)} tracks are left out, since their recordings are gone, such as "
            f"{escaped(manifest.gone[0])}; genrebench preprocess --prune removes them"
        )
    earlier = sum(entry.decoding != DECODING for entry in tracks.values())
    if earlier:
        yield f"{earlier} of {len(tracks)} tracks were decoded by an earlier version; {again}"
    root = tree.parent / manifest.originals
    if manifest.originals and root.is_dir():
        missing = changed = 0
        for entry in tracks.values():
            try:
                status = (root / entry.source).stat()
            except OSError:
                missing += 1
            else:
                changed += (status.st_size, status.st_mtime_ns) != (entry.size, entry.modified_ns)
        if missing or changed:
            counts = {"gone": missing, "changed": changed}
            words = " and ".join(f"{count} have {what}" for what, count in counts.items() if count)
            yield f"since preprocessing, of the recordings {words}; {again}"
