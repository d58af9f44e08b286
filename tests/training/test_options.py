"""Options of training: off they change nothing; on they hold from training to a recording, and over a stop."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from safetensors.numpy import load_file

from genrebench.audio.blocks import standardize_recording
from genrebench.audio.mel import segment_spectrograms
from genrebench.data.dataset import load_dataset
from genrebench.errors import ConfigError, DatasetError
from genrebench.model.model import Model
from genrebench.network.adam import Adam
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.numerics import accuracy, cross_entropy, log_softmax
from genrebench.training import Experiment, train
from genrebench.training.batches import predict, train_steps
from genrebench.training.config import EXPERIMENT_FILE, load_experiment
from genrebench.training.origin import refuse_other_settings
from genrebench.training.resume import newest_checkpoint
from genrebench.training.runs import read_run
from genrebench.training.settings import PLAIN
from genrebench.training.state import load_training_data
from tests.conftest import SMALL, Recorder
from tests.training.test_resume import At, interrupt, outcome

backend = pytest.importorskip("genrebench_torch.backend")
network = pytest.importorskip("genrebench_torch.network")

AUGMENTED: dict[str, Any] = {
    "augment.crops": 3,
    "augment.stretch": 0.1,
    "augment.shift": 1,
    "augment.gain": 0.5,
    "augment.frequency_mask": 3,
    "augment.time_mask": 2,
    "augment.mixup": 0.4,
    "augment.smoothing": 0.1,
}
EVERYTHING: dict[str, Any] = AUGMENTED | {
    "augment.fade": 1.0,
    "training.standardization": "track-band",
    "training.averaging": 0.99,
    "training.keep": "best-loss",
    "training.overlap": 0.5,
}


def test_without_options_a_run_has_the_bits_of_plain_steps(experiment: Experiment) -> None:
    """Standardized as a whole, segments in random order, nothing averaged: written out, it gives the same weights."""
    run = train(experiment)
    data = load_training_data(experiment)
    architecture = genre_cnn(SMALL.shape, 3)
    plain = backend.TorchBackend.build(architecture, architecture.initial_weights(0), device="cpu")
    plain.start_training(Adam(), seed=0)
    raw = load_dataset(experiment.dataset).spectrograms
    part = raw[data.split.train].astype(np.float64)
    expected = (raw - np.float32(part.mean())) / np.float32(part.std())
    inputs = data.inputs.take(np.arange(len(raw)), axis=0)
    np.testing.assert_allclose(inputs[..., 0], expected, rtol=1e-5, atol=1e-5)
    order = np.random.default_rng([0, 1])
    for _ in range(4):
        for _ in train_steps(plain, data.inputs, data.dataset.labels, order.permutation(data.split.train), 5):
            pass
    saved = load_file(run.folder / "weights_last.safetensors")
    assert all(np.array_equal(saved[name], value) for name, value in plain.weights().items())
    document = json.loads((run.folder / "model.json").read_text())
    assert document["standardiser"].keys() == {"mean", "std"}
    assert "overlap" not in document


@pytest.mark.parametrize("step", [False, True], ids=["at the end of an epoch", "in the middle"])
def test_a_run_with_every_option_goes_on_to_the_bits_of_one_that_was_not_stopped(tiny: Experiment, step: bool) -> None:
    """Random streams, averages and windows included."""
    tiny = tiny.override(EVERYTHING)
    straight = outcome(train(tiny.override({"name": "straight"})).folder)
    stopped = train(tiny, callbacks=[At(2, interrupt, step=step)])
    assert stopped.status == "interrupted"
    assert outcome(train(tiny, resume=True).folder) == straight


def test_each_augmentation_changes_the_run_and_a_seed_repeats_it(tiny: Experiment) -> None:
    """The same settings give the same weights; each setting gives others."""
    runs = {
        name: train(tiny.override({"name": name.replace(".", "-"), "training.epochs": 1, **settings}))
        for name, settings in (
            ("off", {}),
            ("again", {"augment.crops": 3}),
            *((key, {key: value}) for key, value in AUGMENTED.items()),
        )
    }
    weights = {name: (run.folder / "weights_last.safetensors").read_bytes() for name, run in runs.items()}
    assert weights["again"] == weights["augment.crops"]
    assert len(set(weights.values())) == len(weights) - 1
    assert Model.load(runs["augment.gain"].folder).document["hyperparameters"]["augment"]["gain"] == 0.5


def test_a_leaky_split_keeps_what_gives_recordings_away(tiny: Experiment) -> None:
    """Unless it is told otherwise: the statistics are those of the training part, not of each recording."""
    auto = tiny.override({"training.standardization": "auto"})
    leaky = auto.override({"split.protocol": "segment"})
    kinds = [load_training_data(each).standardizer.kind for each in (auto, leaky)]
    assert kinds == ["track-band", "global"]
    told = leaky.override({"training.standardization": "track"})
    assert load_training_data(told).standardizer.kind == "track"


@pytest.mark.parametrize("standardization", ["band", "track", "track-band"])
@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_a_recording_is_taken_as_it_was_in_validation(
    tiny: Experiment, standardization: str, overlap: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit: standardized by its own statistics where these are asked for, cut into the same windows."""
    tiny = tiny.override(
        {"training.standardization": standardization, "training.overlap": overlap, "training.epochs": 1}
    )
    model = Model.load(train(tiny).folder, device="cpu")
    assert (model.standardizer.kind, model.overlap) == (standardization, overlap)
    inputs, rows, _, tracks = load_training_data(tiny).held_out("validation")
    seen: list[np.ndarray] = []
    logits = model.network.logits
    monkeypatch.setattr(model.network, "logits", lambda x: seen.append(x.copy()) or logits(x))  # type: ignore[func-returns-value]
    for track in sorted(set(tracks.tolist())):
        seen.clear()
        prediction = model.predict(tiny.dataset / "genres_original" / f"{track}.wav")
        np.testing.assert_array_equal(np.concatenate(seen), inputs[rows[tracks == track]])
        assert prediction.segments == (7 if overlap else 4)


