"""From ``genres_original/`` to ``genres_mel_npz/``: one ``.npz`` per segment, in parallel, resumable.

The tree holds nothing but genre folders with segment files, since other people's loaders read it. What genrebench needs
to know about it stands beside it in a manifest: settings, versions, every track and every failure.
"""

import errno
import functools
import gc
import itertools
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from natsort import natsorted
from numpy.typing import NDArray

from genrebench.audio.mel import DEFAULT, MelConfig, mel_spectrogram, segment_spectrograms
from genrebench.audio.recordings import Recording, dataset_recordings
from genrebench.data.executor import Executor, LocalProcesses
from genrebench.data.manifest import Manifest, Track, manifest_path, read_manifest, write_manifest
from genrebench.errors import AudioError, DatasetError
from genrebench.system.arrays import npz_bytes
from genrebench.system.files import StrPath, escaped
from genrebench.system.memory import keep_freed_memory

_SECONDS_BETWEEN_MANIFESTS = 2.0
# What affects every recording equally: no space, no quota, not writable.
_FATAL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM})


@dataclass(frozen=True)
class TrackResult:
    """What became of one recording.

    Attributes
    ----------
    recording : Recording
        The recording.
    segments : int
        Number of spectrograms written.
    reason : str, optional
        Why it failed; None if it did not.
    """

    recording: Recording
    segments: int
    reason: str | None = None


@dataclass
class PreprocessReport:
    """What a preprocessing run did.

    Attributes
    ----------
    tree : Path
        The spectrogram tree.
    manifest : Path
        The manifest beside it.
    written : int
        Tracks processed in this run.
    skipped : int
        Tracks that were there already.
    segments : int
        Segments of all these tracks.
    genres : tuple of str
        Genres that have at least one track.
    failures : dict of str to str
        Reason by file.
    orphans : tuple of str
        Tracks in the tree whose recording is gone.
    """

    tree: Path
    manifest: Path
    written: int = 0
    skipped: int = 0
    segments: int = 0
    genres: tuple[str, ...] = ()
    failures: dict[str, str] = field(default_factory=dict)
    orphans: tuple[str, ...] = ()


def preprocess(
    dataset: StrPath,
    config: MelConfig = DEFAULT,
    *,
    output: StrPath | None = None,
    jobs: int | None = None,
    executor: Executor | None = None,
    on_track: Callable[[int, int, TrackResult], None] | None = None,
) -> PreprocessReport:
    """Turn every recording of a dataset into spectrogram files.

    What is there already is skipped, and a run that was stopped goes on.

    Parameters
    ----------
    dataset : str or PathLike
        Folder that holds ``genres_original/<genre>/<track>.wav``, or other formats.
    config : MelConfig
        Settings of the spectrograms; a tree holds one set of settings only.
    output : str or PathLike, optional
        The tree to write; by default ``genres_mel_npz/`` in `dataset`.
    jobs : int, optional
        Number of processes; by default one per core.
    executor : Executor, optional
        Where the work runs; by default in `jobs` processes on this machine.
    on_track : callable, optional
        Called with (tracks done, tracks to do, result) after each track.

    Returns
    -------
    PreprocessReport
        What was done; a recording that failed is in its `failures`, and does not end the run.

    Raises
    ------
    DatasetError
        If there is nothing to process, or the tree was written with other settings.

    Examples
    --------
    >>> import genrebench as gb
    >>> report = gb.preprocess("dataset", gb.MelConfig(n_mels=64), output="dataset/coarse", jobs=1)
    >>> report.written, report.segments, report.failures
    (20, 40, {})
    >>> gb.load_dataset("dataset/coarse").spectrograms.shape
    (40, 64, 130)
    """
    dataset = Path(dataset)
    recordings = dataset_recordings(dataset)
    tree = _checked_tree(Path(output or dataset / "genres_mel_npz"), dataset)
    manifest = _manifest_to_continue(tree, config)
    report = PreprocessReport(tree, manifest_path(tree))
    seen, failures = _without_namesakes(recordings)
    todo = [each for each in seen.values() if not _is_done(each, manifest.tracks.get(each.key), tree)]
    report.skipped = len(seen) - len(todo)
    # A kill in the middle of a track must not leave its old entry beside its new files.
    for recording in todo:
        manifest.tracks.pop(recording.key, None)
    for key in manifest.tracks.keys() - seen.keys():  # no recording any more; without all its segments no track either
        if not _is_whole(key, manifest.tracks[key], tree):
            del manifest.tracks[key]
    manifest.failures = failures
    with _saving(manifest, tree, {recording.genre for recording in recordings}) as (staging, save):
        process = functools.partial(_process_track, tree=tree, staging=staging, config=config)
        results = (executor or LocalProcesses(jobs)).run(process, todo, prepare=_prepare_process)
        for done, result in enumerate(results, start=1):
            recording = result.recording
            if result.reason is None:
                manifest.tracks[recording.key] = Track(**_identity(recording), segments=result.segments)
                report.written += 1
            else:
                failures[recording.source] = result.reason
            save()
            if on_track:
                on_track(done, len(todo), result)
    report.segments = sum(manifest.tracks[key].segments for key in seen if key in manifest.tracks)
    report.genres = tuple(natsorted({key.split("/")[0] for key in manifest.tracks}))
    report.orphans = tuple(natsorted(manifest.tracks.keys() - seen.keys()))
    report.failures = failures
    return report


