"""Inputs out of a packed copy: the bits of those in memory, whatever the standardization, the windows and the bands."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from genrebench.audio.blocks import standardize_tracks
from genrebench.audio.standardize import KINDS, AnyStandardizer, Kind, fit_standardizer
from genrebench.data.dataset import load_dataset
from genrebench.data.packed import writing
from genrebench.data.packed.inputs import PackedInputs
from genrebench.data.packed.reading import PackedDataset, open_pack
from genrebench.data.packed.writing import pack
from genrebench.system.arrays import npz_bytes
from tests.data.test_dataset import write_tree

every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def packed(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> PackedDataset:
    """Pack the small dataset in six shards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "_SHARD_BYTES", 2 * 4 * 32 * 16 * 4)
        return open_pack(pack(small_dataset, output=tmp_path_factory.mktemp("packed") / "copy", jobs=1).folder)


def both(packed: PackedDataset, tree: Path, kind: Kind) -> tuple[PackedInputs, np.ndarray, AnyStandardizer]:
    """Standardize a packed copy and the same tree in memory, by what the first 20 segments measure."""
    there = load_dataset(tree)
    standardizer = fit_standardizer(kind, there.spectrograms, np.arange(20), level=0.5, shrinkage=0.5)
    assert fit_standardizer(kind, packed.spectrograms, np.arange(20), level=0.5, shrinkage=0.5) == standardizer
    block = there.mel.segments if there.mel else None
    inputs = standardize_tracks(standardizer, there.spectrograms, there.tracks, block=block)
    return PackedInputs(packed, standardizer), inputs[..., np.newaxis], standardizer


@every_kind
def test_segments_have_the_bits_of_those_in_memory(packed: PackedDataset, small_dataset: Path, kind: Kind) -> None:
    """In any order, some of them twice, into an array that is there or a new one."""
    inputs, expected, _ = both(packed, small_dataset, kind)
    rows = np.random.default_rng(0).integers(0, 48, 100)
    assert inputs.take(rows).tobytes() == expected[rows].tobytes()
    out = np.full((100, *expected.shape[1:]), np.nan, np.float32)
    assert inputs.take(rows, axis=0, out=out, mode="clip") is out
    assert out.tobytes() == expected[rows].tobytes()
    assert inputs[rows[:3]].tobytes() == expected[rows[:3]].tobytes()
    assert (len(inputs), inputs.shape) == (48, expected.shape)


@every_kind
def test_windows_have_the_bits_of_those_in_memory(packed: PackedDataset, small_dataset: Path, kind: Kind) -> None:
    """Across segments, with frames that repeat or are left out, and with other bands."""
    inputs, expected, _ = both(packed, small_dataset, kind)
    rng = np.random.default_rng(1)
    first = 4 * rng.integers(0, 12, 60)
    starts = rng.integers(0, 3 * 16 + 1, 60)
    frames = starts[:, np.newaxis] + np.arange(16)
    frames[20:40] = np.minimum(starts[20:40, np.newaxis] + np.arange(16) * 2 // 3, 63)
    bands = np.tile(np.arange(32), (60, 1))
    bands[30:] = np.clip(bands[30:] - 3, 0, 31)
    found = inputs.frames(first, frames, bands)
    for number in range(60):
        track = np.concatenate(list(expected[first[number] : first[number] + 4, :, :, 0]), axis=1)
        assert found[number].tobytes() == track[bands[number]][:, frames[number]].tobytes(), number


@every_kind
def test_the_range_is_known_without_a_look_at_the_values(
    packed: PackedDataset, small_dataset: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit, over any number of tracks at a time."""
    inputs, expected, _ = both(packed, small_dataset, kind)
    monkeypatch.setattr("genrebench.data.packed.inputs._TRACKS", 5)
    monkeypatch.setattr(packed.spectrograms, "run", lambda *_: pytest.fail("values were read"))
    assert inputs.range() == (expected.min(), expected.max())


@every_kind
def test_tracks_that_never_change_and_huge_values_are_as_in_memory(tmp_path: Path, kind: Kind) -> None:
    """Silence is divided by infinity, and what overflows is told by the range."""
    tree = write_tree(tmp_path / "tree", ("a", "b"), tracks=6)
    for name, value in (("t0-0", 7.0), ("t0-1", 7.0), ("t1-0", 3e38), ("t1-1", -3e38)):
        content = npz_bytes("spectrogram", np.full((34, 20), value, np.float32))
        (tree / "b" / f"{name}.npz").write_bytes(content)
    shutil.rmtree(tree.with_name("tree.packed"), ignore_errors=True)
    with np.errstate(over="ignore", invalid="ignore"):
        inputs, expected, _ = both(open_pack(pack(tree, jobs=1).folder), tree, kind)
        assert inputs.take(np.arange(24)).tobytes() == expected.tobytes()
        np.testing.assert_array_equal(inputs.range(), (expected.min(), expected.max()))
