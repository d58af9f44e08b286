"""Packed copies: equal to what memory holds, whole or absent, made anew when they are stale or damaged."""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from genrebench.data.dataset import load_dataset
from genrebench.data.duplicates import dataset_duplicates
from genrebench.data.manifest import manifest_path, read_manifest, write_manifest
from genrebench.data.packed import writing
from genrebench.data.packed.header import default_pack, read_header, tree_key
from genrebench.data.packed.reading import PackedDataset, open_pack
from genrebench.data.packed.writing import pack
from genrebench.data.preprocess import preprocess
from genrebench.errors import DatasetError
from tests.conftest import GENRES, SMALL, write_originals
from tests.data.test_dataset import write_tree
from tests.death import dying


@pytest.fixture
def dataset(small_dataset: Path, tmp_path: Path) -> Path:
    """Copy the small dataset, so that it may be changed and packed."""
    return Path(shutil.copytree(small_dataset, tmp_path / "dataset"))


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have several shards although there is little data: two tracks of 4 segments in each."""
    monkeypatch.setattr(writing, "_SHARD_BYTES", 2 * 4 * 32 * 16 * 4)


def same_as_in_memory(packed: PackedDataset, tree: Path) -> None:
    """Check that a copy holds, bit for bit and in order, what is in memory otherwise."""
    there = load_dataset(tree)
    assert (packed.genres, packed.mel, packed.notes) == (there.genres, there.mel, there.notes)
    np.testing.assert_array_equal(packed.labels, there.labels)
    np.testing.assert_array_equal(packed.tracks, there.tracks)
    assert packed.labels.dtype == there.labels.dtype
    assert packed.spectrograms.shape == there.spectrograms.shape
    assert packed.spectrograms.nbytes == there.spectrograms.nbytes
    for row, segment in enumerate(there.spectrograms):
        assert packed.spectrograms[row].tobytes() == segment.tobytes()
    assert list(packed.duplicates) == dataset_duplicates(there)


def made_by(tree: Path, version: str) -> None:
    """Have a manifest say that another version of librosa made the tree, which makes a copy stale."""
    manifest = read_manifest(tree)
    assert manifest is not None
    write_manifest(tree, manifest.model_copy(update={"versions": {**manifest.versions, "librosa": version}}))


@pytest.mark.usefixtures("small_shards")
def test_a_copy_holds_what_memory_holds(dataset: Path) -> None:
    """Of a tree with a manifest, in several files, beside the tree."""
    seen: list[tuple[int, int]] = []
    report = pack(dataset, jobs=1, on_track=lambda done, total: seen.append((done, total)))
    assert (report.written, report.reason, report.tracks, report.segments) == (True, "there was none", 12, 48)
    assert (report.folder, report.genres, report.shards) == (default_pack(dataset / "genres_mel_npz"), 3, 6)
    assert report.size == sum(path.stat().st_size for path in report.folder.iterdir())
    assert seen[-1] == (12, 12)
    assert len(seen) == 6
    same_as_in_memory(open_pack(report.folder), dataset)
    assert not list(report.folder.glob("measured*"))


def test_a_tree_of_another_program_is_packed(tmp_path: Path) -> None:
    """Without a manifest, with tracks of any number of segments, and under any name."""
    tree = write_tree(tmp_path / "tree", ("a b", "c"), tracks=11)
    (tree / "c" / "t3-1.npz").unlink()
    (tree / "c" / "t3-0.npz").rename(tree / "c" / os.fsdecode(b"\xff-0.npz"))
    report = pack(tree, output=tmp_path / "elsewhere", jobs=1)
    packed = open_pack(tmp_path / "elsewhere")
    same_as_in_memory(packed, tree)
    assert packed.tree == tree
    assert report.folder == tmp_path / "elsewhere"


def test_tracks_of_one_name_beginning_stay_together(tmp_path: Path) -> None:
    """The files of x and of x-1 would stand among each other in natural order."""
    tree = write_tree(tmp_path / "tree", ("a", "b"), tracks=1)
    for number in range(2):
        (tree / "a" / f"t0-{number}.npz").rename(tree / "a" / f"x-{number}.npz")
        shutil.copy(tree / "b" / f"t0-{number}.npz", tree / "a" / f"x-1-{number}.npz")
    assert load_dataset(tree).tracks.tolist() == ["a/x"] * 2 + ["a/x-1"] * 2 + ["b/t0"] * 2
    same_as_in_memory(open_pack(pack(tree, jobs=1).folder), tree)


def test_a_copy_beside_genre_folders_is_no_genre(tmp_path: Path) -> None:
    """In a dataset that is nothing but genre folders, where the tree is one of them, too."""
    write_originals(tmp_path / "d", tracks=2)
    plain = (tmp_path / "d" / "genres_original").rename(tmp_path / "plain")
    preprocess(plain, SMALL, jobs=1)
    assert pack(plain, jobs=1).folder == plain / "genres_mel_npz.packed"
    report = preprocess(plain, SMALL, jobs=1)
    assert (report.genres, report.notes) == (GENRES, [])


def test_copies_of_one_recording_are_found(tmp_path: Path) -> None:
    """Once, when the tree is packed: training would have to read everything to find them."""
    write_originals(tmp_path / "d", tracks=2)
    originals = tmp_path / "d" / "genres_original"
    shutil.copy(originals / "disco" / "disco.00000.wav", originals / "metal" / "again.wav")
    preprocess(tmp_path / "d", SMALL, jobs=1)
    packed = open_pack(pack(tmp_path / "d", jobs=1).folder)
    assert [(each.first, each.second) for each in packed.duplicates] == [("disco/disco.00000", "metal/again")]
    same_as_in_memory(packed, tmp_path / "d")


def test_several_processes_make_the_same_copy(dataset: Path, tmp_path: Path, small_shards: None) -> None:
    """To the byte, whoever is done first."""
    one, two = (pack(dataset, output=tmp_path / f"{jobs}", jobs=jobs).folder for jobs in (1, 2))
    assert contents(one) == contents(two)


def contents(folder: Path) -> dict[str, bytes]:
    """Read all files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_fresh_copy_is_left_and_a_stale_one_made_anew(dataset: Path) -> None:
    """The manifest says what the tree is: a track more or less, or another one."""
    place = pack(dataset, jobs=1).folder
    before = place.stat().st_ino
    assert not pack(dataset, jobs=1).written
    assert place.stat().st_ino == before
    (dataset / "genres_original" / "metal" / "metal.00003.wav").unlink()
    preprocess(dataset, SMALL, jobs=1, prune=True)
    report = pack(dataset, jobs=1)
    assert (report.written, report.tracks) == (True, 11)
    assert report.reason == "the tree has changed since it was packed"
    same_as_in_memory(open_pack(place), dataset)


