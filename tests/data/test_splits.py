"""Splits: whole tracks, every genre, the right shares, and nothing on both sides."""

from pathlib import Path

import numpy as np
import pytest

from genrebench.data.dataset import Dataset
from genrebench.data.splits import Split, leaking_tracks, split_dataset
from genrebench.errors import DatasetError


def dataset(tracks: tuple[int, ...], segments: int = 5) -> Dataset:
    """Make a dataset without content."""
    names = [f"g{genre}/t{track}" for genre, count in enumerate(tracks) for track in range(count)]
    labels = np.array([int(name[1 : name.index("/")]) for name in names]).repeat(segments)
    return Dataset(
        tree=Path("tree"),
        genres=tuple(f"g{genre}" for genre in range(len(tracks))),
        spectrograms=np.zeros((len(labels), 1, 1), np.float32),
        labels=labels,
        tracks=np.array(names).repeat(segments),
        mel=None,
    )


def parts_of(split: Split) -> list[np.ndarray]:
    """List the parts of a split."""
    return [split.train, split.validation, split.test]


@pytest.mark.parametrize("protocol", ["track", "segment"])
def test_every_segment_is_in_exactly_one_part(protocol: str) -> None:
    """Nothing is lost, nothing stands twice, and the shares are those asked for."""
    data = dataset((100, 100))
    split = split_dataset(data, protocol=protocol, validation=0.15, test=0.05, seed=0)  # type: ignore[arg-type]
    assert sorted(np.concatenate(parts_of(split))) == list(range(1000))
    assert list(map(len, parts_of(split))) == [800, 150, 50]


def test_split_by_track_leaks_nothing_and_treats_genres_alike() -> None:
    """Tracks stay together, and every genre has its share in each part."""
    data = dataset((20, 40, 10))
    split = split_dataset(data, protocol="track", validation=0.2, test=0.1, seed=1)
    assert leaking_tracks(data, split) == set()
    counts = [
        [len(set(data.tracks[rows][data.labels[rows] == genre])) for genre in range(3)] for rows in parts_of(split)
    ]
    assert counts == [[14, 28, 7], [4, 8, 2], [2, 4, 1]]


def test_split_by_segment_leaks_and_is_found_out() -> None:
    """The leaky protocol is what it is called, and the check for leaks sees it."""
    data = dataset((10, 10), segments=10)
    split = split_dataset(data, protocol="segment", validation=0.15, test=0.05, seed=0)
    assert len(leaking_tracks(data, split)) > 10


def test_leaks_into_the_test_part_are_found_too() -> None:
    """One segment in the wrong part is enough."""
    data = dataset((2, 2), segments=2)
    split = Split(train=np.array([0, 4, 5]), validation=np.array([2, 3]), test=np.array([1, 6, 7]))
    assert leaking_tracks(data, split) == {"g0/t0"}


def test_the_seed_decides() -> None:
    """The same seed gives the same split, another seed another."""
    data = dataset((10, 10))
    first, again, other = (
        split_dataset(data, protocol="track", validation=0.2, test=0.2, seed=seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.validation, again.validation)
    assert not np.array_equal(first.validation, other.validation)


def test_every_genre_validates_at_least_one_track() -> None:
    """However small the share; the test part may be empty."""
    data = dataset((2, 3))
    split = split_dataset(data, protocol="track", validation=0.01, test=0.0, seed=0)
    assert set(data.labels[split.validation]) == {0, 1}
    assert len(split.test) == 0


def test_a_genre_with_one_track_is_refused_by_name() -> None:
    """It cannot both train and validate; the message says what to do."""
    with pytest.raises(DatasetError, match=r"genre g1: expected more than 1 tracks.*received 1.*--split segment"):
        split_dataset(dataset((5, 1)), protocol="track", validation=0.2, test=0.0, seed=0)
    with pytest.raises(DatasetError, match="expected segments enough"):
        split_dataset(dataset((1, 1), segments=1), protocol="segment", validation=0.5, test=0.5, seed=0)
