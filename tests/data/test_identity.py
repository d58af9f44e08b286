"""Another recording under an old name is noticed, and the same recording is not taken for another."""

import json
import os
import shutil
from pathlib import Path

import pytest

from genrebench.data import identity
from genrebench.data.identity import FileState, unchanged
from genrebench.data.manifest import Track, manifest_path, read_manifest
from genrebench.data.preprocess import PreprocessReport, preprocess
from genrebench.system.arrays import read_npz
from genrebench.system.files import sha256_of_file
from tests.conftest import SMALL, write_originals


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write a file that stands for a recording."""
    (tmp_path / "a.wav").write_bytes(b"one")
    return tmp_path / "a.wav"


def track_of(path: Path) -> Track:
    """Describe a track as preprocessing does."""
    state = FileState.of(path)
    return Track(source="rock/a.wav", segments=1, content=sha256_of_file(path), **vars(state))


def replace(path: Path, content: bytes, *, through_rename: bool = False) -> None:
    """Put another content in a file's place, with the times that the file had."""
    times = path.stat()
    place = path.with_name("other") if through_rename else path
    place.write_bytes(content)
    os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))
    place.replace(path)


def refuse(_: Path) -> str:
    """Stand for reading a file that nobody needs to read."""
    raise AssertionError("was read")


@pytest.mark.parametrize("through_rename", [False, True])
def test_another_content_of_the_same_size_and_time_is_noticed(path: Path, through_rename: bool) -> None:
    """Whether it was written into the file, or the file replaced."""
    track = track_of(path)
    replace(path, b"two", through_rename=through_rename)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (track.size, track.modified_ns)
    assert unchanged(track, path) is None


def test_a_file_that_nothing_happened_to_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor one whose size is another."""
    track = track_of(path)
    monkeypatch.setattr(identity, "sha256_of_file", refuse)
    assert unchanged(track, path) is track
    path.write_bytes(b"three")
    assert unchanged(track, path) is None


def test_a_copy_of_the_same_content_is_the_same_recording(path: Path, tmp_path: Path) -> None:
    """With other times and another inode, which are known afterwards."""
    track = track_of(path)
    copy = tmp_path / "b.wav"
    shutil.copy(path, copy)
    os.utime(copy, ns=(5, 5))
    kept = unchanged(track, copy)
    assert kept == track_of(copy)
    assert kept != track


def test_a_track_of_an_earlier_version_is_known_by_size_and_time(path: Path) -> None:
    """What its manifest did not say cannot be compared; if all must be, it is made again."""
    state = FileState.of(path)
    track = Track(source="rock/a.wav", segments=1, size=state.size, modified_ns=state.modified_ns)
    assert unchanged(track, path) is track
    assert unchanged(track, path, verify=True) is None
    os.utime(path, ns=(5, 5))
    assert unchanged(track, path) is None


def test_what_no_state_shows_is_found_by_reading(path: Path) -> None:
    """As where a file system notes nothing by itself."""
    track = track_of(path)
    replace(path, b"two")
    track = track.model_copy(update=vars(FileState.of(path)))
    assert unchanged(track, path) is track
    assert unchanged(track, path, verify=True) is None
    replace(path, b"one")
    assert unchanged(track, path, verify=True) == track_of(path)


def test_a_file_that_changes_while_it_is_hashed_is_another(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And so is one that goes away then, or before."""
    track = track_of(path)

    def changing(place: Path) -> str:
        """Hash, then change the file."""
        found = sha256_of_file(place)
        place.write_bytes(b"new")
        return found

    monkeypatch.setattr(identity, "sha256_of_file", changing)
    assert unchanged(track, path, verify=True) is None

    def vanishing(place: Path) -> str:
        """Remove the file before it is opened."""
        place.unlink()
        return sha256_of_file(place)

    track = track_of(path)
    monkeypatch.setattr(identity, "sha256_of_file", vanishing)
    assert unchanged(track, path, verify=True) is None
    assert unchanged(track, path) is None


def run(dataset: Path, *, verify: bool = False) -> PreprocessReport:
    """Preprocess in this process with the small settings."""
    return preprocess(dataset, SMALL, jobs=1, verify=verify)


def test_a_replaced_recording_gets_its_own_spectrogram(tmp_path: Path) -> None:
    """One of the same size and time of change; the next run has nothing to do again."""
    write_originals(tmp_path, tracks=2, genres=("disco", "metal"))
    tree = run(tmp_path).tree
    originals = tmp_path / "genres_original"
    other = (originals / "metal" / "metal.00001.wav").read_bytes()
    replace(originals / "disco" / "disco.00000.wav", other)
    report = run(tmp_path)
    assert (report.written, report.skipped, report.repaired) == (1, 3, 0)
    found = [read_npz(tree / f"{key}-2.npz", "spectrogram") for key in ("disco/disco.00000", "metal/metal.00001")]
    assert (found[0] == found[1]).all()
    assert run(tmp_path).skipped == 4


def test_a_dataset_that_was_copied_is_read_once_and_not_made_again(tmp_path: Path) -> None:
    """Afterwards its manifest knows the new files."""
    write_originals(tmp_path / "a", tracks=1)
    run(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert run(tmp_path / "b").skipped == 3
    manifest = read_manifest(tmp_path / "b" / "genres_mel_npz")
    assert manifest is not None
    for track in manifest.tracks.values():
        assert track == track_of(tmp_path / "b" / "genres_original" / track.source).model_copy(
            update={"source": track.source, "segments": 4, "digest": track.digest, "decoding": track.decoding}
        )


def test_verifying_makes_tracks_again_of_which_nothing_is_known(tmp_path: Path) -> None:
    """Those of an earlier version, once."""
    write_originals(tmp_path, tracks=1)
    tree = run(tmp_path).tree
    document = json.loads(manifest_path(tree).read_text())
    for key in ("changed_ns", "inode", "content"):
        del document["tracks"]["disco/disco.00000"][key]
    manifest_path(tree).write_text(json.dumps(document))
    assert run(tmp_path).skipped == 3
    assert run(tmp_path, verify=True).written == 1
    assert run(tmp_path, verify=True).skipped == 3
