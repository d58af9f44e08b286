"""Saved models: round trip, and folders that are incomplete or do not fit together."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from genrebench.audio.mel import MelConfig
from genrebench.audio.standardize import Standardizer
from genrebench.errors import ModelError
from genrebench.model.model import Model
from genrebench.model.storage import save_weights
from genrebench.network.genre_cnn import genre_cnn
from tests.conftest import GENRES, SMALL

NETWORK = genre_cnn(SMALL.shape, 3)
STANDARDIZER = Standardizer(-40.1, 17.3)
RECORDED = Path(__file__).parents[2] / "results" / "gtzan_mini"


def save_model(folder: Path, *, created: str = "2026-01-01", status: str = "finished", seed: int = 0) -> Path:
    """Save a model with initial weights."""
    Model(
        architecture=NETWORK,
        weights=NETWORK.initial_weights(seed),
        mel=SMALL,
        standardizer=STANDARDIZER,
        genres=GENRES,
        document={"created": created, "status": status, "weights": {"epoch": 1}},
    ).save(folder)
    return folder


def edit(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Make a function that alters ``model.json``."""

    def apply(folder: Path) -> None:
        """Alter the file."""
        document = json.loads((folder / "model.json").read_text())
        change(document)
        (folder / "model.json").write_text(json.dumps(document))

    return apply


def test_a_model_reads_back_as_it_was_saved(tmp_path: Path) -> None:
    """Weights bit by bit, and everything that is needed to use them."""
    model = Model.load(save_model(tmp_path / "m"))
    expected = NETWORK.initial_weights(0)
    assert (model.architecture, model.mel, model.standardizer, model.genres) == (NETWORK, SMALL, STANDARDIZER, GENRES)
    assert all(np.array_equal(model.weights[name], expected[name]) for name in expected)
    assert model.document["created"] == "2026-01-01"
    assert model.folder == tmp_path / "m"


def test_saving_what_was_read_changes_nothing(tmp_path: Path) -> None:
    """The recorded run, byte by byte: weights, hashes, metrics and the order of the keys."""
    Model.load(RECORDED).save(tmp_path / "copy")
    for name in ("model.json", "weights.safetensors"):
        assert (tmp_path / "copy" / name).read_bytes() == (RECORDED / name).read_bytes()


def test_the_recorded_run_has_todays_fingerprint() -> None:
    """Spectrograms made when it was trained can be mixed with today's."""
    model = Model.load(RECORDED)
    assert model.mel == MelConfig()
    assert model.document["mel_fingerprint"] == MelConfig().fingerprint()
    assert model.standardizer == Standardizer(-39.78507194359006, 15.129982932446937)


def other_weights(folder: Path) -> None:
    """Put another network's weights into the folder."""
    save_file(genre_cnn((40, 40), 3).initial_weights(0), folder / "weights.safetensors")


def retrained_weights(folder: Path) -> None:
    """Put another training's weights of the same network into the folder."""
    save_weights(folder / "weights.safetensors", NETWORK.initial_weights(1))


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no json": (lambda folder: (folder / "model.json").unlink(), "model.json: expected a model that genrebench train"),
    "no weights": (
        lambda folder: (folder / "weights.safetensors").unlink(),
        "weights.safetensors: expected the weights",
    ),
    "broken json": (lambda folder: (folder / "model.json").write_text("{"), "model.json: expected the JSON of a model"),
    "other format": (edit(lambda document: document.update(format=9)), "expected format 1, received 9"),
    "no mean": (edit(lambda document: document["standardiser"].pop("mean")), r"keys \['mean', 'std'\]"),
    "no genres": (edit(lambda document: document.pop("genres")), "genres: expected a value, found none"),
    "two genres": (edit(lambda document: document["genres"].pop()), "genres: expected 3 names"),
    "double genre": (edit(lambda document: document.update(genres=["a", "a", "b"])), "genres: expected 3 names"),
    "other shape": (
        edit(lambda document: document["mel"].update(n_mels=40)),
        r"mel: expected settings that give \(32, 16\)",
    ),
    "other hop": (edit(lambda document: document["mel"].update(n_fft=500)), "another version's"),
    "other layer": (
        edit(lambda document: document["architecture"]["layers"][0].update(filters=16)),
        "weights.safetensors",
    ),
    "truncated": (
        lambda folder: (folder / "weights.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}"),
        "damaged safetensors",
    ),
    "other network": (other_weights, "expected shape.*does not belong to the model.json beside it"),
    "retrained": (retrained_weights, "expected the weights that model.json was written for"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_folder_that_does_not_fit_together_is_refused(tmp_path: Path, name: str) -> None:
    """Each fault gives one line that names the file and what is wrong."""
    damage, message = FAULTS[name]
    folder = save_model(tmp_path / "m")
    damage(folder)
    with pytest.raises(ModelError, match=message) as refusal:
        Model.load(folder)
    assert "\n" not in str(refusal.value)


def test_nan_weights_are_refused(tmp_path: Path) -> None:
    """A network that answers NaN is not served."""
    folder = save_model(tmp_path / "m")
    weights = NETWORK.initial_weights(0)
    weights["dense/bias"][3] = np.nan
    save_file(weights, folder / "weights.safetensors")
    with pytest.raises(ModelError, match="dense/bias: expected finite weights"):
        Model.load(folder)


def test_a_running_training_may_be_ahead_of_its_description(tmp_path: Path) -> None:
    """Between two atomic writes the weights are newer than what model.json says; both fit, so they are served."""
    folder = save_model(tmp_path / "m", status="running")
    retrained_weights(folder)
    assert Model.load(folder).document["status"] == "running"
