"""From ``genres_original/`` to ``genres_mel_npz/``: one ``.npz`` a segment, in parallel, resumable.

The tree holds nothing but genre folders with segment files, since other people's loaders read it. What genrebench needs
to know about it stands beside it in a manifest: settings, versions, every track and every failure.
"""

import dataclasses
import errno
import functools
import gc
import itertools
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from filelock import FileLock, Timeout
from joblib.externals.loky.process_executor import TerminatedWorkerError
from natsort import natsorted
from numpy.typing import NDArray

from genrebench.audio.mel import MelConfig, segment_spectrograms
from genrebench.audio.recordings import Recording, dataset_recordings
from genrebench.data.manifest import MANIFEST_FORMAT, manifest_path, read_manifest
from genrebench.errors import AudioError, DatasetError
from genrebench.system.environment import versions
from genrebench.system.files import escaped, npz_bytes, write_json
from genrebench.system.interrupts import interrupts_ignored
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
    dataset: Path,
    config: MelConfig,
    *,
    output: Path | None = None,
    jobs: int | None = None,
    on_track: Callable[[int, int, TrackResult], None] | None = None,
) -> PreprocessReport:
    """Turn every recording of a dataset into spectrogram files.

    Parameters
    ----------
    dataset : Path
        Folder that holds ``genres_original/``.
    config : MelConfig
        The settings; a tree holds one set of settings only.
    output : Path, optional
        The tree to write; by default ``genres_mel_npz/`` in `dataset`.
    jobs : int, optional
        Number of processes; by default one per core.
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
    """
    recordings = dataset_recordings(dataset)
    tree = _checked_tree(output or dataset / "genres_mel_npz", dataset)
    manifest = _manifest_to_continue(tree, config)
    report = PreprocessReport(tree, manifest_path(tree))
    tracks: dict[str, Any] = manifest["tracks"]
    failures: dict[str, str] = {}
    todo: list[Recording] = []
    seen: dict[str, Recording] = {}
    for recording in recordings:
        if recording.key in seen:
            failures[recording.source] = f"same track name as {seen[recording.key].path.name}; rename one of them"
            continue
        seen[recording.key] = recording
        if _is_done(recording, tracks.get(recording.key), tree):
            report.skipped += 1
        else:
            todo.append(recording)
    # A kill in the middle of a track must not leave its old entry beside its new files.
    for recording in todo:
        tracks.pop(recording.key, None)
    for key in tracks.keys() - seen.keys():  # no recording any more; without all its segments it is no track either
        if not all(_segment_path(tree, key, index).exists() for index in range(tracks[key]["segments"])):
            del tracks[key]
    manifest["failures"] = failures
    with _saving(manifest, tree, {recording.genre for recording in recordings}) as (staging, save):
        for done, result in enumerate(_process(todo, tree, staging, config, jobs), start=1):
            recording = result.recording
            if result.reason is None:
                tracks[recording.key] = {**_identity(recording), "segments": result.segments}
                report.written += 1
            else:
                failures[recording.source] = result.reason
            save()
            if on_track:
                on_track(done, len(todo), result)
    report.segments = sum(tracks[key]["segments"] for key in seen if key in tracks)
    report.genres = tuple(natsorted({key.split("/")[0] for key in tracks}))
    report.orphans = tuple(natsorted(tracks.keys() - seen.keys()))
    report.failures = failures
    return report


def _identity(recording: Recording) -> dict[str, Any]:
    """Describe a recording's file well enough to notice that it changed.

    Returns
    -------
    dict
        Name, size in bytes and time of the last change.
    """
    status = recording.path.stat()
    return {"source": recording.source, "size": status.st_size, "modified_ns": status.st_mtime_ns}


def _is_done(recording: Recording, entry: dict[str, Any] | None, tree: Path) -> bool:
    """Return whether a track's spectrograms are there and still belong to its recording."""
    return (
        entry is not None
        and all(entry.get(key) == value for key, value in _identity(recording).items())
        and all(_segment_path(tree, recording.key, index).exists() for index in range(entry["segments"]))
    )


def _segment_path(tree: Path, key: str, index: int) -> Path:
    """Name the file of one segment."""
    return tree / f"{key}-{index}.npz"


def _checked_tree(tree: Path, dataset: Path) -> Path:
    """Refuse a place for the tree that would mix it with the recordings.

    Returns
    -------
    Path
        The same place, with a name to which the manifest's can be fitted.

    Raises
    ------
    DatasetError
        If it is a file, or lies in, or around, the recordings.
    """
    where, place, originals = escaped(tree), tree.resolve(), (dataset / "genres_original").resolve()
    if tree.exists() and not tree.is_dir():
        raise DatasetError(f"{where}: expected a folder for the spectrograms, received a file; choose another --output")
    if place in (originals, *originals.parents) or originals in place.parents:
        raise DatasetError(f"{where}: expected a folder apart from the recordings; choose another --output")
    return tree if tree.name and tree.name != ".." else place


