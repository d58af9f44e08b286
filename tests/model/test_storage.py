"""Saved models: round trip, and folders that are incomplete or do not fit together."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from genrebench.audio.mel import MelConfig
from genrebench.audio.standardize import (
    AnyStandardizer,
    BandStandardizer,
    Standardizer,
    TrackBandStandardizer,
    TrackStandardizer,
)
from genrebench.errors import ModelError
from genrebench.model import description, storage
from genrebench.model.model import Model
from genrebench.model.storage import save_weights
from genrebench.network.genre_cnn import genre_cnn
from tests.conftest import GENRES, SMALL
from tests.death import dying

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


@pytest.mark.parametrize(
    "standardizer",
    [BandStandardizer((-40.0,) * 32, (9.5,) * 32), TrackStandardizer(), TrackBandStandardizer(0.5)],
    ids=lambda each: each.kind,
)
def test_every_kind_of_standardizer_reads_back_as_it_was_saved(tmp_path: Path, standardizer: AnyStandardizer) -> None:
    """And so does the overlap of windows."""
    model = dataclasses.replace(Model.load(save_model(tmp_path / "m")), standardizer=standardizer, overlap=0.25)
    model.save(tmp_path / "other")
    again = Model.load(tmp_path / "other")
    assert (again.standardizer, again.overlap) == (standardizer, 0.25)


def test_weights_are_in_the_order_of_the_layers(tmp_path: Path) -> None:
    """Whatever the order in which a file is read."""
    names = list(NETWORK.weight_specs())
    assert [list(Model.load(save_model(tmp_path)).weights) for _ in range(5)] == [names] * 5


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
    assert model.standardizer == TrackBandStandardizer(level=0.5)


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
    "other hop": (edit(lambda document: document["mel"].update(n_fft=500)), "changed by hand, or by another version"),
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


def change_weight(name: str, value: float) -> Callable[[Path], None]:
    """Make a function that puts a value into a tensor of the saved model, whose hash is then noted anew."""

    def apply(folder: Path) -> None:
        """Alter both files."""
        weights = NETWORK.initial_weights(0)
        weights[name].flat[-1] = value
        digest = save_weights(folder / "weights.safetensors", weights)
        edit(lambda document: document["weights"].update(sha256=digest))(folder)

    return apply


def without_epsilon(folder: Path) -> None:
    """Let a variance of 0 be divided by."""
    change_weight("batch_normalization/moving_variance", 0.0)(folder)
    edit(lambda document: document["architecture"]["layers"][2].update(epsilon=0.0))(folder)


def set_key(key: str, value: Any) -> Callable[[Path], None]:
    """Make a function that alters one key of ``model.json``."""
    return edit(lambda document: document.update({key: value}))


# What is well-formed and means nothing.
MEANINGLESS: dict[str, tuple[Callable[[Path], object], str]] = {
    "tiny deviation": (set_key("standardiser", {"mean": -40.0, "std": 1e-38}), "standardizer: expected a mean"),
    "huge deviation": (set_key("standardiser", {"mean": -40.0, "std": 1e30}), "standardizer: expected a mean"),
    "huge mean": (set_key("standardiser", {"mean": 1e308, "std": 20.0}), "standardizer: expected a mean"),
    "huge mean of another unit": (
        edit(lambda document: document.update(mel=None, standardiser={"mean": 1e308, "std": 1.0})),
        r"standardizer: expected a mean from -1e\+30",
    ),
    "deviation that float32 loses": (
        edit(lambda document: document.update(mel=None, standardiser={"mean": 1e20, "std": 1.0})),
        "standardizer",
    ),
    "mean of one band": (
        set_key("standardiser", {"kind": "band", "mean": [-40.0] * 31 + [1.0], "std": [9.0] * 32}),
        "standardizer: expected a mean",
    ),
    "other bands": (
        set_key("standardiser", {"kind": "band", "mean": [-40.0] * 31, "std": [9.0] * 31}),
        "standardizer: expected the network's 32 bands, received 31",
    ),
    "tiny level": (set_key("standardiser", {"kind": "track-band", "level": 1e-9}), "standardizer: expected a level"),
    "unknown kind": (set_key("standardiser", {"kind": "song"}), "standardizer: expected a kind of global"),
    "windows that never end": (set_key("overlap", 0.99), "overlap: expected a number of at most 0.9, received 0.99"),
    "overlap as text": (set_key("overlap", "0.5"), "overlap: expected a number"),
    "negative deviation": (set_key("standardiser", {"mean": -40.0, "std": -1.0}), "std: expected a positive number"),
    "deviation as text": (set_key("standardiser", {"mean": -40.0, "std": "1"}), "standardizer: std: expected a number"),
    "huge kernel": (change_weight("conv2d/kernel", 3e38), "conv2d/kernel: expected weights from -1e.12 to 1e.12"),
    "huge negative bias": (change_weight("dense/bias", -3e38), "dense/bias: expected weights from -1e.12"),
    "huge gamma": (change_weight("batch_normalization/gamma", 1e30), "batch_normalization/gamma: expected weights"),
    "infinite mean": (change_weight("batch_normalization/moving_mean", np.inf), "moving_mean: expected finite weights"),
    "negative variance": (change_weight("batch_normalization/moving_variance", -1e-3), "moving_variance: .* from 0 to"),
    "nothing to divide by": (without_epsilon, "moving_variance: expected weights from 1e-30 to"),
    "genres that are numbers": (set_key("genres", [1, 2, 3]), "genres.0: expected the name of a genre, received 1"),
    "genres that are lists": (set_key("genres", [["a"], ["b"], ["c"]]), "genres.0: expected the name of a genre"),
    "genres that are one text": (set_key("genres", "abc"), "genres: expected a list, received 'abc'"),
    "empty genre": (set_key("genres", ["a", "b", " "]), "genres.2: expected the name of a genre, received ' '"),
    "no genres": (set_key("genres", None), "genres: expected a list, received None"),
    "kind that is a list": (
        edit(lambda document: document["architecture"]["layers"][0].update(kind=["Conv2D"])),
        "expected a layer with a kind of",
    ),
    "status that is a number": (set_key("status", 1), "status: expected text, received 1"),
    "hash that is a number": (set_key("weights", {"sha256": 1}), "weights.sha256: expected text, received 1"),
    "weights that are a list": (set_key("weights", []), "weights: expected a table"),
    "layer beyond all memory": (
        edit(lambda document: document["architecture"]["layers"][-1].update(units=2**40)),
        "units: expected a whole number of at most 2147483647",
    ),
    "layers beyond all memory": (
        edit(lambda document: [layer.update(units=2**31 - 1) for layer in document["architecture"]["layers"][-3:]
                               if "units" in layer]),
        "expected at most 2.40 values",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MEANINGLESS)
def test_a_model_that_means_nothing_is_refused_when_it_is_read(tmp_path: Path, name: str) -> None:
    """Values from which no finite answer comes, and values of another type: one line that names file and key."""
    damage, message = MEANINGLESS[name]
    folder = save_model(tmp_path / "m")
    damage(folder)
    with pytest.raises(ModelError, match=f"^{folder}/(model.json|weights.safetensors): .*{message}") as refusal:
        Model.load(folder)
    assert "\n" not in str(refusal.value)


def test_what_is_no_folder_of_a_model_is_said_to_be_none(tmp_path: Path) -> None:
    """The folder of runs, a file of a model, another file."""
    save_model(tmp_path / "runs" / "a")
    save_model(tmp_path / "runs" / "b")
    (tmp_path / "x.safetensors").touch()
    runs = tmp_path / "runs"
    for path, message in (
        (runs, f"received one with models in it; give {runs}/a, or another of 2"),
        (runs / "a" / "weights.safetensors", f"received a file; give the folder that it lies in, {runs}/a"),
        (tmp_path / "x.safetensors", ", with model.json and weights.safetensors, received a file$"),
    ):
        with pytest.raises(ModelError, match=f"^{path}: expected the folder of a model.*{message}"):
            Model.load(path)


def test_genres_may_be_no_utf8(tmp_path: Path) -> None:
    """They are names of folders."""
    folder = save_model(tmp_path / "m")
    set_key("genres", ["a", "b", "caf\udce9"])(folder)
    assert Model.load(folder).genres[2] == "caf\udce9"


def test_nan_weights_are_refused(tmp_path: Path) -> None:
    """A network that answers NaN is not served."""
    folder = save_model(tmp_path / "m")
    weights = NETWORK.initial_weights(0)
    weights["dense/bias"][3] = np.nan
    save_file(weights, folder / "weights.safetensors")
    with pytest.raises(ModelError, match="dense/bias: expected finite weights"):
        Model.load(folder)


def test_the_hash_counts_while_a_training_runs(tmp_path: Path) -> None:
    """Weights of another training are refused, whatever the status."""
    folder = save_model(tmp_path / "m", status="running")
    assert Model.load(folder).document["status"] == "running"
    retrained_weights(folder)
    with pytest.raises(ModelError, match=r"expected the weights that model\.json was written for"):
        Model.load(folder)


def test_wherever_saving_stops_the_old_model_or_the_new_one_is_there(tmp_path: Path) -> None:
    """Each is one with its own description; both kinds of stop are met, and a model that is not there is none."""
    found = []
    for stop in range(1, 100):
        folder = save_model(tmp_path / str(stop), created="old", seed=0)
        with dying(after=stop) as death:
            save_model(folder, created="new", seed=1)
        model = Model.load(folder)
        seed = {"old": 0, "new": 1}[model.document["created"]]
        assert all(np.array_equal(model.weights[name], value) for name, value in NETWORK.initial_weights(seed).items())
        found.append(seed)
        if not death.happened:
            break
    assert found == sorted(found)
    assert set(found[:-1]) == {0, 1}
    assert "replaces" not in json.loads((folder / "model.json").read_text())


def test_a_model_that_is_replaced_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as it changes; weights that do not fit their description are refused in the end."""
    folder = save_model(tmp_path / "m", created="old")
    read = storage.read_weights
    times: list[Path] = []

    def read_late(*arguments: Any, **options: Any) -> Any:
        """Replace the model before its weights are read for the first time."""
        if not times:
            times.append(save_model(folder, created="new", seed=1))
        return read(*arguments, **options)

    monkeypatch.setattr(description, "read_weights", read_late)
    assert Model.load(folder).document["created"] == "new"
