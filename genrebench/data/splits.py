"""Which segment trains, validates or tests, and the proof that nothing stands on two sides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from genrebench.data.duplicates import Duplicate, connected, dataset_duplicates
from genrebench.data.lists import naming, read_artists, read_track_list
from genrebench.data.packed.reading import AnyDataset, PackedDataset
from genrebench.errors import DatasetError
from genrebench.system.files import StrPath

Protocol = Literal["track", "artist", "lists", "segment"]
PARTS = ("train", "validation", "test")
# In the order in which tracks are given out.
_TRAIN, _VALIDATION, _TEST, _UNUSED = 0, 1, 2, -1
# Of what a proof found, so many are named.
_NAMED = 10


@dataclass(frozen=True)
class Split:
    """Segments of a dataset by part.

    Attributes
    ----------
    train, validation, test : ndarray of int64
        Indices in ascending order; only `test` may be empty.
    proof : mapping
        What stands on two sides, in plain JSON types: ``tracks``, ``artists`` and ``recordings``, ``leaky`` if
        there is any, and ``notes``, sentences about what a user would not expect.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    proof: Mapping[str, Any] = field(default_factory=dict)


def split_dataset(
    dataset: AnyDataset,
    *,
    protocol: Protocol,
    validation: float,
    test: float,
    seed: int,
    folds: int | None = None,
    fold: int = 1,
    train_list: StrPath | None = None,
    validation_list: StrPath | None = None,
    test_list: StrPath | None = None,
    artists: StrPath | None = None,
) -> Split:
    """Divide a dataset into training, validation and test part, and prove what the division is worth.

    Parameters
    ----------
    dataset : Dataset or PackedDataset
        Its spectrograms in dB, not standardized yet.
    protocol : {'track', 'artist', 'lists', 'segment'}
        ``track`` keeps the segments of a recording together, under whatever names it stands in the dataset, and
        divides each genre alike; ``artist`` keeps the tracks of an artist together, too; ``lists`` takes the parts
        from files; ``segment`` samples single segments, so that most tracks are on both sides: comparable with others'
        figures, but leaky, which inflates accuracy.
    validation, test : float
        Share of each part; the rest trains. Every genre has at least one validation track, and, if `test` is not 0
        and it has three tracks, one test track.
    folds : int, optional
        Divide into so many test parts instead of one of the share `test`; for ``track`` and ``artist``.
    fold : int
        Which of them is tested, from 1.
    train_list, validation_list, test_list : str or PathLike, optional
        Tracks of each part for ``lists``. Without a validation list, `validation` of the training list validates.
    artists : str or PathLike, optional
        Table of tracks and artists. ``artist`` needs it; for the other protocols the proof says what is shared.

    Raises
    ------
    DatasetError
        If a genre has too few tracks, there are too few segments, or a file is not as it should be.
    """
    rng = np.random.default_rng(seed)
    names, first, number = np.unique(dataset.tracks, return_index=True, return_inverse=True)
    tracks, labels = [str(name) for name in names], dataset.labels[first]
    artist_of = read_artists(artists, tracks) if artists else None
    if protocol == "segment":
        parts = _sample_segments(dataset, validation, test, rng)
        return _made(parts, _prove(dataset, parts, protocol, None, artist_of, []))
    duplicates = dataset.duplicates if isinstance(dataset, PackedDataset) else dataset_duplicates(dataset)
    notes: list[str] = []
    pairs = [(each.first, each.second) for each in duplicates]
    if protocol == "artist":
        if artist_of is None:
            raise DatasetError("expected a table of tracks and artists for the split by artist; give --artists FILE")
        by_artist = sorted(artist_of, key=lambda track: artist_of[track])
        pairs += [each for each in pairwise(by_artist) if artist_of[each[0]] == artist_of[each[1]]]
    shares = _Tracks(dataset.genres, labels, connected(tracks, pairs), "artists" if protocol == "artist" else "tracks")
    if protocol == "lists":
        part_of_track = _from_lists(tracks, (train_list, validation_list, test_list), notes)
        if validation_list is None:
            listed = np.flatnonzero(part_of_track == _TRAIN)
            part_of_track[listed] = shares.only(listed).divide(validation, 0.0, rng)
    elif folds:
        part_of_track = shares.fold(folds, fold, validation, rng, seed)
    else:
        part_of_track = shares.divide(validation, test, rng)
    wanted = bool(test_list if protocol == "lists" else test or folds)
    notes += _missing_genres(dataset.genres, labels, part_of_track, wanted=wanted)
    parts = part_of_track[number]
    return _made(parts, _prove(dataset, parts, protocol, duplicates, artist_of, notes))


def leaking_tracks(dataset: AnyDataset, split: Split) -> set[str]:
    """Find the tracks that have a segment in the training part and another in validation or test."""
    held_out = np.concatenate([split.validation, split.test])
    return set(dataset.tracks[split.train].tolist()) & set(dataset.tracks[held_out].tolist())


