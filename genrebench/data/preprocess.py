"""From ``genres_original/`` to ``genres_mel_npz/``: one ``.npz`` per segment, in parallel, resumable.

The tree holds nothing but genre folders with segment files, since other people's loaders read it. What genrebench needs
to know about it stands beside it in a manifest: settings, versions, every track and every failure.
"""

import errno
import functools
import gc
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from natsort import natsorted
from numpy.typing import NDArray

from genrebench.audio.decode import DECODING
from genrebench.audio.drift import LIBRARIES, library_drift
from genrebench.audio.mel import DEFAULT, MelConfig, mel_spectrogram, segment_spectrograms
from genrebench.audio.recordings import Recording, dataset_recordings, originals
from genrebench.data.identity import FileState, unchanged
from genrebench.data.manifest import Manifest, Track, manifest_path
from genrebench.data.saving import manifest_to_continue, saving
from genrebench.data.tree import checked_tree, default_tree, remove_segments, whole_track, write_track
from genrebench.errors import AudioError
from genrebench.system.cluster.choice import executor_for
from genrebench.system.executor import ENDS_ITS_PROCESS, Executor, Needs
from genrebench.system.files import StrPath, escaped, sha256_of_file
from genrebench.system.memory import keep_freed_memory
from genrebench.system.remote import RemotePath, as_path

# What is wrong with one name only; whatever else keeps a file from being written concerns every recording.
_WRONG_NAME = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL})
# How often a recording is read that changes meanwhile.
_ATTEMPTS = 3