def _manifest_to_continue(tree: Path, config: MelConfig) -> dict[str, Any]:
    """Read the manifest that a run goes on with, or begin one.

    Raises
    ------
    DatasetError
        If the tree holds spectrograms made with other, or with unknown, settings.
    """
    remedy = f"choose another --output, or remove {escaped(tree)} and its manifest first"
    manifest = read_manifest(tree)
    if manifest is None:
        if tree.exists() and any(tree.iterdir()):
            raise DatasetError(
                f"{escaped(tree)}: expected a new folder, received one that holds other things, and no manifest "
                "beside it; choose another --output"
            )
        return {
            "format": MANIFEST_FORMAT,
            "settings": dataclasses.asdict(config),
            "fingerprint": config.fingerprint(),
            "shape": list(config.shape),
            "versions": versions(("genrebench", "librosa", "numpy", "soundfile", "soxr")),
            "tracks": {},
            "failures": {},
        }
    if manifest.get("fingerprint") != config.fingerprint():
        wanted = dataclasses.asdict(config)
        changed = [
            f"{key} {value} instead of {wanted[key]}"
            for key, value in manifest["settings"].items()
            if value != wanted[key]
        ]
        there = ", ".join(changed) or "another version's spectrograms"
        raise DatasetError(f"{escaped(tree)}: expected spectrograms of the same settings, found {there}; {remedy}")
    return manifest


@contextmanager
def _saving(manifest: dict[str, Any], tree: Path, genres: set[str]) -> Iterator[tuple[Path, Callable[[], None]]]:
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
        raise DatasetError(f"{escaped(tree)}: another genrebench preprocess writes it now; wait for its end") from error
    tree.mkdir(parents=True, exist_ok=True)
    for genre in genres:
        (tree / genre).mkdir(exist_ok=True)
    last = time.monotonic()

    def save() -> None:
        """Write the manifest if it was not written just now."""
        nonlocal last
        if time.monotonic() - last > _SECONDS_BETWEEN_MANIFESTS:
            write_json(manifest_path(tree), manifest)
            last = time.monotonic()

    write_json(manifest_path(tree), manifest)
    try:
        yield staging, save
    finally:
        for folder in (*(tree / genre for genre in genres), tree):
            if not any(folder.iterdir()):  # an empty folder would be a genre to other people's loaders
                folder.rmdir()
        if tree.exists():
            manifest["tracks"] = dict(natsorted(manifest["tracks"].items()))
            write_json(manifest_path(tree), manifest)
        else:  # settings of a run that made nothing must not bind the next one
            manifest_path(tree).unlink()
        shutil.rmtree(staging, ignore_errors=True)
        lock.lock.release()


def _process(
    recordings: list[Recording], tree: Path, staging: Path, config: MelConfig, jobs: int | None
) -> Iterator[TrackResult]:
    """Process recordings in several processes."""
    workers = max(1, min(jobs or joblib.cpu_count(), len(recordings)))
    parallel = joblib.Parallel(n_jobs=workers, return_as="generator_unordered")
    try:
        with interrupts_ignored():  # the workers inherit that, and leave a terminal's Ctrl-C to this process
            results = parallel(joblib.delayed(_process_track)(each, tree, staging, config) for each in recordings)
        yield from results
    except TerminatedWorkerError as error:
        raise DatasetError(
            "a preprocessing process was ended by the system, probably for lack of memory; use fewer --jobs"
        ) from error


def _process_track(recording: Recording, tree: Path, staging: Path, config: MelConfig) -> TrackResult:
    """Write the spectrograms of one recording, replacing those of an earlier state of it."""
    keep_freed_memory()
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
    _spare_collector()
    return TrackResult(recording, len(spectrograms), reason)


@functools.cache
def _spare_collector() -> None:
    """Have a worker's garbage collector pass over what its imports left.

    joblib's workers collect garbage every second, which for librosa's 160,000 objects takes a tenth of it. Other
    people's processes, in which one job runs, are left alone.
    """
    if multiprocessing.current_process().name.startswith("Loky"):
        gc.freeze()


def _write_track(spectrograms: list[NDArray[np.float32]], tree: Path, recording: Recording, staging: Path) -> None:
    """Write all segments of a track, then put them in their places at once."""
    staged = []
    for index, spectrogram in enumerate(spectrograms):
        staged.append(staging / f"{os.getpid()}-{index}.part")
        staged[-1].write_bytes(npz_bytes("spectrogram", spectrogram))
    for index, path in enumerate(staged):
        path.replace(_segment_path(tree, recording.key, index))
