"""Which segment trains, validates or tests, and the proof that nothing leaks."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genrebench.data.dataset import Dataset
from genrebench.errors import DatasetError

Protocol = Literal["track", "segment"]


@dataclass(frozen=True)
class Split:
    """Segments of a dataset by part.

    Attributes
    ----------
    train, validation, test : ndarray of int64
        Indices in ascending order; only `test` may be empty.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split_dataset(dataset: Dataset, *, protocol: Protocol, validation: float, test: float, seed: int) -> Split:
    """Divide a dataset into training, validation and test part.

    Parameters
    ----------
    protocol : {'track', 'segment'}
        ``track`` keeps the segments of a track together and divides each genre alike; ``segment`` samples
        single segments, so that most tracks are on both sides: comparable with others' figures, but leaky, which
        inflates accuracy.
    validation, test : float
        Share of each part; the rest trains. Every genre has at least one validation track.

    Raises
    ------
    DatasetError
        If a genre has too few tracks, or there are too few segments.
    """
    rng = np.random.default_rng(seed)
    if protocol == "segment":
        count = len(dataset.labels)
        held_out = max(1, round(count * validation)), round(count * test)
        if sum(held_out) >= count:
            raise DatasetError(
                f"expected segments enough for training beside {held_out[0]} for validation and {held_out[1]} for "
                f"test, received {count}",
                path=dataset.tree,
            )
        first, second, rest = np.split(rng.permutation(count), np.cumsum(held_out))
        return Split(train=np.sort(rest), validation=np.sort(first), test=np.sort(second))
    part_of_track = {}
    for label, genre in enumerate(dataset.genres):
        tracks = np.unique(dataset.tracks[dataset.labels == label])
        held_out = max(1, round(len(tracks) * validation)), round(len(tracks) * test)
        if sum(held_out) >= len(tracks):
            raise DatasetError(
                f"genre {genre}: expected more than {sum(held_out)} tracks, one to train beside {held_out[0]} for "
                f"validation and {held_out[1]} for test, received {len(tracks)}; add recordings, or use --split segment"
            )
        for place, track in enumerate(rng.permutation(tracks)):
            part_of_track[track] = int(np.searchsorted(np.cumsum(held_out), place, side="right"))
    parts = np.array([part_of_track[track] for track in dataset.tracks])
    return Split(*(np.flatnonzero(parts == part) for part in (2, 0, 1)))


def leaking_tracks(dataset: Dataset, split: Split) -> set[str]:
    """Find the tracks that have a segment in the training part and another in validation or test."""
    held_out = np.concatenate([split.validation, split.test])
    return set(dataset.tracks[split.train].tolist()) & set(dataset.tracks[held_out].tolist())
