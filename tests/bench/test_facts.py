"""What is yes or no, and so is not timed; the report of a benchmark refers to it."""

import shutil
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from genrebench.bench.data import BenchData
from genrebench.system.process import run_process
from genrebench.training import Callback, EpochMetrics, Experiment, LoopState, SplitSettings, TrainingSettings, train
from genrebench.training.batches import batches


def test_training_reads_no_file_after_the_first_epoch(bench_data: BenchData, tmp_path: Path) -> None:
    """It goes on although they are gone."""
    pytest.importorskip("torch")

    class Remover(Callback):
        """Removes the data after the first epoch."""

        def on_epoch(self, state: LoopState, metrics: EpochMetrics) -> None:
            """Remove the data."""
            if len(state.history) == 1:
                shutil.rmtree(bench_data.tree)

    experiment = Experiment(
        name="run",
        dataset=bench_data.tree,
        results=tmp_path / "runs",
        split=SplitSettings(protocol="segment", validation=0.2, test=0.0),
        training=TrainingSettings(epochs=3),
    )
    train(experiment, callbacks=[Remover()])
    assert not bench_data.tree.exists()
    assert len((tmp_path / "runs" / "run" / "log.csv").read_text().splitlines()) == 1 + 3


def operations(gather: Any, batch_size: int) -> int:
    """Count the bytecode operations that gathering four batches takes; what NumPy does inside a call is none."""
    inputs, labels = np.zeros((256, 16, 16, 1), np.float32), np.zeros(256, np.int64)
    count = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        """Count an operation, and ask to be told of each."""
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for _ in gather(inputs, labels, np.arange(4 * batch_size), batch_size):
            pass
    finally:
        sys.settrace(before)
    return count


def test_a_large_batch_takes_no_more_of_python_than_a_small_one() -> None:
    """A loop over the samples would be noticed, even one that calls nothing."""

    def loop(inputs: Any, labels: Any, indices: Any, batch_size: int) -> Any:
        """Gather sample by sample."""
        buffer = np.empty((batch_size, *inputs.shape[1:]), inputs.dtype)
        for start in range(0, len(indices), batch_size):
            for place in range(batch_size):
                buffer[place] = inputs[indices[start + place]]
            yield buffer, labels[indices[start : start + batch_size]]

    assert operations(batches, 64) == operations(batches, 8) > 0
    assert operations(loop, 64) > 4 * operations(loop, 8)


def test_a_second_preprocessing_imports_no_librosa(bench_data: BenchData, tmp_path: Path) -> None:
    """In one process, work imports it, and no work does not."""
    code = (
        "import sys; from pathlib import Path; from genrebench.audio.mel import MelConfig\n"
        "from genrebench.data.preprocess import preprocess\n"
        "preprocess(Path(sys.argv[1]), MelConfig(), output=Path(sys.argv[2]), jobs=1); print('librosa' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(bench_data.linked(2)), str(tmp_path / "mel")]
    assert [run_process(command, timeout=300).stdout for _ in range(2)] == ["True", "False"]


def test_the_help_imports_nothing_heavy() -> None:
    """Neither NumPy nor a framework; what is imported at all is seen."""
    done = run_process([sys.executable, "-X", "importtime", "-m", "genrebench", "--help"], timeout=60)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "click" in imported
    assert not imported & {"numpy", "scipy", "librosa", "torch", "tensorflow", "keras", "jax", "matplotlib", "pydantic"}