def test_a_dataset_that_is_moved_or_copied_keeps_its_copy(dataset: Path, tmp_path: Path) -> None:
    """Though recordings have other times and numbers there, which a run notes in the manifest."""
    pack(dataset, jobs=1)
    moved = dataset.rename(tmp_path / "moved")
    assert not pack(moved, jobs=1).written
    copied = tmp_path / "elsewhere" / "copied"
    shutil.copytree(moved, copied, copy_function=shutil.copyfile)
    before = manifest_path(copied / "genres_mel_npz").read_bytes()
    preprocess(copied, SMALL, jobs=1)
    assert manifest_path(copied / "genres_mel_npz").read_bytes() != before
    assert not pack(copied, jobs=1).written


@pytest.mark.parametrize(
    "change",
    [
        {"tracks": {"digest": "0" * 64}},
        {"tracks": {"segments": 3}},
        {"tracks": {"decoding": 1}},
        {"fingerprint": "0" * 64},
        {"versions": {"librosa": "0.0"}},
        {"gone": ["disco/disco.00000"]},
        {"complete": False},
    ],
    ids=lambda change: "-".join(change),
)
def test_what_matters_to_spectrograms_makes_a_copy_stale(dataset: Path, change: dict[str, Any]) -> None:
    """Each alone; what does not matter leaves the key as it is."""
    tree = dataset / "genres_mel_npz"
    path = manifest_path(tree)
    document = json.loads(path.read_text())
    key = tree_key(tree)
    track = document["tracks"]["disco/disco.00000"]
    track |= {"source": "disco/other.wav", "size": 1, "modified_ns": 2, "changed_ns": 3, "inode": 4, "content": ""}
    document |= {"originals": "elsewhere", "failures": {"disco/x.wav": "damaged"}}
    path.write_text(json.dumps(document, indent=1))
    assert tree_key(tree) == key
    track |= change.get("tracks", {})
    document |= {name: value for name, value in change.items() if name != "tracks"}
    path.write_text(json.dumps(document))
    assert tree_key(tree) != key


def test_an_earlier_manifest_without_digests_goes_by_files(dataset: Path) -> None:
    """It would not tell that a track was made anew."""
    tree = dataset / "genres_mel_npz"
    path = manifest_path(tree)
    document = json.loads(path.read_text())
    document["tracks"]["disco/disco.00000"]["digest"] = ""
    path.write_text(json.dumps(document))
    key = tree_key(tree)
    assert key == tree_key(tree)
    os.utime(tree / "disco" / "disco.00000-0.npz", ns=(1, 1))
    assert tree_key(tree) != key


def test_without_a_manifest_files_say_whether_a_copy_is_stale(tmp_path: Path) -> None:
    """By their names, sizes and times."""
    tree = write_tree(tmp_path / "tree", ("a", "b"))
    assert pack(tree, jobs=1).written
    assert not pack(tree, jobs=1).written
    os.utime(tree / "a" / "t0-0.npz", ns=(1, 1))
    assert pack(tree, jobs=1).written
    (tree / "a" / "t0-1.npz").rename(tree / "a" / "t0-2.npz")
    assert pack(tree, jobs=1).written
    assert not pack(tree, jobs=1).written