def _without_namesakes(recordings: list[Recording]) -> tuple[dict[str, Recording], dict[str, str]]:
    """Keep the first recording of each track name, by name; the others are failures."""
    seen: dict[str, Recording] = {}
    failures = {}
    for recording in recordings:
        first = seen.setdefault(recording.key, recording)
        if first is not recording:
            failures[recording.source] = f"same track name as {first.path.name}; rename one of them"
    return seen, failures


def _identity(recording: Recording) -> dict[str, Any]:
    """Describe a recording's file well enough to notice that it changed.

    Returns
    -------
    dict
        Name, size in bytes and time of the last change.
    """
    status = recording.path.stat()
    return {"source": recording.source, "size": status.st_size, "modified_ns": status.st_mtime_ns}


def _is_done(recording: Recording, entry: Track | None, tree: Path) -> bool:
    """Return whether a track's spectrograms are there and still belong to its recording."""
    return (
        entry is not None
        and _identity(recording).items() <= entry.model_dump().items()
        and _is_whole(recording.key, entry, tree)
    )


def _is_whole(key: str, entry: Track, tree: Path) -> bool:
    """Return whether all spectrograms of a track are there."""
    return all(_segment_path(tree, key, index).exists() for index in range(entry.segments))


def _segment_path(tree: Path, key: str, index: int) -> Path:
    """Name the file of one segment."""
    return tree / f"{key}-{index}.npz"


def _checked_tree(tree: Path, dataset: Path) -> Path:
    """Refuse a place that would mix the tree with the recordings; return it under a name that a manifest can follow."""
    place, originals = (Path(os.path.realpath(each)) for each in (tree, dataset / "genres_original"))
    if tree.exists() and not tree.is_dir():
        raise DatasetError(
            "expected a folder for the spectrograms, received a file; choose another --output", path=tree
        )
    if place in (originals, *originals.parents) or originals in place.parents:
        raise DatasetError("expected a folder apart from the recordings; choose another --output", path=tree)
    return tree if tree.name and tree.name != ".." else place


def _manifest_to_continue(tree: Path, config: MelConfig) -> Manifest:
    """Read the manifest that a run goes on with, or begin one; other, or unknown, settings are refused."""
    remedy = f"choose another --output, or remove {escaped(tree)} and its manifest first"
    manifest = read_manifest(tree)
    if manifest is None:
        if tree.exists() and any(tree.iterdir()):
            raise DatasetError(
                "expected a new folder, received one that holds other things, and no manifest beside it; "
                "choose another --output",
                path=tree,
            )
        return Manifest.begin(config)
    if manifest.fingerprint != config.fingerprint():
        there = ", ".join(manifest.changed_settings(config)) or "another version's spectrograms"
        raise DatasetError(f"expected spectrograms of the same settings, found {there}; {remedy}", path=tree)
    return manifest


