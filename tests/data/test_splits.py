"""Splits: what belongs together stays so, every genre has its share, and planted leaks are found and named."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.data.dataset import Dataset
from genrebench.data.splits import PARTS, Split, leaking_tracks, split_dataset
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


def noise(tracks: tuple[int, ...], copies: dict[str, str]) -> Dataset:
    """Make a dataset of noise in which some tracks are copies of others, 6 dB quieter."""
    data = dataset(tracks, segments=2)
    data.spectrograms.resize((len(data.labels), 32, 40), refcheck=False)
    data.spectrograms[:] = np.random.default_rng(0).normal(-40, 9, data.spectrograms.shape)
    for copy, original in copies.items():
        data.spectrograms[data.tracks == copy] = data.spectrograms[data.tracks == original] - 6
    return data


def tracks_of(data: Dataset, split: Split) -> dict[str, set[str]]:
    """List the tracks of each part."""
    return {part: set(data.tracks[rows]) for part, rows in zip(PARTS, parts_of(split), strict=True)}


def written(folder: Path, **files: str) -> dict[str, Any]:
    """Write files of one track per line, or more."""
    for name, content in files.items():
        (folder / name).write_text(content)
    return {name: folder / name for name in files}


COPIES = {"g0/t1": "g0/t0", "g1/t3": "g0/t0", "g1/t5": "g1/t4"}


def test_copies_stay_together_over_genres(tmp_path: Path) -> None:
    """Whatever the seed: the copy of a track is on its side, and the proof counts what it compared and found."""
    data = noise((8, 8), COPIES)
    for seed in range(10):
        split = split_dataset(data, protocol="track", validation=0.25, test=0.25, seed=seed)
        side = {track: part for part, tracks in tracks_of(data, split).items() for track in tracks}
        assert all(side[copy] == side[original] for copy, original in COPIES.items())
        assert set(side.values()) == set(PARTS)
        proof = split.proof["recordings"]
        assert (proof["compared"], proof["duplicates"]["count"], proof["on_two_sides"]["count"]) == (16, 4, 0)
        assert not split.proof["leaky"]


def test_lists_that_tear_copies_apart_are_found_out(tmp_path: Path) -> None:
    """They are taken as they are; the proof names the pair."""
    data = noise((4, 4), {"g1/t3": "g0/t0"})
    lists = written(
        tmp_path, train_list="g0/t0\ng0/t1\ng1/t0", validation_list="g0/t2\ng1/t1\n", test_list="g1/t3\ng0/t3"
    )
    split = split_dataset(data, protocol="lists", validation=0.5, test=0.5, seed=0, **lists)
    assert tracks_of(data, split) == {
        "train": {"g0/t0", "g0/t1", "g1/t0"}, "validation": {"g0/t2", "g1/t1"}, "test": {"g1/t3", "g0/t3"}
    }  # fmt: skip
    assert split.proof["leaky"]
    assert split.proof["recordings"]["on_two_sides"] == {"count": 1, "first": [["g0/t0", "g1/t3"]]}
    unused = "tracks of the dataset are in no list, and not used"
    assert split.proof["notes"] == [f"1 {unused}: g1/t2"]
    del lists["test_list"]
    split = split_dataset(data, protocol="lists", validation=0.5, test=0.5, seed=0, **lists)
    assert split.proof["notes"] == [f"3 {unused}: g0/t3, g1/t2, g1/t3"]
    assert not split.proof["leaky"]


def test_lists_name_what_they_and_the_dataset_do_not_share(tmp_path: Path) -> None:
    """Tracks that are not there, genres that a part lacks; without a validation list a share validates."""
    data = dataset((4, 4))
    lists = written(tmp_path, train_list="t0\n", test_list="g0/t3\ng0/t9\n")
    with pytest.raises(DatasetError, match="train_list: expected the genre before t0, which may be g0/t0 or g1/t0"):
        split_dataset(data, protocol="lists", validation=0.5, test=0.1, seed=0, **lists)
    lists |= written(tmp_path, train_list="g0/t0\ng0/t1\ng1/t0\ng1/t1\ng1/t2\n")
    split = split_dataset(data, protocol="lists", validation=0.5, test=0.1, seed=0, **lists)
    assert [len(part) for part in tracks_of(data, split).values()] == [2, 3, 1]
    assert split.proof["notes"] == [
        "test list: 1 tracks are not in the dataset: g0/t9",
        "2 tracks of the dataset are in no list, and not used: g0/t2, g1/t3",
        "test part: no track of g1",
    ]
    lists |= written(tmp_path, test_list="g0/t3\ng1/t2\n")
    with pytest.raises(DatasetError, match=r"test_list: expected each track in one list, found in another.*: g1/t2"):
        split_dataset(data, protocol="lists", validation=0.5, test=0.1, seed=0, **lists)
    lists |= written(tmp_path, train_list="g0/t0\n", test_list="g1/t3")
    with pytest.raises(DatasetError, match="genre g0: expected more than 1"):
        split_dataset(data, protocol="lists", validation=0.5, test=0.1, seed=0, **lists)
    with pytest.raises(DatasetError, match="expected training tracks of every genre, found none of g1"):
        split_dataset(
            data,
            protocol="lists",
            validation=0.5,
            test=0.1,
            seed=0,
            **lists,
            **written(tmp_path, validation_list="g1/t0"),
        )


def artists_csv(folder: Path, data: Dataset, artists: int) -> Path:
    """Write a table in which so many artists made each genre."""
    rows = [f"{track},{track[:2]} artist {int(track[4:]) % artists}" for track in np.unique(data.tracks)]
    written(folder, artists="track,artist\n" + "\n".join(rows))
    return folder / "artists"


def test_an_artist_stays_on_one_side(tmp_path: Path) -> None:
    """Of the split by artist the proof says so, for every seed; of the split by track it names who does not."""
    data = dataset((20, 20))
    path = artists_csv(tmp_path, data, 7)
    for seed in range(10):
        split = split_dataset(data, protocol="artist", validation=0.2, test=0.2, seed=seed, artists=path)
        assert split.proof["artists"] == {"known": 14, "tracks_without": 0, "on_two_sides": {"count": 0, "first": []}}
        assert not split.proof["leaky"]
        assert [len(part) for part in tracks_of(data, split).values()] == pytest.approx([24, 8, 8], abs=4)
    split = split_dataset(data, protocol="track", validation=0.2, test=0.2, seed=0, artists=path)
    assert split.proof["leaky"]
    assert split.proof["artists"]["on_two_sides"]["count"] > 5
    assert "g0 artist 0" in split.proof["artists"]["on_two_sides"]["first"]


def test_a_genre_of_one_artist_is_refused_by_name(tmp_path: Path) -> None:
    """Of two artists one trains and one validates, and the missing test is noted."""
    data = dataset((20, 20))
    with pytest.raises(DatasetError, match=r"genre g0: expected more than 1 artists, .* received 1"):
        split_dataset(data, protocol="artist", validation=0.2, test=0.2, seed=0, artists=artists_csv(tmp_path, data, 1))
    path = artists_csv(tmp_path, data, 2)
    split = split_dataset(data, protocol="artist", validation=0.2, test=0.2, seed=0, artists=path)
    assert split.proof["notes"] == ["test part: empty, since the genres have too few tracks for it"]
    assert set(data.labels[split.validation]) == set(data.labels[split.train]) == {0, 1}
    with pytest.raises(DatasetError, match="give --artists FILE"):
        split_dataset(data, protocol="artist", validation=0.2, test=0.2, seed=0)


@pytest.mark.parametrize("protocol", ["track", "artist"])
def test_folds_test_every_track_once(protocol: Any, tmp_path: Path) -> None:
    """No copy and no artist stands on two sides of any of them, and each has every genre in each part."""
    data = noise((9, 12), COPIES)
    path = artists_csv(tmp_path, data, 6) if protocol == "artist" else None
    tested: list[str] = []
    for fold in (1, 2, 3):
        split = split_dataset(
            data, protocol=protocol, validation=0.2, test=0.05, seed=4, folds=3, fold=fold, artists=path
        )
        tested += tracks_of(data, split)["test"]
        assert not split.proof["leaky"]
        assert all(set(data.labels[rows]) == {0, 1} for rows in parts_of(split))
    assert sorted(tested) == sorted(set(data.tracks))
    with pytest.raises(DatasetError, match=f"genre g0: expected at least 10 {protocol}s, one per fold, received"):
        split_dataset(data, protocol=protocol, validation=0.2, test=0.05, seed=0, folds=10, artists=path)


def test_a_test_part_does_not_vanish_without_a_word() -> None:
    """Ten tracks and a share of 5 % give one each; two tracks give none, which is noted."""
    split = split_dataset(dataset((10, 10)), protocol="track", validation=0.15, test=0.05, seed=0)
    assert [len(part) for part in parts_of(split)] == [70, 20, 10]
    assert split.proof["notes"] == []
    split = split_dataset(dataset((2, 2)), protocol="track", validation=0.15, test=0.05, seed=0)
    assert split.proof["notes"] == ["test part: empty, since the genres have too few tracks for it"]


def test_the_proof_of_a_split_by_segment_says_leaky() -> None:
    """With the tracks that are on two sides."""
    split = split_dataset(dataset((10, 10), 10), protocol="segment", validation=0.15, test=0.05, seed=0)
    assert split.proof["leaky"]
    assert split.proof["tracks"]["on_two_sides"]["count"] > 10
