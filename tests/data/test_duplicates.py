"""Copies of a recording are found, whatever was done to them, and nothing else is."""

import errno
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from genrebench.audio.mel import MelConfig, segment_spectrograms
from genrebench.audio.synthesis.render import GENRES, synthesize
from genrebench.data import duplicates
from genrebench.data.duplicates import Fingerprint, connected, find_duplicates, fingerprint
from genrebench.errors import DatasetError

RATE = 22050
MEL = MelConfig()
HOPS = MEL.segment_samples / MEL.hop_length


def print_of(path: Path, samples: NDArray[np.float32], rate: int = RATE) -> Fingerprint:
    """Write a recording and compute its fingerprint."""
    soundfile.write(path, samples, rate)
    return fingerprint(np.stack(list(segment_spectrograms(path, MEL))), HOPS)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Fingerprint]:
    """Compute the fingerprints of ten different pieces of music."""
    folder = tmp_path_factory.mktemp("library")
    pieces = {genre: synthesize(genre, seed=1, duration=12.0) for genre in GENRES}
    return {genre: print_of(folder / f"{genre}.wav", samples) for genre, samples in pieces.items()}


def test_different_pieces_are_no_duplicates(library: dict[str, Fingerprint]) -> None:
    """Neither are two of one genre."""
    assert find_duplicates(library) == []


@pytest.mark.parametrize("change", ["none", "gain", "cut", "mp3", "rate", "noise", "cut, mp3 and gain"])
def test_a_changed_copy_is_found_among_others(change: str, library: dict[str, Fingerprint], tmp_path: Path) -> None:
    """It is the only duplicate."""
    samples, rate, name = synthesize("rock", seed=1, duration=12.0), RATE, "copy.wav"
    if "cut" in change:
        samples = samples[int(1.777 * RATE) :]
    if "gain" in change:
        samples = 0.2 * samples
    if "mp3" in change:
        name = "copy.mp3"
    if change == "rate":
        samples, rate = soxr.resample(samples, RATE, 44100), 44100
    if change == "noise":
        samples = samples + np.random.default_rng(0).normal(0, 0.05 * samples.std(), len(samples)).astype(np.float32)
    found = find_duplicates({**library, "copy": print_of(tmp_path / name, samples, rate)})
    assert [(each.first, each.second) for each in found] == [("rock", "copy")]
    if change in ("none", "gain"):
        assert found[0].different < 0.02
        assert found[0].shift == 0
    if "cut" in change:
        assert found[0].shift == pytest.approx(-1.777 * RATE / MEL.hop_length, abs=2)


def test_many_tracks_with_equal_words_stay_bounded() -> None:
    """A word that all tracks have votes for its neighbors only; the one true copy is found all the same."""
    rng = np.random.default_rng(0)
    words = rng.integers(1, 2**24, (300, 400), dtype=np.uint32)
    words[:, ::4] = 7
    words[123] = words[45]
    prints = {str(number): Fingerprint(row, np.arange(400), 16) for number, row in enumerate(words)}
    assert [(each.first, each.second) for each in find_duplicates(prints)] == [("45", "123")]


def test_what_has_no_words_is_no_duplicate() -> None:
    """Silence, single frames and single bands; nothing at all."""
    silent = fingerprint(np.full((2, 32, 40), -80.0, np.float32))
    assert len(silent.words) == len(fingerprint(np.zeros((3, 1, 1), np.float32)).words) == 0
    assert find_duplicates({"a": silent, "b": silent}) == find_duplicates({}) == []


def test_groups_follow_from_pairs() -> None:
    """Over others, too; who is in no pair is a group alone."""
    groups = connected(("a", "b", "c", "d"), [("a", "c"), ("d", "c")])
    assert groups[0] == groups[2] == groups[3] != groups[1]
    assert len(set(connected(("a", "b"), []))) == 2


@pytest.mark.parametrize("words", [50, 997, 5000])
def test_what_is_found_does_not_depend_on_memory(words: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words are looked at in parts where there are many, and votes wait on disk: the same candidates and shifts."""
    rng = np.random.default_rng(0)
    prints = [
        Fingerprint(rng.integers(0, 400, 200, dtype=np.uint32), np.sort(rng.integers(0, 900, 200)), 8)
        for _ in range(30)
    ]
    prints[7] = Fingerprint(prints[3].words[20:], prints[3].times[20:] + 13, 8)
    expected = duplicates._candidates(prints)
    assert len(expected) > 20
    assert (3, 7) in expected
    monkeypatch.setattr(duplicates, "_WORDS", words)
    assert duplicates._candidates(prints) == expected


@pytest.mark.parametrize("room", [0, 2000, 30_000])
def test_a_disk_that_fills_up_while_words_are_sorted_is_told(
    room: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In one line; nothing is left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(duplicates, "_WORDS", 2**10)
    rng = np.random.default_rng(0)
    words = [rng.integers(0, 2**24, 1000, dtype=np.uint32) for _ in range(10)]
    prints = {str(number): Fingerprint(each, np.arange(1000), 8) for number, each in enumerate(words)}
    written: list[int] = []

    class Filling(io.FileIO):
        """Takes so many bytes, and then no more."""

        def write(self, content: Any, /) -> int:
            """Take all or nothing."""
            written.append(len(content))
            if sum(written) > room:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(content)

    monkeypatch.setattr(Path, "open", lambda path, mode: Filling(path, mode))
    with pytest.raises(
        DatasetError, match=rf"^{tmp_path}: fingerprints of recordings cannot be kept here meanwhile \(No"
    ):
        find_duplicates(prints)
    assert sum(written) > room
    assert not list(tmp_path.iterdir())