@contextmanager
def _saving(manifest: Manifest, tree: Path, genres: set[str]) -> Iterator[tuple[Path, Callable[[], None]]]:
    """Keep the manifest on disk up to date, whatever happens, and offer a folder for unfinished files.

    Parameters
    ----------
    genres : set of str
        Its genre folders, which are created, and removed again if they stay empty.

    Yields
    ------
    Path
        Folder for unfinished files, on the tree's file system but outside the tree.
    callable
        To be called after a change; it writes the manifest every few seconds.
    """
    staging = tree.with_name(f".{tree.name}.partial")
    staging.mkdir(parents=True, exist_ok=True)
    try:
        # The system gives the lock back when its process ends, however that happens.
        lock = FileLock(staging / "lock", blocking=False).acquire()
    except Timeout as error:
        raise DatasetError("another genrebench preprocess writes it now; wait for its end", path=tree) from error
    tree.mkdir(parents=True, exist_ok=True)
    for genre in genres:
        (tree / genre).mkdir(exist_ok=True)
    last = time.monotonic()

    def save() -> None:
        """Write the manifest if it was not written just now."""
        nonlocal last
        if time.monotonic() - last > _SECONDS_BETWEEN_MANIFESTS:
            write_manifest(tree, manifest)
            last = time.monotonic()

    write_manifest(tree, manifest)
    try:
        yield staging, save
    finally:
        for folder in (*(tree / genre for genre in genres), tree):
            if not any(folder.iterdir()):  # an empty folder would be a genre to other people's loaders
                folder.rmdir()
        if tree.exists():
            manifest.tracks = dict(natsorted(manifest.tracks.items()))
            write_manifest(tree, manifest)
        else:  # settings of a run that made nothing must not bind the next one
            manifest_path(tree).unlink()
        shutil.rmtree(staging, ignore_errors=True)
        lock.lock.release()


def _prepare_process() -> None:
    """Set up a process that was started for this work.

    Everything is imported by use; then the garbage collector is told to pass over what the imports left: joblib's
    processes collect garbage every second, which for librosa's 160,000 objects takes a tenth of it.
    """
    keep_freed_memory()
    mel_spectrogram(np.random.default_rng(0).uniform(-1, 1, DEFAULT.segment_samples).astype(np.float32))
    gc.freeze()


def _process_track(recording: Recording, tree: Path, staging: Path, config: MelConfig) -> TrackResult:
    """Write the spectrograms of one recording, replacing those of an earlier state of it."""
    reason = None
    try:
        spectrograms = list(segment_spectrograms(recording.path, config, limit=config.segments))
        _write_track(spectrograms, tree, recording, staging)
    except AudioError as error:
        spectrograms, reason = [], str(error)
    except OSError as error:
        if error.errno in _FATAL:
            raise
        spectrograms, reason = [], f"{escaped(error.filename or recording.path)}: {error.strerror}"
    for index in itertools.count(len(spectrograms)):
        stale = _segment_path(tree, recording.key, index)
        if not os.path.lexists(stale):
            break
        stale.unlink()
    return TrackResult(recording, len(spectrograms), reason)


def _write_track(spectrograms: list[NDArray[np.float32]], tree: Path, recording: Recording, staging: Path) -> None:
    """Write all segments of a track, then put them in their places at once."""
    staged = []
    for index, spectrogram in enumerate(spectrograms):
        staged.append(staging / f"{os.getpid()}-{index}.part")
        staged[-1].write_bytes(npz_bytes("spectrogram", spectrogram))
    for index, path in enumerate(staged):
        path.replace(_segment_path(tree, recording.key, index))
