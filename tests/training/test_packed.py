"""Training from a packed copy: the run that memory gives, to the bit; when it is chosen; how it goes on."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.data.manifest import manifest_path
from genrebench.data.packed import choosing, writing
from genrebench.data.packed.choosing import open_data as open_path
from genrebench.data.packed.header import default_pack
from genrebench.data.packed.inputs import PackedInputs
from genrebench.data.packed.reading import AnyDataset, PackedDataset
from genrebench.data.packed.writing import pack
from genrebench.errors import DatasetError
from genrebench.system.arrays import npz_bytes
from genrebench.training import Experiment
from genrebench.training.resume import Checkpoint
from genrebench.training.state import load_training_data
from tests.data.test_dataset import write_tree
from tests.training.test_resume import At, interrupt, outcome, run_of

pytest.importorskip("genrebench_torch.backend")


def open_data(experiment: Experiment) -> AnyDataset:
    """Open the data of an experiment."""
    return open_path(experiment.dataset, experiment.read_from)


# Every way in which batches are made: as they are, cut and mixed, stretched and shifted; overlapping windows held out.
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "band": {"training.standardization": "band"},
    "recipe": {"training.standardization": "track-band", "augment.crops": 1, "augment.gain": 0.5, "augment.mixup": 0.4},
    "everything": {
        "training.standardization": "track",
        "training.overlap": 0.5,
        "training.averaging": 0.9,
        "augment.crops": 2,
        "augment.stretch": 0.2,
        "augment.shift": 2,
        "augment.time_mask": 3,
    },
    "segments": {"split.protocol": "segment", "training.standardization": "auto", "training.overlap": 0.3},
}


@pytest.fixture
def data(tiny: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """Describe a run on a copy of the small dataset, which is packed in six shards."""
    monkeypatch.setattr(writing, "_SHARD_BYTES", 2 * 4 * 32 * 16 * 4)
    dataset = shutil.copytree(tiny.dataset, tmp_path / "dataset")
    pack(dataset, jobs=1)
    return tiny.override({"dataset": str(dataset)})


@pytest.mark.parametrize("way", WAYS)
def test_a_run_from_a_packed_copy_is_that_from_memory(data: Experiment, way: str) -> None:
    """Weights, training state, log and scores, to the bit."""
    told = data.override(WAYS[way])
    memory, packed = (outcome(run_of(told.override({"read_from": each}), each).folder) for each in ("memory", "packed"))
    assert packed == memory


def test_the_order_of_an_epoch_is_a_permutation_of_all_segments(data: Experiment) -> None:
    """Of the whole training part, over all shards: any of its orders can come, as from memory."""
    found = load_training_data(data)
    assert isinstance(found.inputs, PackedInputs)
    order = np.random.default_rng([0, 1]).permutation(found.split.train)
    shards = order // 8
    assert sorted(order.tolist()) == found.split.train.tolist()
    assert len(set(shards[:8].tolist())) > 2


def test_no_more_is_read_than_is_looked_at(data: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """To begin, nothing of the values; for a batch, its segments."""
    found = load_training_data(data.override({"training.standardization": "track-band"}))
    assert isinstance(found.dataset, PackedDataset)
    seen: list[int] = []
    run = found.dataset.spectrograms.run

    def counted(start: int, count: int) -> Any:
        """Count segments."""
        seen.append(count)
        return run(start, count)

    monkeypatch.setattr(found.dataset.spectrograms, "run", counted)
    assert found.identity["segments"] == 48
    assert seen == []
    found.inputs.take(found.split.train[:5], axis=0)
    assert seen == [1] * 5


def make_anew(data: Experiment) -> None:
    """Have another librosa make the spectrograms."""
    path = manifest_path(data.dataset / "genres_mel_npz")
    manifest = json.loads(path.read_text())
    manifest["versions"]["librosa"] = "0.0"
    path.write_text(json.dumps(manifest))


def test_a_fresh_copy_is_taken_and_a_stale_one_is_not(data: Experiment) -> None:
    """Each told in a line; what is asked for goes before."""
    place = default_pack(data.dataset / "genres_mel_npz")
    packed = open_data(data)
    assert packed.notes == (f"reads from the packed copy {place} (it is there and fresh)",)
    memory = open_data(data.override({"read_from": "memory"}))
    assert memory.notes == (f"reads from memory; the packed copy {place} is not used",)
    make_anew(data)
    memory = open_data(data)
    assert memory.notes == (
        f"reads from memory; the packed copy {place} is not used: the tree has changed since it was packed",
    )
    packed = open_data(data.override({"read_from": "packed"}))
    assert packed.notes == (f"reads from the packed copy {place} (as was asked)",)
    shutil.rmtree(place)
    assert open_data(data).notes == ()


def test_a_copy_is_made_where_memory_is_scarce(data: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """From half of what is free on; and not at all if nobody says what is free."""
    place = default_pack(data.dataset / "genres_mel_npz")
    shutil.rmtree(place)
    size = 48 * 32 * 16 * 4
    for free in (None, 2 * size):
        monkeypatch.setattr(choosing, "available_memory", lambda free=free: free)
        assert not isinstance(open_data(data), PackedDataset)
    monkeypatch.setattr(choosing, "available_memory", lambda: 2 * size - 1)
    assert open_data(data).notes == (
        f"reads from the packed copy {place} (0.0 GiB of spectrograms, 0.0 GiB of memory free)",
    )


def test_where_no_copy_can_be_made_what_fits_is_read_into_memory(
    data: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what does not fit is refused with the reason."""
    place = default_pack(data.dataset / "genres_mel_npz")
    shutil.rmtree(place)
    place.write_text("something else")
    size = 48 * 32 * 16 * 4
    monkeypatch.setattr(choosing, "available_memory", lambda: size)
    assert not isinstance(open_data(data), PackedDataset)
    monkeypatch.setattr(choosing, "available_memory", lambda: size - 1)
    with pytest.raises(DatasetError, match="received something else; choose another --output"):
        open_data(data)


