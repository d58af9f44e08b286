"""A saved model on labeled data: a spectrogram tree, or folders of recordings, changed or not."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.blocks import rows_of_tracks
from genrebench.audio.recordings import SPECTROGRAMS, Recording, dataset_recordings
from genrebench.data.lists import naming, read_track_list
from genrebench.data.packed.choosing import open_data
from genrebench.errors import AudioError, DatasetError, ModelError
from genrebench.evaluation.interventions import Intervention, write_changed
from genrebench.evaluation.metrics import scores
from genrebench.model.calibration import Calibration
from genrebench.model.model import Model
from genrebench.model.prediction import BATCH, Ending, spectrogram_batches
from genrebench.system.files import StrPath, escaped
from genrebench.system.remote import RemotePath, as_path
from genrebench.system.temporary import temporary_folder


@dataclass(frozen=True)
class Measured:
    """What a model makes of labeled data.

    Attributes
    ----------
    log_probabilities : ndarray of float64 [shape=(segments, classes)]
        In the order of the model's genres.
    labels : ndarray of int64 [shape=(segments,)]
        The truth.
    tracks : ndarray of str [shape=(segments,)]
        ``<genre>/<track>`` of each segment.
    genres : tuple of str
        The model's.
    failures : dict of str to str
        Reason by recording that could not be used.
    calibration : Calibration
        The model's.
    """

    log_probabilities: NDArray[np.float64]
    labels: NDArray[np.int64]
    tracks: NDArray[np.str_]
    genres: tuple[str, ...]
    failures: dict[str, str] = field(default_factory=dict)
    calibration: Calibration = Calibration()  # noqa: RUF009 - frozen

    def scores(self) -> dict[str, Any]:
        """Score what was measured; see `genrebench.evaluation.metrics.scores`."""
        return scores(self.log_probabilities, self.labels, self.tracks, self.genres, self.calibration)


def measure_tree(model: Model, tree: StrPath, *, tracks: StrPath | None = None) -> Measured:
    """Run a model on a spectrogram tree.

    Parameters
    ----------
    tree : str or PathLike
        A folder that holds ``genres_mel_npz/``, such a tree itself, or a packed copy, whose genres the model has.
    tracks : str or PathLike, optional
        List of the tracks that count, one per line.

    Raises
    ------
    DatasetError
        If the tree cannot be used, or its spectrograms are not such as the model was trained on.
    """
    dataset = open_data(tree)
    if model.mel and dataset.mel and model.mel != dataset.mel:
        received = ", ".join(dataset.mel.differences(model.mel))
        raise DatasetError(
            f"expected spectrograms with the model's settings, received {received}; name a folder of recordings, or "
            "preprocess with the model's settings",
            path=dataset.tree,
        )
    if dataset.spectrograms.shape[1:] != model.architecture.input_shape[:2]:
        raise DatasetError(
            f"expected spectrograms of {model.architecture.input_shape[:2]}, the network's input, received "
            f"{dataset.spectrograms.shape[1:]}",
            path=dataset.tree,
        )
    _refuse_other_genres(dataset.genres, model.genres, dataset.tree)
    rows = np.arange(len(dataset.labels))
    if tracks is not None:
        names = dict.fromkeys(dataset.tracks.tolist())
        rows = np.flatnonzero(np.isin(dataset.tracks, read_track_list(tracks, names).tracks))
    places = np.array([model.genres.index(genre) for genre in dataset.genres])
    found: list[NDArray[np.float64]] = []
    first: list[int] = []  # of each track, as often as it has windows
    for of_track in (rows[each] for each in rows_of_tracks(dataset.tracks[rows])):
        parts = (dataset.spectrograms[of_track[start : start + BATCH]] for start in range(0, len(of_track), BATCH))
        for inputs in model.prepare(parts):
            found.append(model.log_probabilities(inputs))
            first += [int(of_track[0])] * len(inputs)
    return Measured(
        np.concatenate(found),
        places[dataset.labels[first]],
        dataset.tracks[first],
        model.genres,
        calibration=model.calibration,
    )


def measure_recordings(
    model: Model,
    recordings: Sequence[Recording],
    *,
    change: Intervention | None = None,
    on_recording: Callable[[Recording], None] | None = None,
) -> Measured:
    """Run a model on recordings; one that fails is left out, and named in the result.

    Parameters
    ----------
    change : Intervention, optional
        What is done to each of them before.
    on_recording : callable, optional
        Called after each recording.

    Raises
    ------
    DatasetError
        If none of them can be used.
    ModelError
        If the model does not know how recordings become its inputs.
    """
    failures: dict[str, str] = {}
    found: list[tuple[Recording, NDArray[np.float64]]] = []
    for recording in recordings:
        try:
            found.append((recording, np.concatenate(list(_segments(model, recording.path, change)))))
        except AudioError as error:
            failures[recording.source] = str(error)
        if on_recording:
            on_recording(recording)
    if not found:
        first = next(iter(failures.values()), "none is there")
        raise DatasetError(f"expected recordings that can be used, received none of {len(recordings)}: {first}")
    counts = [len(rows) for _, rows in found]
    return Measured(
        np.concatenate([rows for _, rows in found]),
        np.repeat([model.genres.index(recording.genre) for recording, _ in found], counts),
        np.repeat([recording.key for recording, _ in found], counts),
        model.genres,
        failures,
        model.calibration,
    )


def labeled_recordings(
    path: StrPath, genres: Sequence[str] | None = None, *, tracks: StrPath | None = None
) -> list[Recording]:
    """List the recordings of a folder of genre folders, such as ``genres_original/``, or of one that holds that.

    Parameters
    ----------
    genres : sequence of str, optional
        Those that there may be.
    tracks : str or PathLike, optional
        List of the tracks that count, one per line.

    Raises
    ------
    DatasetError
        If there are none, a folder is no such genre, or two have one name.
    """
    found: dict[str, Recording] = {}
    for recording in dataset_recordings(as_path(path)):
        if (other := found.setdefault(recording.key, recording)) is not recording:
            raise DatasetError(
                f"expected one recording of each name, found {escaped(other.path)}, too", path=recording.path
            )
    if genres is not None:
        _refuse_other_genres(tuple(dict.fromkeys(each.genre for each in found.values())), genres, Path(path))
    if tracks is not None:
        found = {track: found[track] for track in read_track_list(tracks, found).tracks}
    return list(found.values())


def is_tree(path: StrPath) -> bool:
    """Return whether a folder is a spectrogram tree, or holds one."""
    path = as_path(path)
    if isinstance(path, RemotePath):  # a store would list all that it has
        return bool((path / SPECTROGRAMS).is_dir())
    return (path / SPECTROGRAMS).is_dir() or next(path.glob("*/*.npz"), None) is not None


def _segments(model: Model, path: Path, change: Intervention | None) -> Iterator[NDArray[np.float64]]:
    """Run a model on a recording, some segments at a time, giving log-probabilities."""
    if model.mel is None:
        raise ModelError(
            "expected a model that knows its Mel settings; this one was trained on a tree without a manifest, so only "
            "such trees can be evaluated",
            path=model.folder or "model",
        )
    with contextlib.ExitStack() as stack:
        file = path
        if change is not None:
            folder = stack.enter_context(temporary_folder("evaluate"))
            file = write_changed(path, change, model.mel.sample_rate, folder)
        for _, batch in spectrogram_batches([file], model.mel, model.prepare):
            if isinstance(batch, AudioError):
                raise batch
            if not isinstance(batch, Ending):
                yield model.log_probabilities(batch)


def _refuse_other_genres(found: Sequence[str], genres: Sequence[str], where: Path) -> None:
    """Refuse data with a genre that a model does not have."""
    if other := [genre for genre in found if genre not in genres]:
        raise DatasetError(
            f"expected folders of the model's genres ({', '.join(map(escaped, genres))}), found {naming(other)}",
            path=where,
        )
