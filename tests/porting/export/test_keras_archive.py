"""Files of Keras: written and read by Keras in a worker, with what else is to be known beside them."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import genrebench as gb
from genrebench.errors import ConfigError, ModelError
from genrebench.porting.export import keras_archive
from genrebench.porting.export.run import export_model
from tests.conftest import GENRES
from tests.porting.export.models import make_model

# Keras is at work in other processes; importing it here would take seconds of every run.
pytestmark = pytest.mark.skipif(find_spec("keras") is None, reason="keras is not installed")


def test_keras_reads_the_file_and_gives_what_the_reference_gives(tmp_path: Path) -> None:
    """And so does our own reader, which has it from the file alone: the weights are the model's, by their names."""
    model = make_model()
    exported = export_model(model, tmp_path / "model.keras", format="keras")
    assert [check.passed for check in exported.checks] == [True]
    read = gb.read_keras(exported.path)
    assert read.problems == ()
    assert read.weights.keys() == model.weights.keys()
    assert all(np.array_equal(read.weights[name], value) for name, value in model.weights.items())
    said = json.loads((tmp_path / "model.keras.json").read_text(encoding="utf-8"))
    assert said["genres"] == list(GENRES)
    for name in ("model.keras", "model.keras.json"):  # the file, and then what lies beside it
        with pytest.raises(ConfigError, match=f"/{name}: expected no such file yet"):
            export_model(model, exported.path, format="keras")
        exported.path.unlink(missing_ok=True)


def test_a_file_that_would_compute_something_else_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logits that are a little off are enough."""

    class Done:
        """What a worker gives back."""

        arrays: dict[str, Any]
        value: dict[str, Any] = {}  # noqa: RUF012 - never changed

    def run(function: str, *, arrays: Any, options: Any, **others: Any) -> Done:
        """Answer with logits of nothing in particular."""
        done = Done()
        done.arrays = {"model": np.zeros(1, np.uint8)}
        done.arrays |= {name.replace("inputs", "logits"): np.ones((len(each), len(GENRES)), np.float32)
                        for name, each in arrays.items() if name.startswith("inputs/")}  # fmt: skip
        return done

    monkeypatch.setattr(keras_archive, "run_job", run)
    with pytest.raises(ModelError, match=r"logits of 6 segments of synthetic music .* nothing was written"):
        export_model(make_model(), tmp_path / "model.keras", format="keras")
    assert not list(tmp_path.iterdir())


def test_keras_knows_its_files_by_their_name(tmp_path: Path) -> None:
    """Another one is refused before anything is computed."""
    with pytest.raises(ConfigError, match=r"expected a name that ends in \.keras"):
        export_model(make_model(), tmp_path / "model.h5", format="keras")
