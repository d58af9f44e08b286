"""The examples in docstrings run, each module's in a folder with a song, a dataset and a trained model."""

import doctest
import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

import genrebench as gb
from genrebench.audio.standardize import Standardizer
from genrebench.audio.synthesis.render import GENRES, synthesize
from tests.reading.files import dense_h5

ROOT = Path(__file__).parent.parent
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def modules() -> Iterator[str]:
    """List the modules that have examples."""
    for path in sorted((ROOT / "genrebench").rglob("*.py")):
        if ">>> " in path.read_text(encoding="utf-8"):
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make what the examples use.

    ``song.wav`` (9 s, 22,050 Hz, mono); ``dataset/`` with two recordings of 6 s in each of ten genres, preprocessed;
    ``results/gtzan``, an untrained model of the default spectrograms; ``model.h5``, a Keras file.
    """
    folder = tmp_path_factory.mktemp("examples")
    soundfile.write(folder / "song.wav", synthesize("rock", seed=0, duration=9.0), 22050)
    for genre in GENRES:
        (folder / "dataset" / "genres_original" / genre).mkdir(parents=True)
        for track in range(2):
            path = folder / "dataset" / "genres_original" / genre / f"{genre}.{track:05d}.wav"
            soundfile.write(path, synthesize(genre, seed=track, duration=6.0), 22050)
    gb.preprocess(folder / "dataset", jobs=1)
    network = gb.genre_cnn()
    model = gb.Model(
        architecture=network,
        weights=network.initial_weights(0),
        mel=gb.MelConfig(),
        standardizer=Standardizer(-40.0, 15.0),
        genres=GENRES,
        document={"created": "2026-01-01"},
    )
    model.save(folder / "results" / "gtzan")
    dense_h5(folder / "model.h5")
    return folder


@pytest.mark.parametrize("name", list(modules()))
def test_examples_run(name: str, material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every example of a module does what it says."""
    pytest.importorskip("torch")
    if name == "genrebench.porting.export.run":
        pytest.importorskip("onnxruntime")
    shutil.copytree(material, tmp_path / "examples")
    monkeypatch.chdir(tmp_path / "examples")
    failures: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    found = doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name))
    for test in found:
        runner.run(test, out=failures.append)
    assert not failures, "".join(failures)
    assert any(test.examples for test in found), f"{name}: no example was found"


def test_examples_are_found() -> None:
    """Those of the package itself, which users read first, among them."""
    assert {"genrebench", "genrebench.model.model", "genrebench.audio.mel"} <= set(modules())
