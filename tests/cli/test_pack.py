"""``genrebench pack``: one line says what was made, or that it was there."""

import shutil
from pathlib import Path

import pytest

from genrebench.data.packed.reading import open_pack
from tests.cli.commands import refused, run


@pytest.fixture
def dataset(small_dataset: Path, tmp_path: Path) -> Path:
    """Copy the small dataset, so that it may be changed and packed."""
    return Path(shutil.copytree(small_dataset, tmp_path / "dataset"))


def test_a_dataset_is_packed_and_found_fresh(dataset: Path) -> None:
    """With the reason why it was made, and made anew if a file is damaged."""
    done = run("pack", dataset, "--jobs", 1)
    assert done.exit_code == 0, done.output
    assert "genres_mel_npz.packed: 12 tracks, 48 segments in 3 genres, 0.1 MiB in 1 file of" in done.stdout
    assert "made, since there was none" in done.stderr
    done = run("pack", dataset, "--jobs", 1)
    assert "; was there, whole and fresh" in done.stdout
    assert done.stderr == ""
    shard = dataset / "genres_mel_npz.packed" / "spectrograms-00000.npy"
    shard.write_bytes(shard.read_bytes()[:-8])
    done = run("pack", dataset, "--jobs", 1)
    assert "made, since it was damaged" in done.stderr
    open_pack(shard.parent)


def test_a_copy_goes_elsewhere(dataset: Path, tmp_path: Path) -> None:
    """And what cannot be packed is refused in a line."""
    done = run("pack", dataset, "--output", tmp_path / "disk" / "copy", "--jobs", 1)
    assert done.exit_code == 0, done.output
    assert len(open_pack(tmp_path / "disk" / "copy").labels) == 48
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["copy"]
    assert not (dataset / "genres_mel_npz.packed").exists()
    refused(run("pack", tmp_path / "nothing"), "run genrebench preprocess")
    refused(run("pack", dataset, "--output", tmp_path / "disk"), "something else; choose another --output")
    refused(run("pack", tmp_path / "disk" / "copy"), "copy: is a packed copy already")


def test_what_is_refused_leaves_nothing(tmp_path: Path) -> None:
    """No lock, and no folder that was to hold the copy; neither does a copy that was made leave a lock."""
    (tmp_path / "empty").mkdir()
    refused(run("pack", tmp_path / "empty"), "expected at least two genre folders")
    refused(
        run("pack", tmp_path / "empty", "--output", tmp_path / "disk" / "copy"), "expected at least two genre folders"
    )
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder in which nobody may make files")
def test_a_place_that_takes_no_files_is_named_at_once(dataset: Path) -> None:
    """Instead of waiting for another process that seems to have its lock."""
    refused(run("pack", dataset, "--output", "/proc/copy", "--jobs", 1), r"/proc/copy: a packed copy cannot be written")