def remarks(split: Split) -> list[str]:
    """Say of a split what a user would not expect, and what stands on two sides of it."""
    notes = list(split.proof.get("notes", ()))
    for what, plural in (("artists", "artists"), ("recordings", "pairs of tracks that are one recording")):
        if (found := split.proof.get(what)) and (count := found["on_two_sides"]["count"]):
            first = found["on_two_sides"]["first"]
            named = naming([each if isinstance(each, str) else " = ".join(each) for each in first])
            notes.append(f"{count} {plural} stand on two sides of the split, which inflates accuracy: {named}")
    return notes


def _made(parts: NDArray[np.int64], proof: Mapping[str, Any]) -> Split:
    """List the segments of each part."""
    train, validation, test = (np.flatnonzero(parts == part) for part in range(len(PARTS)))
    return Split(train, validation, test, proof)


def _sample_segments(
    dataset: AnyDataset, validation: float, test: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Give each segment a part, whatever its track."""
    count = len(dataset.labels)
    held_out = max(1, round(count * validation)), round(count * test)
    if sum(held_out) >= count:
        raise DatasetError(
            f"expected segments enough for training beside {held_out[0]} for validation and {held_out[1]} for "
            f"test, received {count}",
            path=dataset.tree,
        )
    parts = np.full(count, _TRAIN)
    order = rng.permutation(count)
    parts[order[: held_out[0]]] = _VALIDATION
    parts[order[held_out[0] : sum(held_out)]] = _TEST
    return parts


@dataclass(frozen=True)
class _Tracks:
    """Tracks that are given out in groups: genres, the genre and the group of each track, and what a group is."""

    genres: tuple[str, ...]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    what: str

    def only(self, rows: NDArray[np.int64]) -> "_Tracks":
        """Take some of the tracks."""
        return _Tracks(self.genres, self.labels[rows], self.groups[rows], self.what)

    def divide(self, validation: float, test: float, rng: np.random.Generator) -> NDArray[np.int64]:
        """Give each track a part: groups stay together, and each genre is divided as evenly as that allows."""
        wanted = np.array([self._wanted(label, validation, test) for label in range(len(self.genres))])
        order = np.concatenate(
            [rng.permutation(np.flatnonzero(self.labels == label)) for label in np.unique(self.labels)]
        )
        numbers, places, sizes = np.unique(self.groups[order], return_index=True, return_counts=True)
        parts = np.full(len(self.labels), _TRAIN)
        # Large groups first, while there is room for them; of equal ones, in random order.
        for place in np.lexsort((places, -sizes)):
            members = self.groups == numbers[place]
            counts = np.bincount(self.labels[members], minlength=len(self.genres))[:, None]
            # How much nearer each part would be to what is wanted of it.
            gain = (np.abs(wanted) - np.abs(wanted - counts)).sum(axis=0)
            part = max((_VALIDATION, _TEST, _TRAIN), key=lambda each: gain[each])
            parts[members] = part
            wanted[:, part] -= counts[:, 0]
        return self._with_each_genre(parts, test > 0)

    def fold(self, folds: int, fold: int, validation: float, rng: np.random.Generator, seed: int) -> NDArray[np.int64]:
        """Give each track a part, so that over all folds each is tested once."""
        from sklearn.model_selection import StratifiedGroupKFold

        for label, genre in enumerate(self.genres):
            if (count := self._count(label)) < folds:
                raise DatasetError(
                    f"genre {genre}: expected at least {folds} {self.what}, one per fold, received {count}; use fewer "
                    "--folds"
                )
        division = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        rest, _ = list(division.split(self.labels, self.labels, self.groups))[fold - 1]
        parts = np.full(len(self.labels), _TEST)
        parts[rest] = self.only(rest).divide(validation, 0.0, rng)
        return parts

    def _count(self, label: int) -> int:
        """Count the groups of a genre."""
        return len(np.unique(self.groups[self.labels == label]))

    def _wanted(self, label: int, validation: float, test: float) -> tuple[int, int, int]:
        """Say how many tracks of a genre train, validate and test; at least one each, as far as there are so many."""
        tracks, count = int((self.labels == label).sum()), self._count(label)
        held_out = max(1, round(tracks * validation)), max(round(tracks * test), int(test > 0 and tracks > 2))
        if sum(held_out) >= tracks or count < 2:
            raise DatasetError(
                f"genre {self.genres[label]}: expected more than {max(1, sum(held_out)) if count > 1 else 1} "
                f"{self.what}, one to train beside {held_out[0]} for validation and {held_out[1]} for test, received "
                f"{count if count < 2 else tracks}; add recordings, or use --split segment"
            )
        return tracks - sum(held_out), *held_out

    def _with_each_genre(self, parts: NDArray[np.int64], tested: bool) -> NDArray[np.int64]:
        """Move the smallest group of the training part where a genre would not be validated, or not be tested."""
        for part in (_VALIDATION, _TEST) if tested else (_VALIDATION,):
            for label in range(len(self.genres)):
                here = self.labels == label
                groups, sizes = np.unique(self.groups[here & (parts == _TRAIN)], return_counts=True)
                if not (here & (parts == part)).any() and len(groups) > 1:
                    parts[self.groups == groups[sizes.argmin()]] = part
        return parts


def _from_lists(tracks: Sequence[str], paths: Sequence[StrPath | None], notes: list[str]) -> NDArray[np.int64]:
    """Give each track the part of the list that names it; what lists and dataset do not share is noted."""
    if paths[0] is None:
        raise DatasetError("expected lists of tracks for the split by lists; give --train-list FILE")
    place = {track: index for index, track in enumerate(tracks)}
    parts = np.full(len(tracks), _UNUSED)
    for part, path in enumerate(paths):
        if path is None:
            continue
        found = read_track_list(path, tracks)
        rows = np.array([place[track] for track in found.tracks])
        if twice := [tracks[row] for row in rows if parts[row] != _UNUSED]:
            raise DatasetError(f"expected each track in one list, found in another, too: {naming(twice)}", path=path)
        parts[rows] = part
        if found.unknown:
            notes.append(
                f"{PARTS[part]} list: {len(found.unknown)} tracks are not in the dataset: {naming(found.unknown)}"
            )
    if unused := [track for track, part in zip(tracks, parts, strict=True) if part == _UNUSED]:
        notes.append(f"{len(unused)} tracks of the dataset are in no list, and not used: {naming(unused)}")
    return parts


def _missing_genres(
    genres: Sequence[str], labels: NDArray[np.int64], parts: NDArray[np.int64], *, wanted: bool
) -> list[str]:
    """Note the genres that a part does not have; without a track that trains, a genre is refused."""
    notes = []
    for part, name in enumerate(PARTS):
        here = np.bincount(labels[parts == part], minlength=len(genres))
        missing = [genre for genre, count in zip(genres, here, strict=True) if not count]
        if missing and part == _TRAIN:
            raise DatasetError(f"expected training tracks of every genre, found none of {naming(missing)}")
        if len(missing) == len(genres) and part == _VALIDATION:
            raise DatasetError("expected validation tracks, found none")
        if missing and (part != _TEST or wanted):
            notes.append(
                f"{name} part: no track of {naming(missing)}"
                if len(missing) < len(genres)
                else f"{name} part: empty, since the genres have too few tracks for it"
            )
    return notes


def _prove(
    dataset: AnyDataset,
    parts: NDArray[np.int64],
    protocol: Protocol,
    duplicates: Sequence[Duplicate] | None,
    artists: Mapping[str, str] | None,
    notes: Sequence[str],
) -> dict[str, Any]:
    """Look for what stands on two sides, without trust in how the parts were made.

    Parameters
    ----------
    parts : ndarray of int64 [shape=(segments,)]
        Part of each segment.
    duplicates : sequence of Duplicate, optional
        Tracks that are one recording; None if they were not looked for.
    artists : mapping, optional
        Artist by track, where known.
    """
    sides = [set(dataset.tracks[parts == part].tolist()) for part in range(len(PARTS))]
    tracks = sorted(set().union(*(first & second for first, second in combinations(sides, 2))))
    proof: dict[str, Any] = {
        "protocol": protocol,
        "tracks": {**dict(zip(PARTS, map(len, sides), strict=True)), "on_two_sides": _some(tracks)},
        "artists": None,
        "recordings": None,
        "notes": list(notes),
    }
    if artists is not None:
        known = [{artists[track] for track in side if track in artists} for side in sides]
        shared = sorted(set().union(*(first & second for first, second in combinations(known, 2))))
        unknown = sum(track not in artists for side in sides for track in side)
        proof["artists"] = {"known": len(set().union(*known)), "tracks_without": unknown, "on_two_sides": _some(shared)}
    if duplicates is not None:
        side_of = {track: number for number, side in enumerate(sides) for track in side}
        pairs = [[each.first, each.second] for each in duplicates if {each.first, each.second} <= side_of.keys()]
        apart = [pair for pair in pairs if side_of[pair[0]] != side_of[pair[1]]]
        proof["recordings"] = {"compared": len(side_of), "duplicates": _some(pairs), "on_two_sides": _some(apart)}
    found = (proof["tracks"], proof["artists"], proof["recordings"])
    proof["leaky"] = any(each["on_two_sides"]["count"] for each in found if each)
    return proof


def _some(found: Sequence[Any]) -> dict[str, Any]:
    """Count what was found, and name the first."""
    return {"count": len(found), "first": list(found[:_NAMED])}
