"""The contenders do what they are timed for: genrebench's own, and the plain scripts beside them."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.audio.mel import MelConfig
from genrebench.bench import contenders
from genrebench.bench.plain import plain_script
from genrebench.bench.processes import run_process
from genrebench.bench.workshop import Workshop
from genrebench.data.preprocess import preprocess
from genrebench.training import batches as feed


def report_of(command: list[Any]) -> dict[str, Any]:
    """Run a contender."""
    return run_process(command).report


def test_the_plain_preprocessing_makes_the_same_spectrograms(workshop: Workshop, tmp_path: Path) -> None:
    """It writes what genrebench writes, but for rounding: else the two could not be compared."""
    dataset = workshop.linked(2)
    found = report_of(["python", plain_script("preprocess"), dataset / "genres_original", tmp_path / "plain"])
    assert found["tracks"] == 2
    preprocess(dataset, MelConfig(), output=tmp_path / "own", jobs=1)
    files = sorted((tmp_path / "own").rglob("*.npz"))
    assert len(files) == 2 * 2  # two whole segments in seven seconds, and a tail too short for a third
    for file in files:
        plain = np.load(tmp_path / "plain" / file.relative_to(tmp_path / "own"))["spectrogram"]
        assert plain.dtype == np.float32
        np.testing.assert_allclose(plain, np.load(file)["spectrogram"], atol=2e-3)


def test_preprocessing_is_timed_after_start_up(workshop: Workshop, tmp_path: Path) -> None:
    """The seconds are those of all tracks at the later ones' rate; a second run finds all there."""
    work = {"dataset": str(workshop.linked(6)), "output": str(tmp_path / "mel")}
    command = contenders.command(contenders.preprocess, **work)
    first, second = report_of(command), report_of(command)
    assert (first["written"], first["skipped"]) == (6, 0)
    assert 0 < first["seconds"] < 60
    assert second == {"written": 0, "skipped": 6, "seconds": None, "librosa_imported": False}


def test_librosa_would_be_noticed(workshop: Workshop, tmp_path: Path) -> None:
    """In one process, work imports it, and no work does not."""
    work: dict[str, Any] = {"dataset": str(workshop.linked(2)), "output": str(tmp_path / "mel"), "jobs": 1}
    command = contenders.command(contenders.preprocess, **work)
    assert [report_of(command)["librosa_imported"] for _ in range(2)] == [True, False]


def test_the_parts_of_preprocessing_are_measured_apart(workshop: Workshop, tmp_path: Path) -> None:
    """Each takes some time, and files are written."""
    work = {"dataset": str(workshop.linked(4)), "output": str(tmp_path / "parts")}
    parts = report_of(contenders.command(contenders.preprocess_parts, tracks=2, **work))["seconds"]
    assert parts.keys() == {"decode", "mel", "write"}
    assert all(0 < seconds < 10 for seconds in parts.values())
    assert len(list((tmp_path / "parts").glob("*.npz"))) == 3 * 2  # the first track twice


def train(workshop: Workshop, folder: Path) -> dict[str, Any]:
    """Train for three epochs, in this process."""
    return contenders.train(str(workshop.tree), str(folder), backend="torch", epochs=3, validation=0.2)


def test_training_reads_no_file_after_the_first_epoch(workshop: Workshop, tmp_path: Path) -> None:
    """It is genrebench's own training that is timed, and saved; a batch of 64 takes as much Python as one of 8."""
    pytest.importorskip("torch")
    found = train(workshop, tmp_path / "runs")
    assert found["steps"] == 1
    assert len(found["epoch_seconds"]) == 3
    assert sum(found["epoch_seconds"]) < found["seconds"]
    assert found["files_opened"] == 0
    assert found["data_bytes"] == 20 * 128 * 130 * 4
    assert (tmp_path / "runs" / "run" / "weights.safetensors").exists()
    operations = contenders.gather_operations()["operations"]
    assert operations["8"] == operations["64"] > 0


def test_opened_files_would_be_noticed(workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches that are read from a file show in the count; what is written does not."""
    pytest.importorskip("torch")
    file, batches = next(workshop.tree.rglob("*.npz")), feed.batches

    def read(*arguments: Any) -> Any:
        """Read a file for every batch."""
        for batch in batches(*arguments):
            assert np.load(file)["spectrogram"].size
            yield batch

    monkeypatch.setattr(feed, "batches", read)
    assert train(workshop, tmp_path / "runs")["files_opened"] >= 2


def test_a_loop_over_samples_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even one that calls nothing, and only assigns."""

    def loop(inputs: Any, labels: Any, rows: Any, batch_size: int) -> Any:
        """Gather sample by sample."""
        buffer = np.empty((batch_size, *inputs.shape[1:]), inputs.dtype)
        for start in range(0, len(rows), batch_size):
            for place in range(batch_size):
                buffer[place] = inputs[rows[start + place]]
            yield buffer, labels[rows[start : start + batch_size]]

    monkeypatch.setattr(feed, "batches", loop)
    operations = contenders.gather_operations()["operations"]
    assert operations["64"] > 4 * operations["8"]


def test_the_plain_loops_train(workshop: Workshop) -> None:
    """The PyTorch one and the Keras one, each where its framework is."""
    if find_spec("torch") is None:
        pytest.skip("torch is not installed")
    options = [workshop.tree, "--epochs", "2", "--batch-size", "8"]
    scripts = ["train_torch", *(["train_keras"] if find_spec("tensorflow") else [])]
    for script in scripts:
        found = report_of(["python", plain_script(script), *options])
        assert len(found["epoch_seconds"]) == 2
        assert found["steps"] == 2


def test_the_plain_inference_hears_the_same_genres(workshop: Workshop) -> None:
    """One file and one segment at a time, in contiguous memory, from Keras' layouts: the same network."""
    pytest.importorskip("torch")
    files = workshop.recordings
    plain = report_of(["python", plain_script("infer"), workshop.model, *files])
    own = report_of(contenders.command(contenders.infer, model=str(workshop.model), recordings=list(map(str, files))))
    assert own["files"] == plain["files"] == 10
    assert own["probabilities"].keys() == plain["probabilities"].keys() == set(map(str, files))
    for file, probabilities in plain["probabilities"].items():
        assert probabilities == pytest.approx(own["probabilities"][file], abs=1e-3)


def test_help_imports_nothing_heavy_and_the_matrix_product_is_a_rate() -> None:
    """Both in processes of their own."""
    assert report_of(contenders.command(contenders.help_imports)) == {"heavy": []}
    assert report_of(contenders.command(contenders.matrix_product, size=64, seconds=0.05))["gflops"] > 0