def test_a_damaged_copy_is_made_anew(dataset: Path) -> None:
    """And the reason is told."""
    place = pack(dataset, jobs=1).folder
    whole = contents(place)
    (place / "spectrograms-00000.npy").write_bytes(whole["spectrograms-00000.npy"][:-1])
    report = pack(dataset, jobs=1)
    assert report.written
    assert "damaged" in report.reason
    assert "spectrograms-00000.npy" in report.reason
    assert contents(place) == whole


def moments(action: str) -> Iterator[int]:
    """Count the moments of death until one comes too late."""
    yield from range(1, 200)
    raise AssertionError(f"{action} never ended")


@pytest.mark.usefixtures("small_shards")
def test_a_kill_at_any_moment_leaves_the_old_copy_or_the_new(dataset: Path) -> None:
    """Or none, where there was none; the next one ends what was begun."""
    place, tree = default_pack(dataset / "genres_mel_npz"), dataset / "genres_mel_npz"
    for after in moments("packing"):
        with dying(after=after) as death:
            pack(dataset, jobs=1)
        if place.exists():
            same_as_in_memory(open_pack(place), dataset)
            break
    assert not death.happened or after > 10
    whole = contents(place)
    for after in moments("packing again"):
        made_by(tree, str(after))
        with dying(after=after) as death:
            pack(dataset, jobs=1)
        assert read_header(place).mel == SMALL
        same_as_in_memory(open_pack(place), dataset)
        if not death.happened:
            break
    assert pack(dataset, jobs=1).written is False
    assert contents(place).keys() == whole.keys()
    assert not place.with_name(f".{place.name}.partial").exists()


@pytest.mark.usefixtures("small_shards")
def test_a_full_disk_gives_one_line_and_leaves_nothing_half(dataset: Path) -> None:
    """Whichever file it is that has no room any more, once the lock is there."""
    place = default_pack(dataset / "genres_mel_npz")
    full = OSError(errno.ENOSPC, "No space left on device", "some file")
    for after in range(4, 13):
        shutil.rmtree(place, ignore_errors=True)
        with dying(after=after, failure=full), pytest.raises(DatasetError, match=r"No space left on device.*--output"):
            pack(dataset, jobs=1)
        assert not place.exists()
        assert not place.with_name(f".{place.name}.partial").exists()


def test_of_two_at_once_one_waits_and_finds_the_copy_of_the_other(dataset: Path) -> None:
    """Instead of making it a second time, or of both writing into one folder."""
    place = default_pack(dataset / "genres_mel_npz")
    other = FileLock(place.with_name(f".{place.name}.lock"))
    other.acquire()
    told: list[str] = []

    def end_the_other(text: str) -> None:
        """Have the other one end, after it has packed."""
        other.release()
        assert pack(dataset, jobs=1).written
        told.append(text)

    assert not pack(dataset, jobs=1, on_wait=end_the_other).written
    assert "another process packs it now" in told[0]


def test_a_tree_that_changes_meanwhile_is_refused(dataset: Path) -> None:
    """The copy would be neither the old tree nor the new."""

    def change(done: int, total: int) -> None:
        """Write another manifest."""
        made_by(dataset / "genres_mel_npz", str(done))

    with pytest.raises(DatasetError, match="changes while it is packed"):
        pack(dataset, jobs=1, on_track=change)
    assert not default_pack(dataset / "genres_mel_npz").exists()


def test_segments_that_are_not_the_manifests_are_refused(dataset: Path) -> None:
    """Whole as a file, but of another recording."""
    tree = dataset / "genres_mel_npz"
    shutil.copy(tree / "metal" / "metal.00000-1.npz", tree / "metal" / "metal.00001-1.npz")
    with pytest.raises(DatasetError, match=r"metal\.00001-0\.npz: expected segments as the manifest says.*repair"):
        pack(dataset, jobs=1)


def test_trees_that_cannot_be_packed_are_refused(dataset: Path, tmp_path: Path) -> None:
    """As they are by training; and so is a folder that holds something else."""
    with pytest.raises(DatasetError, match="run genrebench preprocess"):
        pack(tmp_path / "nothing", jobs=1)
    tree = write_tree(tmp_path / "tree", ("a", "b"))
    shutil.copy(next((dataset / "genres_mel_npz" / "metal").iterdir()), tree / "b" / "t9-0.npz")
    with pytest.raises(
        DatasetError, match=r"t9-0\.npz: expected shape \(34, 20\) as in the others, received \(32, 16\)"
    ):
        pack(tree, jobs=1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("Dear reader")
    with pytest.raises(DatasetError, match="expected a new folder or a packed copy, received something else"):
        pack(dataset, output=tmp_path / "mine", jobs=1)
    assert (tmp_path / "mine" / "letter.txt").exists()
