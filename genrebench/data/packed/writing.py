"""``genrebench pack``: a tree of many small compressed files as a few large ones that are mapped into memory."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genrebench.audio.mel import MelConfig
from genrebench.data.dataset import find_tree, mel_settings, tree_notes
from genrebench.data.duplicates import find_duplicates, segment_hops
from genrebench.data.manifest import read_manifest
from genrebench.data.packed.header import (
    HEADER_FILE,
    STATISTICS_FILE,
    TRACKS_FILE,
    Header,
    Shard,
    default_pack,
    is_pack,
    read_header,
    track_type,
    tree_key,
)
from genrebench.data.packed.prints import StoredPrints
from genrebench.data.packed.reading import open_pack, why_stale
from genrebench.data.packed.shards import Packed, Packing, array_header, measured_files, write_shard
from genrebench.data.segments import TrackFiles, list_tracks, read_segment
from genrebench.errors import DatasetError
from genrebench.system.executor import Executor, LocalProcesses
from genrebench.system.files import StrPath, escaped, sha256_of_file, write_json
from genrebench.system.folders import publish_folder, recover_folder
from genrebench.system.locks import locked
from genrebench.system.memory import keep_freed_memory

# Of a shard; more where there would be so many that a process may not have them open.
_SHARD_BYTES, _MOST_SHARDS = 2**28, 256


@dataclass(frozen=True)
class PackReport:
    """What became of a packed copy.

    Attributes
    ----------
    folder : Path
        Where it lies.
    written : bool
        Whether it was made; if not, it was there already, whole and fresh.
    reason : str
        Why it was made.
    genres, tracks, segments, shards : int
        How many it has.
    size : int
        Bytes of all its files.
    """

    folder: Path
    written: bool
    reason: str
    genres: int
    tracks: int
    segments: int
    shards: int
    size: int


def pack(
    dataset: StrPath,
    *,
    output: StrPath | None = None,
    jobs: int | None = None,
    executor: Executor | None = None,
    on_track: Callable[[int, int], None] | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> PackReport:
    """Make a packed copy of a spectrogram tree, from which training reads what it needs instead of having all of it.

    A copy that is there and fresh is checked, and left as it is; one that is stale or damaged is made anew, and takes
    its place when it is whole.

    Parameters
    ----------
    dataset : str or PathLike
        Folder that holds ``genres_mel_npz/``, or such a tree.
    output : str or PathLike, optional
        The folder to write; by default beside the tree, where training finds it.
    jobs : int, optional
        Number of processes; by default one per core.
    executor : Executor, optional
        Where the work runs; by default in `jobs` processes on this machine.
    on_track : callable, optional
        Called with (tracks done, tracks to do) after each file.
    on_wait : callable, optional
        Called with a sentence if another process writes the copy, whose end is waited for.

    Returns
    -------
    PackReport
        What was done.

    Raises
    ------
    DatasetError
        If the tree cannot be used, changes meanwhile, or the copy cannot be written.

    Examples
    --------
    >>> import genrebench as gb
    >>> report = gb.pack("dataset", jobs=1)
    >>> report.folder.name, report.tracks, report.segments
    ('genres_mel_npz.packed', 20, 40)
    >>> gb.pack("dataset").written
    False
    """
    tree = find_tree(Path(dataset))
    key = tree_key(tree) if tree.is_dir() else ""
    place = Path(os.path.realpath(output if output is not None else default_pack(tree)))
    try:
        with _reserved(place, on_wait or (lambda _: None)) as staging:
            reason = _why(place, key)
            if reason:
                header = _write(_listed(tree), key, place, staging, executor or LocalProcesses(jobs), on_track)
                replaced = {path.name for path in place.iterdir()} if place.is_dir() else ()
                publish_folder(staging, place, replaced=replaced)
            else:
                header = read_header(place)
    except OSError as error:
        raise DatasetError(
            f"a packed copy cannot be written ({error.strerror}); make room, or choose another --output",
            path=error.filename or place,
        ) from error
    return PackReport(
        folder=place,
        written=bool(reason),
        reason=reason,
        genres=len(header.genres),
        tracks=header.tracks,
        segments=header.segments,
        shards=len(header.shards),
        size=sum(path.stat().st_size for path in place.iterdir()),
    )


@contextmanager
def _reserved(place: Path, on_wait: Callable[[str], None]) -> Iterator[Path]:
    """Keep the place of a copy for this process, and offer a folder for what is not whole yet.

    The system gives the place back when the process ends, however that happens.
    """

    def wait() -> None:
        """Say what is waited for."""
        on_wait(f"{escaped(place)}: another process packs it now; waits for its end")

    with locked(place.with_name(f".{place.name}.lock"), of=place, on_wait=wait):
        staging = place.with_name(f".{place.name}.partial")
        try:
            recover_folder(place)
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir()
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _why(place: Path, key: str) -> str:
    """Say why a copy has to be made of a tree with a key; nothing if it is there, fresh and whole.

    Raises
    ------
    DatasetError
        If something else is in its place.
    """
    if not place.exists():
        return "there was none"
    if not is_pack(place):
        if not place.is_dir() or any(place.iterdir()):
            raise DatasetError(
                "expected a new folder or a packed copy, received something else; choose another --output", path=place
            )
        return "there was none"
    if reason := why_stale(place, key):
        return reason
    try:
        open_pack(place)
    except DatasetError as error:
        return f"it was damaged: {error}"
    return ""


@dataclass(frozen=True)
class _Tree:
    """What is packed."""

    path: Path
    genres: tuple[str, ...]
    tracks: Sequence[TrackFiles]
    shape: tuple[int, int]
    mel: MelConfig | None
    notes: tuple[str, ...]


def _listed(tree: Path) -> _Tree:
    """List the tracks of a tree, in the order in which they are in memory otherwise; one tree holds one shape."""
    manifest = read_manifest(tree) if tree.is_dir() else None
    genres, tracks = list_tracks(tree, manifest)
    height, width = read_segment(tracks[0].files(tree)[0]).shape
    mel = None
    if manifest:
        mel = mel_settings(manifest, tree, (height, width), {track.name: len(track.numbers) for track in tracks})
        if (longest := max(len(track.numbers) for track in tracks)) > mel.segments:
            raise DatasetError(
                f"expected at most {mel.segments} segments of a track, as its manifest says, received {longest}; "
                "run genrebench preprocess again",
                path=tree,
            )
    return _Tree(tree, genres, tracks, (height, width), mel, tuple(tree_notes(manifest, tree, genres)))


def _write(
    tree: _Tree, key: str, place: Path, staging: Path, executor: Executor, on_track: Callable[[int, int], None] | None
) -> Header:
    """Write all files of a copy into a folder."""
    parts = _parts([len(track.numbers) * int(np.prod(tree.shape)) * 4 for track in tree.tracks])
    hops = segment_hops(tree.mel)
    jobs = [
        Packing(number, tree.path, tree.tracks[part], tree.shape, hops, staging) for number, part in enumerate(parts)
    ]
    done: dict[int, Packed] = {}
    for packed in executor.run(write_shard, jobs, prepare=_prepare_process):
        done[packed.number] = packed
        if on_track:
            on_track(sum(len(each.digests) for each in done.values()), len(tree.tracks))
    digests = [digest for number in range(len(jobs)) for digest in done[number].digests]
    longest_name = _write_table(staging / TRACKS_FILE, tree.tracks, digests)
    _write_statistics(staging, len(jobs), (len(tree.tracks), 4, tree.shape[0] + 1))
    header = Header(
        key=key,
        tree=os.path.relpath(os.path.realpath(tree.path), place),
        mel=tree.mel,
        fingerprint=tree.mel.fingerprint() if tree.mel else None,
        shape=tree.shape,
        genres=list(tree.genres),
        notes=list(tree.notes),
        shards=[
            Shard(segments=sum(len(track.numbers) for track in tree.tracks[part]), tracks=part.stop - part.start)
            for part in parts
        ],
        longest_name=longest_name,
        tracks_sha256=sha256_of_file(staging / TRACKS_FILE),
        statistics_sha256=sha256_of_file(staging / STATISTICS_FILE),
        duplicates=find_duplicates(StoredPrints(staging, len(jobs), [track.name for track in tree.tracks])),
    )
    for number in range(len(jobs)):
        for path in measured_files(number).values():
            (staging / path).unlink()
    write_json(staging / HEADER_FILE, header.to_json())
    if tree_key(tree.path) != key:
        raise DatasetError("changes while it is packed; run genrebench pack again when it is whole", path=tree.path)
    return header


def _prepare_process() -> None:
    """Set up a process that was started for this work."""
    keep_freed_memory()


def _parts(sizes: Sequence[int]) -> list[slice]:
    """Divide tracks of so many bytes into shards, in order."""
    limit = max(_SHARD_BYTES, sum(sizes) // (_MOST_SHARDS - 1))
    found, start, filled = [], 0, 0
    for index, size in enumerate(sizes):
        if filled and filled + size > limit:
            found.append(slice(start, index))
            start, filled = index, 0
        filled += size
    return [*found, slice(start, len(sizes))]


def _write_table(path: Path, tracks: Sequence[TrackFiles], digests: Sequence[bytes]) -> int:
    """Write the table of tracks; return the bytes of the longest name."""
    names = [os.fsencode(track.name) for track in tracks]
    longest = max(map(len, names))
    table = np.zeros(len(tracks), track_type(longest))
    table["name"] = names
    table["label"] = [track.label for track in tracks]
    table["segments"] = [len(track.numbers) for track in tracks]
    table["sha256"] = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32)
    with path.open("xb") as file:
        np.save(file, table, allow_pickle=False)
    return longest


def _write_statistics(staging: Path, shards: int, shape: tuple[int, ...]) -> None:
    """Join the statistics of all shards, one of which is in memory at a time."""
    with (staging / STATISTICS_FILE).open("xb") as file:
        file.write(array_header(np.dtype("<f8"), shape))
        for number in range(shards):
            file.write(np.load(staging / measured_files(number)["statistics"], allow_pickle=False).tobytes())
