"""Fingerprints that wait in a file: those that memory would hold, by name, in the order of their numbers."""

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from genrebench.data.duplicates import find_duplicates
from genrebench.data.waiting import WaitingPrints
from genrebench.errors import DatasetError
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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_told_with_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In one line, each time; nothing is left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    message = rf"^{tmp_path}: fingerprints .* \(No space left on device\); make room, or name another folder by TMPDIR$"
    found = WaitingPrints({"a": 0, "b": 1})
    with open("/dev/full", "r+b", buffering=0) as disk:  # noqa: PTH123 - a device
        os.dup2(disk.fileno(), found._file.fileno())
    for _ in range(2):
        with pytest.raises(DatasetError, match=message):
            found.put(1, library(4, 20)["b/1"])
    assert not found.are_there().any()
    found.close()
    assert not list(tmp_path.iterdir())


def test_a_temporary_folder_that_is_gone_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """When the file is made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(DatasetError, match=r"gone: fingerprints .* \(No such file or directory\); make room, or name"):
        WaitingPrints({"a": 0})