def test_recordings_of_any_length_are_standardized_in_blocks(
    tiny: Experiment, record: Recorder, tmp_path: Path
) -> None:
    """One segment, or sixty where training had four: finite answers, and those of the tree's function."""
    tiny = tiny.override({"training.standardization": "track-band", "training.epochs": 1})
    model = Model.load(train(tiny).folder, device="cpu")
    song = record("song.wav")
    y, rate = soundfile.read(song)
    soundfile.write(tmp_path / "short.wav", y[: rate // 2], rate)
    for path, segments in ((tmp_path / "short.wav", 1), (song, 60)):
        x = np.stack(list(segment_spectrograms(path, SMALL)))
        inputs = np.concatenate(list(standardize_recording(model.standardizer, [x], block=4)))[..., None]
        mean = log_softmax(log_softmax(model.network.logits(inputs)).mean(axis=0))
        mean /= model.calibration.track_temperature
        prediction = model.predict(path)
        assert prediction.segments == len(x) == segments
        assert prediction.probability == pytest.approx((np.exp(mean) / np.exp(mean).sum()).max(), rel=1e-4)


def test_averaged_weights_are_validated_and_saved(tiny: Experiment) -> None:
    """The model gives the figures of the log, the checkpoint has both, and a high decay leaves them far apart."""
    tiny = tiny.override({"training.averaging": 0.99, "training.keep": "last"})
    run = train(tiny)
    assert run.best.epoch == 4
    checkpoint = load_file(run.folder / "checkpoint.safetensors")
    for file in ("weights.safetensors", "weights_last.safetensors"):
        saved = load_file(run.folder / file)
        assert all(np.array_equal(value, checkpoint[f"average/{name}"]) for name, value in saved.items())
    assert not np.allclose(checkpoint["average/dense/kernel"], checkpoint["weights/dense/kernel"], atol=1e-4)
    inputs, rows, labels, _ = load_training_data(tiny).held_out("validation")
    logits = predict(Model.load(run.folder, device="cpu").network, inputs, rows, batch_size=5)
    assert cross_entropy(logits, labels) == pytest.approx(run.best.validation_loss, rel=1e-5)
    plain = train(tiny.override({"name": "plain", "training.averaging": 0.0}))
    last = load_file(plain.folder / "weights_last.safetensors")
    assert all(np.array_equal(value, checkpoint[f"weights/{name}"]) for name, value in last.items())


def test_the_rule_says_which_epoch_is_the_model(tiny: Experiment) -> None:
    """The lowest loss, or the last."""
    rows: list[Any] = []
    watch = At()
    watch.on_epoch = lambda state, metrics: rows.append(metrics)  # type: ignore[method-assign]
    run = train(tiny.override({"training.keep": "best-loss"}), callbacks=[watch])
    assert run.best.validation_loss == min(row.validation_loss for row in rows)
    assert train(tiny.override({"name": "last", "training.keep": "last"})).best.epoch == 4


def test_overlapping_windows_are_validated_and_scored(tiny: Experiment) -> None:
    """Seven windows of each track's four segments; the figures are the windows' own."""
    tiny = tiny.override({"training.overlap": 0.5})
    run = train(tiny)
    assert run.metrics["validation"]["segments"] == 7 * 3
    data = load_training_data(tiny)
    inputs, rows, labels, tracks = data.held_out("test")
    assert (len(rows), len(labels), len(tracks)) == (21, 21, 21)
    logits = predict(Model.load(run.folder, device="cpu").network, inputs, rows, batch_size=5)
    assert run.metrics["test"]["segment_accuracy"] == pytest.approx(accuracy(logits, labels))


def test_data_on_a_device_are_used_only_if_nothing_is_altered(
    tiny: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Altered batches are made anew and go there one by one."""
    calls: list[str] = []
    for name in ("train_on", "train_step"):
        method = getattr(network.TorchNetwork, name)

        def noted(self: Any, *arguments: Any, name: str = name, method: Any = method) -> Any:
            """Note the call."""
            calls.append(name)
            return method(self, *arguments)

        monkeypatch.setattr(network.TorchNetwork, name, noted)
    monkeypatch.setattr(network, "available_bytes", lambda device: 2**30)
    train(tiny, epochs=1)
    assert set(calls) == {"train_on"}
    calls.clear()
    train(tiny.override({"name": "altered", "augment.crops": 3}), epochs=1)
    assert set(calls) == {"train_step"}


def test_a_run_of_a_version_without_a_setting_goes_on_without_it(tiny: Experiment) -> None:
    """It is refused, be it the default."""
    saved = newest_checkpoint(train(tiny, epochs=1).folder)
    assert saved is not None
    settings = {key: value for key, value in saved.origin["settings"].items() if not key.startswith("augment")}
    old = dataclasses.replace(saved, origin=saved.origin | {"settings": settings})
    refuse_other_settings(old.origin, tiny, done=old.epoch)
    with pytest.raises(ConfigError, match=r"augment.crops: expected 0, received 3"):
        refuse_other_settings(old.origin, tiny.override({"augment.crops": 3}), done=old.epoch)


@pytest.mark.parametrize("checkpoint", [True, False], ids=["in the checkpoint", "nowhere"])
def test_a_run_of_before_there_were_options_goes_on_as_it_began(tiny: Experiment, checkpoint: bool) -> None:
    """Its file has none of them, and its checkpoint perhaps neither; their defaults are not its own."""
    straight = outcome(train(tiny.override({"name": "straight"})).folder)
    stopped = train(tiny, callbacks=[At(2, interrupt, step=False)])
    names = [key.split(".")[1] for key in PLAIN]
    told = stopped.folder / EXPERIMENT_FILE
    lines = [line for line in told.read_text().splitlines() if line.split(" = ")[0] not in names]
    told.write_text("\n".join(lines))
    if not checkpoint:
        saved = newest_checkpoint(stopped.folder)
        assert saved is not None
        saved.origin["settings"] = {key: value for key, value in saved.origin["settings"].items() if key not in PLAIN}
        saved.write(stopped.folder)
    run = read_run(stopped.folder)
    assert run.experiment == tiny
    again = load_experiment(None, {"name": tiny.name, "results": str(tiny.results)}, resume=True)
    assert again == tiny
    assert outcome(train(again, resume=True).folder) == straight


def test_tracks_that_never_change_cannot_be_standardized(tiny: Experiment, tmp_path: Path) -> None:
    """Each of another value: as a whole they differ, track by track there is nothing."""
    tree = tmp_path / "tree"
    for index in range(12):
        folder = tree / "abc"[index % 3]
        folder.mkdir(parents=True, exist_ok=True)
        for segment in range(2):
            np.savez(folder / f"t{index}-{segment}.npz", spectrogram=np.full((32, 16), -index, np.float32))
    constant = tiny.override({"dataset": str(tree), "training.standardization": "track"})
    with pytest.raises(DatasetError, match="values that cannot be standardized"):
        train(constant)
