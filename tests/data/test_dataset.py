"""A spectrogram tree in memory."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from genrebench.data.dataset import load_dataset
from genrebench.data.manifest import manifest_path
from genrebench.errors import DatasetError
from genrebench.system.arrays import npz_bytes, read_npz
from tests.conftest import GENRES, SMALL


def write_tree(tree: Path, genres: tuple[str, ...], tracks: int = 3, shape: tuple[int, int] = (34, 20)) -> Path:
    """Write a tree of random spectrograms without a manifest, as another program would."""
    rng = np.random.default_rng(0)
    for genre in genres:
        (tree / genre).mkdir(parents=True)
        for track in range(tracks):
            for segment in range(2):
                content = npz_bytes("spectrogram", rng.integers(0, 256, shape, dtype=np.uint8))
                (tree / genre / f"t{track}-{segment}.npz").write_bytes(content)
    return tree


def test_a_tree_is_read_in_natural_order(tmp_path: Path) -> None:
    """Genre 10 stands behind genre 9, track 10 behind track 9; labels and tracks belong to the right rows."""
    tree = write_tree(tmp_path / "tree", ("10 pop", "9 jazz"), tracks=11)
    data = load_dataset(tree)
    assert data.genres == ("9 jazz", "10 pop")
    assert data.spectrograms.shape == (44, 34, 20)
    assert data.spectrograms.dtype == np.float32
    assert data.labels.tolist() == [0] * 22 + [1] * 22
    assert list(dict.fromkeys(data.tracks.tolist()))[9:12] == ["9 jazz/t9", "9 jazz/t10", "10 pop/t0"]
    expected = read_npz(tree / "10 pop" / "t10-1.npz", "spectrogram")
    np.testing.assert_array_equal(data.spectrograms[-1], expected)
    assert data.mel is None


def test_a_preprocessed_dataset_knows_its_settings(small_dataset: Path) -> None:
    """The folder with genres_mel_npz/ and the tree itself are the same to the reader."""
    data = load_dataset(small_dataset)
    assert data.mel == SMALL
    assert data.genres == GENRES
    assert load_dataset(small_dataset / "genres_mel_npz").tracks.tolist() == data.tracks.tolist()


def test_track_names_may_hold_dashes(tmp_path: Path) -> None:
    """Only what follows the last dash is the segment's number."""
    tree = write_tree(tmp_path / "tree", ("a", "b"), tracks=1)
    (tree / "a" / "t0-0.npz").rename(tree / "a" / "live-in-1999-0.npz")
    assert load_dataset(tree).tracks[0] == "a/live-in-1999"


def test_trees_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    """Each fault gives one line that names the file and what was expected."""
    cases: dict[str, tuple[Callable[[Path], object], str]] = {
        "missing": (lambda tree: None, "run genrebench preprocess"),
        "one": (lambda tree: write_tree(tree, ("a",)), "at least two genre folders.*found 1"),
        "empty": (lambda tree: (write_tree(tree, ("a", "b")) / "c").mkdir(), "c: expected segment files"),
        "shape": (lambda tree: put(tree, np.ones((34, 21))), r"expected shape \(34, 20\).*received \(34, 21\)"),
        "flat": (lambda tree: put(tree, np.ones(34)), r"expected an array \(n_mels, frames\)"),
        "nan": (lambda tree: put(tree, np.full((34, 20), np.nan)), "NaN"),
        "name": (lambda tree: put(tree, np.ones((34, 20)), "t9.npz"), "without a segment number"),
    }
    for name, (prepare, message) in cases.items():
        prepare(tmp_path / name)
        with pytest.raises(DatasetError, match=message):
            load_dataset(tmp_path / name)
    (tmp_path / "raw" / "genres_original").mkdir(parents=True)
    with pytest.raises(DatasetError, match="run genrebench preprocess first"):
        load_dataset(tmp_path / "raw")


def put(tree: Path, array: np.ndarray, name: str = "t9-0.npz") -> None:
    """Write a tree with one file that does not belong in it."""
    write_tree(tree, ("a", "b"))
    (tree / "b" / name).write_bytes(npz_bytes("spectrogram", array))


def test_a_manifest_of_another_tree_is_refused(tmp_path: Path, small_dataset: Path) -> None:
    """Recordings would be prepared wrongly for a model trained on such a tree."""
    tree = write_tree(tmp_path / "tree", ("a", "b"))
    manifest_path(tree).write_bytes(manifest_path(small_dataset / "genres_mel_npz").read_bytes())
    with pytest.raises(DatasetError, match=r"expected spectrograms \(32, 16\) as its manifest says"):
        load_dataset(tree)


def test_a_tree_that_is_not_complete_is_refused(small_dataset: Path, tmp_path: Path) -> None:
    """A missing segment, or one of a track that the manifest does not list, as an interrupted run may leave it."""
    for change in ("missing", "unlisted"):
        tree = tmp_path / change / "genres_mel_npz"
        shutil.copytree(small_dataset / "genres_mel_npz", tree)
        shutil.copy(manifest_path(small_dataset / "genres_mel_npz"), manifest_path(tree))
        path = tree / "metal" / "metal.00001-3.npz"
        path.rename(path.with_name("x-0.npz")) if change == "unlisted" else path.unlink()
        with pytest.raises(DatasetError, match=r"expected 4 segments of metal/metal\.00001.*found 3; run genrebench"):
            load_dataset(tree)


def test_a_tree_that_does_not_fit_into_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its first segment, which says how large all of them are."""
    tree = write_tree(tmp_path / "tree", ("a", "b"))
    asked = []

    def refuse(size: int) -> None:
        """Have no memory."""
        asked.append(size)
        raise MemoryError("9.0 GiB are needed, 1.0 GiB are free")

    monkeypatch.setattr("genrebench.data.dataset.require_memory", refuse)
    with pytest.raises(DatasetError, match=r"tree: expected a tree that fits into memory; 9\.0 GiB are needed"):
        load_dataset(tree)
    assert asked == [sum(1 for _ in tree.glob("*/*.npz")) * 34 * 20 * 4]
