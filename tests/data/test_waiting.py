"""Fingerprints that wait in a file: those that memory would hold, by name, in the order of their numbers."""

import numpy as np
import pytest

from genrebench.data.duplicates import find_duplicates
from genrebench.data.waiting import WaitingPrints
from tests.data.packed.test_prints import library


def test_they_are_those_that_memory_would_hold() -> None:
    """Whatever the order in which they came, with the same duplicates; a track without one is left out."""
    prints = library(40, 300)
    numbers = {name: number for number, name in enumerate(["b/none", *prints])}
    found = WaitingPrints(numbers)
    for name in sorted(prints):
        found.put(numbers[name], prints[name])
    assert list(found) == list(prints)
    assert len(found) == 40
    assert found.are_there().tolist() == [False, *[True] * 40]
    for name, each in prints.items():
        np.testing.assert_array_equal(found[name].words, each.words)
        np.testing.assert_array_equal(found[name].times, each.times)
        assert found[name].window == each.window
        assert (found[name].words.dtype, found[name].times.dtype) == (each.words.dtype, each.times.dtype)
    assert find_duplicates(found) == find_duplicates(prints) != []
    found.close()


def test_what_is_no_track_and_what_has_none_is_not_there() -> None:
    """Neither reads what lies in the file for another."""
    found = WaitingPrints({"a": 0, "b": 1})
    found.put(1, library(2, 20)["b/0"])
    for name in ("a", "c"):
        with pytest.raises(KeyError, match=name):
            found[name]
    found.close()
