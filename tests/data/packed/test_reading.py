"""Packed copies as they are opened: every byte counts, and what is wrong is named."""

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.data.dataset import load_dataset
from genrebench.data.packed import writing
from genrebench.data.packed.header import tree_key
from genrebench.data.packed.reading import open_pack, why_stale
from genrebench.data.packed.writing import pack
from genrebench.errors import DatasetError


@pytest.fixture(scope="module")
def packed(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pack the small dataset in six shards; tests must not change the copy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "_SHARD_BYTES", 2 * 4 * 32 * 16 * 4)
        return pack(small_dataset, output=tmp_path_factory.mktemp("packed") / "copy", jobs=1).folder


@pytest.fixture
def copy(packed: Path, tmp_path: Path) -> Path:
    """Copy the packed copy, so that it may be changed."""
    return Path(shutil.copytree(packed, tmp_path / "copy"))


def test_a_flipped_bit_is_noticed_in_every_file(copy: Path) -> None:
    """At the beginning, in the middle and at the end of each."""
    for path in sorted(copy.iterdir()):
        content = path.read_bytes()
        for place in np.linspace(0, len(content) - 2, 40).astype(int).tolist():
            path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
            with pytest.raises(DatasetError, match=f"{path.name}: expected .*run genrebench pack again"):
                open_pack(copy)
        path.write_bytes(content)
    open_pack(copy)


def test_a_changed_value_is_named_with_its_track(copy: Path) -> None:
    """That of the third shard's second track."""
    path = copy / "spectrograms-00002.npy"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"spectrograms-00002\.npy: .*other values of the track disco/disco\.00001;"):
        open_pack(copy)


@pytest.mark.parametrize("cut", [1, 1000, 16384, 16500])
def test_a_truncated_shard_is_named(copy: Path, cut: int) -> None:
    """Cut in its values, or in its header."""
    path = copy / "spectrograms-00004.npy"
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DatasetError, match=r"spectrograms-00004\.npy: .*bytes"):
        open_pack(copy)


def test_other_files_in_the_place_of_a_shard_are_refused(copy: Path) -> None:
    """None, an empty one, one that is longer, another array, and a pickle, which is not run."""
    path = copy / "spectrograms-00001.npy"
    content = path.read_bytes()
    values = np.load(path)

    class Bomb:
        """What would do something if it were unpickled."""

        def __reduce__(self) -> tuple[Any, ...]:
            """Name what would be called."""
            return pytest.fail, ("a pickle was run",)

    cases: list[tuple[Any, str]] = [
        (path.unlink, "No such file"),
        (lambda: path.write_bytes(b""), "0 bytes of 16,512"),
        (lambda: path.write_bytes(content + b"\0"), "16,513 bytes of 16,512"),
        (lambda: np.save(path, values.astype(np.float64)), "another header than that of float32 of 8 x 32 x 16"),
        (lambda: np.save(path, values[:7]), "another header"),
        (lambda: np.save(path, np.asfortranarray(values)), "another header"),
        (lambda: np.save(path, np.array([Bomb()] * 8), allow_pickle=True), "another header"),
        (lambda: path.write_bytes(pickle.dumps(Bomb())), "another header"),
    ]
    for damage, message in cases:
        path.write_bytes(content)
        damage()
        with pytest.raises(DatasetError, match=rf"spectrograms-00001\.npy: expected .*{message}"):
            open_pack(copy)


def test_a_header_of_another_version_is_stale(copy: Path, small_dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this format, but with spectrograms that are computed in another way by now."""
    key = tree_key(small_dataset / "genres_mel_npz")
    assert why_stale(copy, key) is None
    monkeypatch.setattr("genrebench.audio.mel.MelConfig.fingerprint", lambda self: "another")
    with pytest.raises(DatasetError, match="received another version's"):
        open_pack(copy)
    assert "another version" in str(why_stale(copy, key))


def test_segments_of_a_track_are_viewed_without_a_copy(packed: Path, small_dataset: Path) -> None:
    """Wherever the shards' borders are."""
    found, there = open_pack(packed).spectrograms, load_dataset(small_dataset).spectrograms
    for start in range(0, 48, 4):
        run = found.run(start, 4)
        assert not run.flags.owndata
        assert not run.flags.writeable
        np.testing.assert_array_equal(run, there[start : start + 4])
    assert len(found) == 48
