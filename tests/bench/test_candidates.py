"""The candidates do what they are timed for: genrebench's own, and the plain scripts beside them."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from genrebench.audio.mel import MelConfig
from genrebench.bench.data import BenchData
from genrebench.bench.measure import plain_script, run_own, run_python
from genrebench.data.preprocess import preprocess


def test_the_plain_preprocessing_makes_the_same_spectrograms(bench_data: BenchData, tmp_path: Path) -> None:
    """It writes what genrebench writes, but for rounding: else the two could not be compared."""
    dataset = bench_data.linked(2)
    found = run_python(plain_script("preprocess"), dataset / "genres_original", tmp_path / "plain").report
    assert found["tracks"] == 2
    preprocess(dataset, MelConfig(), output=tmp_path / "own", jobs=1)
    files = sorted((tmp_path / "own").rglob("*.npz"))
    assert len(files) == 2 * 2  # two whole segments in seven seconds, and a tail too short for a third
    for file in files:
        plain = np.load(tmp_path / "plain" / file.relative_to(tmp_path / "own"))["spectrogram"]
        assert plain.dtype == np.float32
        np.testing.assert_allclose(plain, np.load(file)["spectrogram"], atol=2e-3)


def test_preprocessing_is_timed_after_start_up(bench_data: BenchData, tmp_path: Path) -> None:
    """The seconds are those of all tracks at the later ones' rate; a second run finds all there."""
    work = {"dataset": str(bench_data.linked(6)), "output": str(tmp_path / "mel")}
    first, second = (run_own("preprocess", **work).report for _ in range(2))
    assert first["written"] == 6
    assert 0 < first["seconds"] < 60
    assert second == {"written": 0, "seconds": None}


def test_the_parts_of_preprocessing_are_measured_apart(bench_data: BenchData, tmp_path: Path) -> None:
    """Each takes some time, and files are written."""
    work = {"dataset": str(bench_data.linked(4)), "output": str(tmp_path / "parts")}
    parts = run_own("preprocess_parts", tracks=2, **work).report["seconds"]
    assert parts.keys() == {"decode", "mel", "write"}
    assert all(0 < seconds < 10 for seconds in parts.values())
    assert len(list((tmp_path / "parts").glob("*.npz"))) == 3 * 2  # the first track twice


def test_it_is_genrebench_s_own_training_that_is_timed(bench_data: BenchData, tmp_path: Path) -> None:
    """The epochs take less than the whole, and the run is saved."""
    pytest.importorskip("torch")
    experiment = {
        "name": "run", "dataset": str(bench_data.tree), "results": str(tmp_path / "runs"),
        "split": {"protocol": "segment", "validation": 0.2, "test": 0.0}, "training": {"epochs": 3},
    }  # fmt: skip
    found = run_own("train", experiment=experiment).report
    assert found["steps"] == 1
    assert len(found["epoch_seconds"]) == 3
    assert 0 < sum(found["epoch_seconds"]) < found["seconds"]
    assert found["data_bytes"] == 20 * 128 * 130 * 4
    assert (tmp_path / "runs" / "run" / "weights.safetensors").exists()


@pytest.mark.parametrize(
    ("script", "framework"),
    [("train_torch", "torch"), ("train_keras", "tensorflow")],
)
def test_the_plain_loops_train(script: str, framework: str, bench_data: BenchData) -> None:
    """The PyTorch one and the Keras one, each where its framework is."""
    if find_spec(framework) is None:
        pytest.skip(f"{framework} is not installed")
    found = run_python(plain_script(script), bench_data.tree, "--epochs", "2", "--batch-size", "8").report
    assert len(found["epoch_seconds"]) == 2
    assert found["steps"] == 2


def test_the_plain_inference_predicts_the_same_genres(bench_data: BenchData) -> None:
    """One file and one segment at a time, in contiguous memory, from Keras' layouts: the same network."""
    pytest.importorskip("torch")
    files = list(map(str, bench_data.recordings[:2]))
    plain = run_python(plain_script("infer"), bench_data.model, *files).report
    own = run_own("infer", model=str(bench_data.model), recordings=files, backend="torch").report
    assert own["files"] == plain["files"] == 2
    assert own["probabilities"].keys() == plain["probabilities"].keys() == set(files)
    for file, probabilities in plain["probabilities"].items():
        assert probabilities == pytest.approx(own["probabilities"][file], abs=1e-3)