def test_a_copy_is_trained_on_where_its_tree_is_not(data: Experiment, tmp_path: Path) -> None:
    """As on a machine that it was carried to; from memory, too."""
    expected = outcome(run_of(data, "expected").folder)
    carried = shutil.move(default_pack(data.dataset / "genres_mel_npz"), tmp_path / "disk" / "copy")
    told = data.override({"dataset": str(carried)})
    assert outcome(run_of(told, "carried").folder) == expected
    assert outcome(run_of(told.override({"read_from": "memory"}), "read").folder) == expected


def test_a_given_copy_that_is_stale_is_refused(data: Experiment) -> None:
    """Its tree is there, and is another by now."""
    place = default_pack(data.dataset / "genres_mel_npz")
    make_anew(data)
    with pytest.raises(DatasetError, match="the tree has changed since it was packed; run genrebench pack again"):
        open_data(data.override({"dataset": str(place)}))


def test_a_damaged_copy_ends_the_run_before_it_begins(data: Experiment) -> None:
    """With the name of the file, instead of training on noise."""
    shard = default_pack(data.dataset / "genres_mel_npz") / "spectrograms-00003.npy"
    content = bytearray(shard.read_bytes())
    content[5000] ^= 64
    shard.write_bytes(content)
    with pytest.raises(DatasetError, match=r"spectrograms-00003\.npy.*other values of the track"):
        run_of(data, "damaged")


@pytest.mark.parametrize(("before", "after"), [("packed", "packed"), ("memory", "packed"), ("packed", "memory")])
def test_a_stopped_run_goes_on_from_either(data: Experiment, before: str, after: str) -> None:
    """To the bits of a run without a stop: where spectrograms are read is free to change."""
    told = data.override(WAYS["recipe"])
    straight = outcome(run_of(told, "straight").folder)
    run_of(told.override({"read_from": before}), "run", callbacks=[At(2, interrupt)])
    run = run_of(told.override({"read_from": after}), "run", resume=True)
    assert outcome(run.folder) == straight


def test_a_run_does_not_go_on_with_another_copy(data: Experiment) -> None:
    """The same tracks with one value changed, packed anew."""
    tree = write_tree(data.results.parent / "other", ("a", "b", "c"), tracks=4, shape=(32, 16))
    told = data.override({"dataset": str(tree), "read_from": "packed"})
    run_of(told, "run", callbacks=[At(1, interrupt)])
    path = tree / "a" / "t0-0.npz"
    shutil.copy(tree / "a" / "t1-0.npz", path)
    with pytest.raises(DatasetError, match=r"content: other values"):
        run_of(told, "run", resume=True)


def test_a_run_of_an_earlier_version_goes_on(data: Experiment) -> None:
    """Its checkpoint has a hash of all standardized values, which are made for it once more."""
    run_of(data, "run", callbacks=[At(2, interrupt)])
    place = data.results / "run"
    saved = Checkpoint.read(place / "checkpoint.safetensors")
    found = load_training_data(data)
    earlier = found.earlier_identity
    memory = load_training_data(data.override({"read_from": "memory"}))
    assert memory.earlier_identity == earlier
    assert memory.identity == found.identity
    saved.origin["data"] = earlier | {"sha256": "0" * 64}
    saved.write(place)
    with pytest.raises(DatasetError, match="content: other values"):
        run_of(data, "run", resume=True)
    saved.origin["data"] = earlier
    saved.write(place)
    assert run_of(data, "run", resume=True).status == "finished"


@pytest.mark.parametrize("kind", ["global", "band", "track", "track-band"])
def test_data_that_do_not_differ_are_refused_as_in_memory(tmp_path: Path, kind: str) -> None:
    """In the same words."""
    tree = write_tree(tmp_path / "tree", ("a", "b"), tracks=4)
    for path in tree.glob("*/*.npz"):
        path.write_bytes(npz_bytes("spectrogram", np.full((34, 20), -3, np.float32)))
    told = Experiment(name="run", dataset=tree).override({"training.standardization": kind})
    for each in ("memory", "packed"):
        with pytest.raises(DatasetError, match="expected spectrograms that differ, received the value -3 everywhere"):
            load_training_data(told.override({"read_from": each}))
