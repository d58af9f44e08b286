"""The segments of a tree: what the manifest knows is what is read."""

import shutil
from pathlib import Path

import pytest

from genrebench.data.dataset import load_dataset
from genrebench.data.manifest import manifest_path
from genrebench.errors import DatasetError
from genrebench.system.arrays import npz_bytes, read_npz


def test_segments_that_are_others_than_the_manifest_s_do_not_train(small_dataset: Path, tmp_path: Path) -> None:
    """Well-formed, and off by one value; a tree without a manifest promises nothing."""
    tree = tmp_path / "dataset" / "genres_mel_npz"
    shutil.copytree(small_dataset / "genres_mel_npz", tree)
    shutil.copy(manifest_path(small_dataset / "genres_mel_npz"), manifest_path(tree))
    there = load_dataset(tree).spectrograms
    path = next(tree.glob("*/*-1.npz"))
    spectrogram = read_npz(path, "spectrogram")
    spectrogram[0, 0] += 1
    path.write_bytes(npz_bytes("spectrogram", spectrogram))
    with pytest.raises(DatasetError, match=r"-0\.npz: expected segments as the manifest says, received others.*repair"):
        load_dataset(tree)
    manifest_path(tree).unlink()
    assert (load_dataset(tree).spectrograms != there).sum() == 1
