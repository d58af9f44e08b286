"""A spectrogram tree in memory: arrays, labels, tracks, and how they were made."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.decode import DECODING
from genrebench.audio.mel import MelConfig
from genrebench.data.identity import FileState
from genrebench.data.manifest import Manifest, Track, manifest_path, read_manifest
from genrebench.data.segments import list_tracks, read_segment, read_track
from genrebench.data.tree import default_tree
from genrebench.errors import DatasetError
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
        If there is no tree, fewer than two genres, a file that is not a spectrogram, one of another shape, or one
        that is not the manifest's.

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
    genres, tracks = list_tracks(tree, manifest)
    counts = [len(track.numbers) for track in tracks]
    shape = read_segment(tracks[0].files(tree)[0]).shape
    names = [track.name for track in tracks]
    mel = mel_settings(manifest, tree, shape, dict(zip(names, counts, strict=True))) if manifest else None
    try:
        require_memory(sum(counts) * int(np.prod(shape)) * 4)
    except MemoryError as error:
        raise DatasetError(
            f"expected a tree that fits into memory; {error}; use fewer recordings", path=tree
        ) from error
    spectrograms = np.empty((sum(counts), *shape), dtype=np.float32)
    end = 0
    for track in tracks:
        begin, end = end, end + len(track.numbers)
        read_track(track, tree, spectrograms[begin:end])
    return Dataset(
        tree,
        genres,
        spectrograms,
        np.repeat(np.array([track.label for track in tracks], np.int64), counts),
        np.repeat(names, counts),
        mel,
        tuple(tree_notes(manifest, tree, genres)),
    )


def find_tree(path: Path) -> Path:
    """Name the spectrogram tree that a path leads to: the one in a dataset, or the path itself."""
    return default_tree(path) if default_tree(path).is_dir() else path


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
        yield from _recordings_notes(tracks.values(), root)


def _recordings_notes(tracks: Iterable[Track], root: Path) -> Iterator[str]:
    """Say which recordings are no longer those that a tree was made from, by what the system says of their files."""
    missing = changed = same = doubtful = 0
    for track in tracks:
        now = FileState.of(root / track.source)
        if now == FileState():
            missing += 1
        elif (now.size, now.modified_ns) != (track.size, track.modified_ns):
            changed += 1
        elif track.changed_ns is not None and (now.changed_ns, now.inode) != (track.changed_ns, track.inode):
            doubtful += 1
        else:
            same += 1
    counts = {
        "gone": missing,
        "changed": changed,
        # Where all are other files, somebody has copied the dataset.
        "perhaps been replaced, by others of the same size and time": doubtful if same else 0,
    }
    if words := " and ".join(f"{count} have {what}" for what, count in counts.items() if count):
        yield f"since preprocessing, of the recordings {words}; run genrebench preprocess again"
