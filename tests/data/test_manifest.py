"""The manifest beside a tree: the same JSON as ever, read carefully."""

import json
from pathlib import Path
from typing import Any

import pytest

from genrebench.data.manifest import Manifest, Track, manifest_path, read_manifest, write_manifest
from genrebench.errors import DatasetError
from tests.conftest import SMALL

TRACK = {"source": "metal/a.wav", "size": 9, "modified_ns": 10**18, "segments": 4}
DOCUMENT: dict[str, Any] = {
    "format": 1,
    "settings": {
        "sample_rate": 8000,
        "n_fft": 512,
        "hop_length": 256,
        "n_mels": 32,
        "segments": 4,
        "track_duration": 2.0,
    },
    "fingerprint": SMALL.fingerprint(),
    "shape": [32, 16],
    "versions": {"python": "3.11.7", "librosa": "0.11.0"},
    "tracks": {"metal/a": TRACK, "metal/b\udcff": {**TRACK, "source": "metal/b\udcff.wav"}},
    "failures": {"metal/c.wav": "cannot be decoded"},
}


def write(tree: Path, document: Any) -> Path:
    """Write a tree's manifest as given."""
    manifest_path(tree).write_text(json.dumps(document), encoding="utf-8")
    return tree


def test_a_manifest_says_what_was_done(small_dataset: Path) -> None:
    """Settings, fingerprint, versions, and each track with its segments, beside the tree."""
    manifest = read_manifest(small_dataset / "genres_mel_npz")
    assert manifest is not None
    assert manifest.settings == SMALL
    assert manifest.fingerprint == SMALL.fingerprint()
    assert manifest.shape == SMALL.shape
    assert {"python", "librosa", "numpy"} <= manifest.versions.keys()
    assert len(manifest.tracks) == 12
    assert manifest.tracks["disco/disco.00003"].segments == 4
    assert manifest.failures == {}


def test_the_file_is_the_same_json_as_ever(tmp_path: Path) -> None:
    """Keys, order and values of format 1, names that are not UTF-8 included."""
    manifest = read_manifest(write(tmp_path / "tree", DOCUMENT))
    assert manifest is not None
    write_manifest(tmp_path / "copy", manifest)
    assert json.loads(manifest_path(tmp_path / "copy").read_bytes()) == DOCUMENT
    assert list(json.loads(manifest_path(tmp_path / "copy").read_bytes())) == list(DOCUMENT)


def test_a_tree_without_a_manifest_is_somebody_elses(tmp_path: Path) -> None:
    """That is no error."""
    assert read_manifest(tmp_path) is None


def test_a_new_manifest_describes_nothing_but_settings(tmp_path: Path) -> None:
    """Two begun ones do not share their tracks."""
    first, second = Manifest.begin(SMALL), Manifest.begin(SMALL)
    first.tracks["metal/a"] = Track(**TRACK)  # type: ignore[arg-type]
    assert second.tracks == {}
    write_manifest(tmp_path / "tree", first)
    assert read_manifest(tmp_path / "tree") == first


FAULTS: dict[str, tuple[Any, str]] = {
    "a list": ([], "expected a genrebench manifest"),
    "nothing": ({}, "expected manifest format 1, received None"),
    "no fingerprint": (
        {key: value for key, value in DOCUMENT.items() if key != "fingerprint"},
        "fingerprint: expected a value, found none",
    ),
    "another format": ({**DOCUMENT, "format": 99}, "expected manifest format 1, received 99"),
    "no settings": ({**DOCUMENT, "settings": {}}, "Mel settings: expected the keys"),
    "wrong settings": ({**DOCUMENT, "settings": {**DOCUMENT["settings"], "n_mels": -1}}, "n_mels: expected a positive"),
    "an empty track": (
        {**DOCUMENT, "tracks": {"a": {**TRACK, "segments": 0}}},
        "tracks.a.segments: expected a positive",
    ),
    "a wrong name": ({**DOCUMENT, "failures": {"a": 3}}, "failures.a: expected text, received 3"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_damaged_manifest_is_refused(tmp_path: Path, name: str) -> None:
    """It is not taken for an empty one: one line that names the file, what is wrong, and what to do."""
    document, message = FAULTS[name]
    with pytest.raises(DatasetError) as refusal:
        read_manifest(write(tmp_path / "tree", document))
    assert str(refusal.value).startswith(f"{manifest_path(tmp_path / 'tree')}: ")
    assert message in str(refusal.value)
    assert str(refusal.value).endswith("; remove it and the tree, then preprocess again")


def test_a_manifest_that_is_no_json_is_refused(tmp_path: Path) -> None:
    """As is one that nests without end."""
    for content in ("{", "[" * 100_000):
        manifest_path(tmp_path / "tree").write_text(content)
        with pytest.raises(
            DatasetError, match=r"tree.manifest.json: expected the JSON of a genrebench manifest.*remove"
        ):
            read_manifest(tmp_path / "tree")
