"""Fingerprints that lie in files of several shards: those that memory would hold, and memory does not grow by them."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from genrebench.data import duplicates
from genrebench.data.duplicates import Fingerprint, find_duplicates
from genrebench.data.packed.prints import StoredPrints
from genrebench.data.packed.shards import measured_files


def stored(folder: Path, prints: dict[str, Fingerprint], in_shard: int) -> StoredPrints:
    """Write fingerprints as shards of so many tracks do."""
    rows = list(prints.values())
    parts = [rows[start : start + in_shard] for start in range(0, len(rows), in_shard)]
    for number, part in enumerate(parts):
        files = measured_files(number)
        np.save(folder / files["counts"], np.array([[len(each.words), each.window] for each in part]))
        np.save(folder / files["words"], np.concatenate([each.words for each in part]))
        np.save(folder / files["times"], np.concatenate([each.times for each in part]).astype(np.int32))
    return StoredPrints(folder, len(parts), list(prints))


def library(tracks: int, words: int) -> dict[str, Fingerprint]:
    """Draw tracks, of which the fourth has no words, and the third from the end is the second."""
    rng = np.random.default_rng(0)
    prints = {
        f"b/{number}": Fingerprint(rng.integers(1, 2**24, words, dtype=np.uint32), np.arange(words), 16)
        for number in range(tracks)
    }
    prints["b/3"] = Fingerprint(np.empty(0, np.uint32), np.empty(0, np.int64), 16)
    prints[f"b/{tracks - 3}"] = Fingerprint(prints["b/1"].words[7:], prints["b/1"].times[7:] - 7, 8)
    return prints


@pytest.mark.parametrize("in_shard", [1, 5, 40])
def test_they_are_those_that_memory_would_hold(tmp_path: Path, in_shard: int) -> None:
    """By name, in the order of names, with the same duplicates."""
    prints = library(40, 300)
    found = stored(tmp_path, prints, in_shard)
    assert list(found) == sorted(prints)
    assert len(found) == 40
    for name, each in prints.items():
        np.testing.assert_array_equal(found[name].words, each.words)
        np.testing.assert_array_equal(found[name].times, each.times)
        assert found[name].window == each.window
    expected = find_duplicates({name: prints[name] for name in sorted(prints)})
    assert find_duplicates(found) == expected
    assert [{each.first, each.second} for each in expected] == [{"b/1", "b/37"}]


def test_what_is_no_track_has_none(tmp_path: Path) -> None:
    """Before the first name, between two and behind the last."""
    found = stored(tmp_path, library(6, 20), 2)
    for name in ("a", "b/11", "c"):
        assert name not in found


def test_memory_does_not_hold_what_tracks_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An eighth of it at the most, indices and what is looked at together included."""
    monkeypatch.setattr(duplicates, "_WORDS", 2**12)
    prints = library(300, 1600)
    held = sum(each.words.nbytes + each.times.nbytes for each in prints.values())
    found = stored(tmp_path, prints, 20)
    tracemalloc.start()
    assert len(find_duplicates(found)) == 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < held / 8
