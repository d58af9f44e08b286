"""Planted faults are found and named, each with what to do; healthy recordings are left alone."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from genrebench.audio.recordings import Recording
from genrebench.audio.synthesis.render import synthesize
from genrebench.data.dataset import Dataset
from genrebench.data.duplicates import Fingerprint
from genrebench.evaluation.doctor import REMEDIES, Examination, diagnose_tree, overlaps
from genrebench.evaluation.listening import Examined, examine_recording
from genrebench.evaluation.measure import labeled_recordings
from tests.audio.zoo import SECONDS, encoded

RATE = 22050


def music(genre: str, seed: int) -> NDArray[np.float32]:
    """Make six seconds of music that goes to 0.8 of full scale."""
    samples = synthesize(genre, seed=seed, duration=6.0)
    return np.asarray(0.8 * samples / np.abs(samples).max(), dtype=np.float32)


def diagnosed(folder: Path) -> dict[str, Any]:
    """Examine a folder of genre folders; the last recording comes back first, as it may."""
    recordings = labeled_recordings(folder)
    with Examination(recordings) as examination:
        for recording in reversed(recordings):
            examination.add(*examine_recording(recording))
        return examination.diagnose()


def findings(folder: Path) -> dict[str, set[tuple[str, ...]]]:
    """Examine a folder of genre folders, and list the tracks of each finding by its kind."""
    diagnosis = diagnosed(folder)
    assert {each.kind for each in diagnosis["findings"]} <= REMEDIES.keys()
    found: dict[str, set[tuple[str, ...]]] = {}
    for each in diagnosis["findings"]:
        found.setdefault(each.kind, set()).add(each.tracks)
    return found


@pytest.fixture
def healthy(tmp_path: Path) -> Path:
    """Write three good recordings in each of two genres."""
    for genre in ("rock", "jazz"):
        (tmp_path / genre).mkdir()
        for seed in range(3):
            soundfile.write(tmp_path / genre / f"{genre}{seed}.wav", music(genre, seed), RATE)
    return tmp_path


def test_healthy_recordings_have_no_findings(healthy: Path) -> None:
    """Genres are counted, with durations and formats."""
    diagnosis = diagnosed(healthy)
    assert diagnosis["findings"] == []
    assert diagnosis["genres"]["rock"] == {
        "tracks": 3, "unreadable": 0, "seconds": [6.0, 6.0, 6.0], "formats": {"WAV PCM_16 22050 Hz": 3}
    }  # fmt: skip


def test_what_only_ffmpeg_reads_is_heard_at_its_own_rate(tmp_path: Path) -> None:
    """Not at that of the spectrograms."""
    path = tmp_path / "rock.m4a"
    path.write_bytes(encoded("m4a", 44100))
    _, examined = examine_recording(Recording("rock", "rock", path, "rock/rock.m4a"))
    assert examined.rate == 44100
    assert examined.seconds == pytest.approx(SECONDS, abs=0.1)


def test_each_fault_is_named(healthy: Path) -> None:
    """Clipped, silent in part or whole, with an offset, cut off, short, unreadable; a genre with too few."""
    rock = healthy / "rock"
    soundfile.write(rock / "clipped.wav", np.clip(6 * music("rock", 10), -0.9, 0.9), RATE)
    late = music("rock", 11)
    late[: 3 * RATE] = 0
    soundfile.write(rock / "late.wav", late, RATE)
    soundfile.write(rock / "silence.wav", np.zeros(6 * RATE, np.float32), RATE)
    soundfile.write(rock / "offset.wav", music("rock", 12) * 0.5 + 0.1, RATE)
    soundfile.write(rock / "short.wav", music("rock", 13)[: 4 * RATE], RATE)
    soundfile.write(rock / "cut.wav", music("rock", 14), RATE)
    content = (rock / "cut.wav").read_bytes()
    (rock / "cut.wav").write_bytes(content[: len(content) * 3 // 4])
    (rock / "broken.wav").write_bytes(b"RIFF")
    (healthy / "polka").mkdir()
    soundfile.write(healthy / "polka" / "one.wav", music("country", 0), RATE)
    assert findings(healthy) == {
        "clipped": {("rock/clipped",)},
        "silent": {("rock/late",), ("rock/silence",)},
        "offset": {("rock/offset",)},
        "short": {("rock/short",)},
        "damaged": {("rock/cut",)},
        "unreadable": {("rock/broken",)},
        "few": {("polka",)},
    }


def test_copies_are_found_whatever_was_done_to_them(healthy: Path) -> None:
    """The same file, another volume, another codec, another beginning, another genre."""
    rock, jazz = healthy / "rock", healthy / "jazz"
    (rock / "same.wav").write_bytes((rock / "rock0.wav").read_bytes())
    soundfile.write(jazz / "quiet.wav", 0.3 * music("jazz", 0), RATE)
    soundfile.write(jazz / "coded.ogg", music("jazz", 1), RATE)
    soundfile.write(jazz / "other.mp3", 0.7 * music("rock", 2)[RATE // 3 :], RATE)
    found = findings(healthy)
    assert found == {
        "identical": {("rock/rock0", "rock/same")},
        "duplicate": {("jazz/jazz0", "jazz/quiet"), ("jazz/coded", "jazz/jazz1"), ("jazz/other", "rock/rock2")},
        "genres": {("jazz/other", "rock/rock2")},
    }


def test_memory_does_not_grow_by_fingerprints() -> None:
    """What is held of a recording is less than a twentieth of its fingerprint."""
    recordings = [Recording("rock", f"{n}", Path(f"/{n}.wav"), f"rock/{n}.wav") for n in range(1000)]
    prints = [Fingerprint(np.full(1000, n, np.uint32), np.arange(1000), 16) for n in range(10)]
    with Examination(recordings) as examination:
        tracemalloc.start()
        for number, recording in enumerate(recordings):
            found = Examined(30.0, 0.9, 22050, "WAV", f"{number:064x}", prints[number % 10], ())
            examination.add(recording, found)
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert held < len(recordings) * 12_000 / 20
        assert examination.diagnose()["genres"]["rock"]["tracks"] == 1000


def test_what_stands_on_two_sides_of_a_split_is_named(healthy: Path) -> None:
    """Pairs of which one is in no part are no overlap."""
    rock = healthy / "rock"
    for name in ("copy", "unused"):
        (rock / f"{name}.wav").write_bytes((rock / "rock0.wav").read_bytes())
    diagnosis = diagnosed(healthy)
    sides = {"rock/rock0": "test", "rock/copy": "train", "rock/rock1": "train"}
    found = overlaps(diagnosis["findings"], sides)
    assert [(each.kind, set(each.tracks)) for each in found] == [("two sides", {"rock/copy", "rock/rock0"})]


def test_a_spectrogram_tree_is_examined_without_its_recordings(tmp_path: Path) -> None:
    """Counts, silent and short tracks, duplicates over genres."""
    rng = np.random.default_rng(0)
    tracks = np.array([f"{genre}/{number}" for genre in ("a", "b") for number in range(4)]).repeat(4)[:-2]
    labels = np.array([0] * 16 + [1] * 14)
    spectrograms = rng.normal(-40, 9, (30, 32, 40)).astype(np.float32)
    spectrograms[tracks == "b/1"] = spectrograms[tracks == "a/2"] - 3
    spectrograms[tracks == "a/0"] = -80
    diagnosis = diagnose_tree(Dataset(tmp_path, ("a", "b"), spectrograms, labels, tracks, None))
    found = {(each.kind, each.tracks) for each in diagnosis["findings"]}
    assert found == {
        ("silent", ("a/0",)), ("short", ("b/3",)), ("duplicate", ("a/2", "b/1")), ("genres", ("a/2", "b/1"))
    }  # fmt: skip
    assert diagnosis["genres"]["b"] == {"tracks": 4, "segments": 14, "formats": {"32 x 40": 4}}
