"""What the candidates work on."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from genrebench.bench import data as data_module
from genrebench.bench.data import BenchData
from genrebench.bench.request import BenchRequest
from genrebench.data.dataset import load_dataset
from genrebench.errors import ConfigError
from genrebench.network.architecture import Architecture
from genrebench.network.layers import Dense, Flatten
from genrebench.system.files import write_json


def test_nothing_is_removed_to_make_room(bench_data: BenchData) -> None:
    """Each folder is new, and what was written before stays."""
    first = bench_data.new_folder("mel")
    first.mkdir()
    assert bench_data.new_folder("mel") != first
    assert first.exists()


def test_spectrograms_fit_the_network(bench_data: BenchData) -> None:
    """The genre network's size and genres; more of them are links."""
    found = load_dataset(bench_data.linked_tree(30))
    assert found.spectrograms.shape == (30, 128, 130)
    assert len(found.genres) == 10
    assert np.unique(found.spectrograms, axis=0).shape[0] == 20


def test_spectrograms_fit_a_given_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of its input, as many genres as it has outputs; one that takes no spectrograms is refused."""
    monkeypatch.setattr(data_module, "SEGMENTS", 12)
    for channels, classes in ((1, 3), (2, 3), (1, 1)):
        network = Architecture((6, 5, channels), (Flatten(), Dense(classes)))
        write_json(tmp_path / f"{channels}-{classes}.json", network.to_json())
    data = BenchData(tmp_path, BenchRequest(architecture=tmp_path / "1-3.json"), lambda what: None)
    found = load_dataset(data.tree)
    assert found.spectrograms.shape == (12, 6, 5)
    assert len(found.genres) == 3
    for name in ("2-3", "1-1"):
        data = BenchData(tmp_path, BenchRequest(architecture=tmp_path / f"{name}.json"), lambda what: None)
        with pytest.raises(ConfigError, match=rf"{name}\.json: expected a network for one channel"):
            _ = data.architecture


def test_recordings_are_those_of_the_dataset_or_made(
    bench_data: BenchData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long one repeats the first."""
    assert len(bench_data.recordings) == 10
    assert len(list(bench_data.linked(12).rglob("*.wav"))) == 12
    assert soundfile.info(bench_data.long_recording(20)).duration >= 20
    monkeypatch.setattr(data_module, "write_recordings", lambda folder, **options: [folder / "made.wav"])
    said: list[str] = []
    made = BenchData(tmp_path, BenchRequest(), said.append)
    assert made.recordings == [tmp_path / "originals" / "made.wav"]
    assert said == ["synthesizing recordings"]


def test_recordings_that_cannot_be_decoded_are_left_out(own_recordings: Path, tmp_path: Path) -> None:
    """The plain script would end at one; without any other the dataset is refused."""
    first, *others = sorted(own_recordings.rglob("*.wav"))
    first.write_bytes(b"RIFF, but no more")
    request = BenchRequest(dataset=own_recordings)
    assert sorted(BenchData(tmp_path, request, lambda what: None).recordings) == others
    for path in others:
        path.write_bytes(b"no audio")
    with pytest.raises(ConfigError, match="dataset: expected WAV recordings"):
        _ = BenchData(tmp_path, request, lambda what: None).recordings