@dataclass(frozen=True)
class TrackResult:
    """What became of one recording.

    Attributes
    ----------
    recording : Recording
        The recording.
    reason : str, optional
        Why it failed; None if it did not.
    track : Track, optional
        What the manifest is to say of it, if it did not fail.
    drift : str, optional
        Which libraries of the process that made it compute other spectrograms than those of this version.
    """

    recording: Recording
    reason: str | None = None
    track: Track | None = None
    drift: str | None = None


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
        Tracks in the tree whose recording is gone; training leaves them out.
    pruned : int
        How many such tracks were removed.
    repaired : int
        Tracks made again because their segment files were damaged or missing.
    notes : list of str
        Remarks on what was left out of the dataset.
    remarks : dict of str to tuple of str
        What is wrong with recordings that were heard nevertheless, by file.
    """

    tree: Path
    manifest: Path
    written: int = 0
    skipped: int = 0
    segments: int = 0
    genres: tuple[str, ...] = ()
    failures: dict[str, str] = field(default_factory=dict)
    orphans: tuple[str, ...] = ()
    pruned: int = 0
    repaired: int = 0
    notes: list[str] = field(default_factory=list)
    remarks: dict[str, tuple[str, ...]] = field(default_factory=dict)


def preprocess(
    dataset: StrPath,
    config: MelConfig = DEFAULT,
    *,
    output: StrPath | None = None,
    jobs: int | None = None,
    prune: bool = False,
    verify: bool = False,
    cluster: StrPath | None = None,
    executor: Executor | None = None,
    on_found: Callable[[Path, list[Recording]], None] | None = None,
    on_track: Callable[[int, int, TrackResult], None] | None = None,
) -> PreprocessReport:
    """Turn every recording of a dataset into spectrogram files.

    What is there already is skipped, and a run that was stopped goes on.

    Parameters
    ----------
    dataset : str or PathLike
        Folder, or URL such as ``s3://bucket/music``, that holds ``genres_original/<genre>/<track>.wav``, or other
        formats; also with ``genres/``, with either of them in a folder below, or with the genre folders themselves.
    config : MelConfig
        Settings of the spectrograms; a tree holds one set of settings only.
    output : str or PathLike, optional
        The tree to write, or its URL; by default ``genres_mel_npz/`` in `dataset`.
    jobs : int, optional
        Number of processes; by default one per core.
    prune : bool
        Remove tracks whose recording is gone.
    verify : bool
        Read every recording to see whether it is still the one that its track was made from, whatever size and times
        its file has; tracks of earlier versions, which do not say, are made again.
    cluster : str or PathLike, optional
        Address of a Dask scheduler such as ``tcp://host:8786``, or its file, instead of `jobs`; its workers have to see
        both folders, and to have the libraries of this process.
    executor : Executor, optional
        Anything else that runs the work.
    on_found : callable, optional
        Called with the folder of genre folders that was taken, and its recordings, before any is read.
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
    ClusterError
        If the cluster cannot be reached, goes away, or has no worker that can do the work; what is done is kept.

    Examples
    --------
    >>> import genrebench as gb
    >>> report = gb.preprocess("dataset", gb.MelConfig(n_mels=64), output="dataset/coarse", jobs=1)
    >>> report.written, report.segments, report.failures
    (20, 40, {})
    >>> gb.load_dataset("dataset/coarse").spectrograms.shape
    (40, 64, 130)
    """
    dataset = as_path(dataset)
    notes: list[str] = []
    recordings = dataset_recordings(dataset, notes)
    tree = checked_tree(as_path(output) if output else default_tree(dataset), dataset)
    manifest = manifest_to_continue(tree, config)
    if on_found:
        on_found(originals(dataset), recordings)
    report = PreprocessReport(tree, manifest_path(tree), notes=notes)
    seen, failures = _without_namesakes(recordings)
    todo = _still_to_do(seen, manifest, tree, report, verify=verify)
    manifest.failures = failures
    place = originals(dataset)
    is_remote = isinstance(place, RemotePath) or isinstance(tree, RemotePath)
    manifest.originals = str(place) if is_remote else os.path.relpath(place, tree.parent)
    manifest.recordings, manifest.complete = len(seen), False
    with saving(manifest, tree, {recording.genre for recording in recordings}) as (staging, save):
        if prune:
            for key in manifest.gone:
                del manifest.tracks[key]
                remove_segments(tree, key)
            report.pruned, manifest.gone = len(manifest.gone), []
        results = (executor or executor_for(jobs, cluster, notes.append)).run(
            functools.partial(_process_track, tree=tree, staging=staging, config=config),
            todo,
            prepare=_prepare_process,
            lost=functools.partial(_lost, tree=tree),
            needs=Needs.to_share((place, staging), LIBRARIES),
        )
        with closing(results):
            for done, result in enumerate(results, start=1):
                recording = result.recording
                if result.track is not None:
                    manifest.tracks[recording.key] = result.track
                    report.written += 1
                else:
                    failures[recording.source] = str(result.reason)
                if result.drift and result.drift not in notes:
                    notes.append(result.drift)
                save()
                if on_track:
                    on_track(done, len(todo), result)
        manifest.complete = True
    there = {key: manifest.tracks[key] for key in seen if key in manifest.tracks}
    report.segments = sum(track.segments for track in there.values())
    report.remarks = {track.source: track.notes for track in there.values() if track.notes}
    report.genres = tuple(natsorted({key.split("/")[0] for key in there}))
    report.orphans = tuple(manifest.gone)
    report.failures = failures
    return report


def _still_to_do(
    seen: dict[str, Recording], manifest: Manifest, tree: Path, report: PreprocessReport, *, verify: bool
) -> list[Recording]:
    """Find the recordings that have to be read, and take from the manifest what is not in the tree as it says.

    A kill in the middle of a track must not leave its old entry beside its new files.
    """
    todo = []
    is_whole = whole_track(tree)
    for key, recording in seen.items():
        entry = manifest.tracks.get(key)
        if entry is not None and (entry.source, entry.decoding) == (recording.source, DECODING):
            kept = unchanged(entry, recording.path, verify=verify)
            if kept is not None:
                if is_whole(key, entry.segments, entry.digest):
                    manifest.tracks[key] = kept
                    continue
                report.repaired += 1
        todo.append(recording)
        manifest.tracks.pop(key, None)
    report.skipped = len(seen) - len(todo)
    # No recording any more; without all its segments no track either.
    gone = natsorted(manifest.tracks.keys() - seen.keys())
    whole = {key for key in gone if is_whole(key, manifest.tracks[key].segments, None)}
    for key in set(gone) - whole:
        del manifest.tracks[key]
    manifest.gone = [key for key in gone if key in whole]
    return todo


def _without_namesakes(recordings: list[Recording]) -> tuple[dict[str, Recording], dict[str, str]]:
    """Keep the first recording of each track name, by name; the others are failures."""
    seen: dict[str, Recording] = {}
    failures = {}
    for recording in recordings:
        first = seen.setdefault(recording.key, recording)
        if first is not recording:
            failures[recording.source] = f"same track name as {first.path.name}; rename one of them"
    return seen, failures


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
    key = recording.key
    try:
        track, spectrograms = _heard(recording, config)
        track = track.model_copy(update={"digest": write_track(spectrograms, tree, key, staging)})
    except AudioError as error:
        reason = str(error)
    except OSError as error:
        if error.errno not in _WRONG_NAME:
            raise
        reason = f"{escaped(error.filename or recording.path)}: {error.strerror}"
    else:
        remove_segments(tree, key, len(spectrograms))
        return TrackResult(recording, track=track, drift=library_drift())
    remove_segments(tree, key)
    return TrackResult(recording, reason)


def _lost(recording: Recording, tree: Path) -> TrackResult:
    """Give up a recording that ends whatever works on it."""
    remove_segments(tree, recording.key)
    return TrackResult(recording, f"{escaped(recording.path)}: {ENDS_ITS_PROCESS}")


def _heard(recording: Recording, config: MelConfig) -> tuple[Track, list[NDArray[np.float32]]]:
    """Make the spectrograms of one state of a recording, and describe that state."""
    for _ in range(_ATTEMPTS):
        notes: list[str] = []
        before = FileState.of(recording.path)
        spectrograms = list(segment_spectrograms(recording.path, config, limit=config.segments, notes=notes))
        try:  # a store of objects says itself when one was replaced
            content = "" if isinstance(recording.path, RemotePath) else sha256_of_file(recording.path)
        except OSError:  # gone; what reads it next says so
            continue
        if FileState.of(recording.path) == before:
            track = Track(
                source=recording.source,
                **vars(before),
                segments=len(spectrograms),
                decoding=DECODING,
                notes=tuple(notes),
                content=content,
            )
            return track, spectrograms
    raise AudioError("changes while it is read; preprocess again when it is whole", path=recording.path)
