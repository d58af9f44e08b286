"""Models that the Keras that is here writes: a part of what ``experiments/porting/make_models.py`` makes."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments.porting import read_models
from tests.reading.files import dense_h5

ROOT = Path(__file__).parent.parent
# Masks, gates, asymmetric borders, functions of tensors, nested and shared models.
NAMES = """embedding_masked_gru bidirectional_lstm_concat gru cells transpose2 averagepooling2 prelu attention
arithmetic slices operations shared nested steps_of_a_model augmented dot group_norm resizing_nearest
activation_hard_sigmoid""".split()


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed")
def test_what_keras_writes_is_read_and_means_what_keras_computed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In both of its formats, by the definitions of the layers."""
    command = [sys.executable, str(ROOT / "experiments/porting/make_models.py"), str(tmp_path), "--only", *NAMES]
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(list(tmp_path.glob("*.npz"))) == len(NAMES), done.stdout
    assert read_models.main([str(tmp_path)]) == 0, capsys.readouterr().out


def test_a_model_that_means_something_else_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other outputs, or other shapes, than Keras gave."""
    path = dense_h5(tmp_path / "model.h5")
    for outputs, expected in ((np.full((3, 2), 0.5), "expected what Keras computed"), (np.ones((3, 1)), "outputs of")):
        np.savez(tmp_path / "model.npz", input_0=np.zeros((3, 4)), output_0=outputs)
        assert read_models.main([str(tmp_path)]) == 1
        assert expected in capsys.readouterr().out
    assert path.exists()
