"""Training runs: learning, what is saved, reproducibility, and how a run ends."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from genrebench.audio.standardize import Standardizer
from genrebench.backend.protocol import BackendInfo, BatchMetrics
from genrebench.data.dataset import load_dataset
from genrebench.data.preprocess import preprocess
from genrebench.errors import BackendError, ConfigError, TrainingError
from genrebench.model.model import Model
from genrebench.network.adam import Adam
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.layers import BatchNormalization, Conv2D, Dense, Flatten
from genrebench.network.numerics import cross_entropy
from genrebench.system.files import write_json
from genrebench.training import Callback, EpochMetrics, Experiment, LoopState, start, train
from genrebench.training import batches as batching
from genrebench.training.batches import batches, predict
from genrebench.training.folder import RUN_FILES
from genrebench.training.state import load_training_data
from tests.conftest import SMALL, write_originals

torch_backend = pytest.importorskip("genrebench_torch.backend")


class Watch(Callback):
    """Keeps what it is told, and does something after some step or epoch."""

    def __init__(self, *, on_step: Any = None, on_epoch: Any = None) -> None:
        """Expect nothing."""
        self.steps: list[BatchMetrics] = []
        self.epochs: list[EpochMetrics] = []
        self.end: tuple[str, set[str]] | None = None
        self._on_step, self._on_epoch = on_step, on_epoch

    def on_step(self, state: LoopState, metrics: BatchMetrics) -> None:
        """Keep a step."""
        self.steps.append(metrics)
        assert state.steps == len(self.steps)
        if self._on_step:
            self._on_step(metrics)

    def on_epoch(self, state: LoopState, metrics: EpochMetrics) -> None:
        """Keep an epoch."""
        self.epochs.append(metrics)
        assert state.history == self.epochs
        if self._on_epoch:
            self._on_epoch(metrics)

    def on_end(self, state: LoopState, status: str, scores: dict[str, Any]) -> None:
        """Keep how it ended."""
        self.end = status, set(scores)


def test_the_network_learns_twenty_segments_by_heart(tmp_path: Path) -> None:
    """On 20 segments, real ones of five genres, training reaches 100 % and evaluation mode agrees."""
    genres = ("classical", "disco", "metal", "reggae", "jazz")
    write_originals(tmp_path / "d", tracks=1, genres=genres)
    preprocess(tmp_path / "d", SMALL, jobs=1)
    data = load_dataset(tmp_path / "d")
    assert len(data.labels) == 20
    x = Standardizer.fit(data.spectrograms, np.arange(20)).apply(data.spectrograms)[..., None]
    architecture = genre_cnn(SMALL.shape, 5)
    network = torch_backend.TorchBackend.build(architecture, architecture.initial_weights(0), device="cpu")
    network.start_training(Adam(), seed=0)
    # The running statistics keep 0.99 of their old value in each step: 600 steps forget where they started.
    for _ in range(600):
        network.train_step(x, data.labels)
    assert (network.logits(x).argmax(axis=1) == data.labels).all()
    assert cross_entropy(network.logits(x), data.labels) < 0.05


def test_a_run_leaves_every_file_and_what_they_say_agrees(experiment: Experiment) -> None:
    """Log, JSON, weights and resolved configuration; the best epoch is the same in all."""
    watch = Watch()
    run = train(experiment, callbacks=[watch])
    seen = watch.epochs
    assert {path.name for path in run.folder.iterdir()} == set(RUN_FILES)
    document = json.loads((run.folder / "model.json").read_text())
    with (run.folder / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert run.status == document["status"] == "finished"
    assert [batch.size for batch in watch.steps] == [5, 5, 5, 5, 4] * 4
    assert watch.end == ("finished", {"validation", "test"})
    assert [int(row["epoch"]) for row in rows] == [epoch.epoch for epoch in seen] == [1, 2, 3, 4]
    assert all(float(row["train_loss"]) == epoch.train_loss for row, epoch in zip(rows, seen, strict=True))
    best = max(seen, key=lambda epoch: (epoch.validation_accuracy, -epoch.validation_loss))
    assert run.best == best == [epoch for epoch in seen if epoch.saved][-1]
    assert document["weights"]["epoch"] == best.epoch
    assert document["epochs_done"] == 4
    assert document["hyperparameters"]["epochs"] == 4
    assert document["seed"] == 0
    assert {"torch", "numpy", "python", "genrebench"} <= document["versions"].keys()
    assert document["data"]["segments"] == {"train": 24, "validation": 12, "test": 12}
    assert len(document["data"]["test_tracks"]) == 3
    assert 'protocol = "track"' in (run.folder / "experiment.toml").read_text()


def test_the_saved_model_is_the_one_that_was_measured(experiment: Experiment) -> None:
    """Read back, it has the validation loss and accuracy of its epoch's row, and of the JSON."""
    run = train(experiment)
    model = Model.load(run.folder)
    data = load_training_data(experiment)
    assert data.standardizer == model.standardizer
    network = torch_backend.TorchBackend.build(model.architecture, model.weights, device="cpu")
    rows = data.split.validation
    logits = predict(network, data.inputs, rows, batch_size=5)
    assert cross_entropy(logits, data.dataset.labels[rows]) == pytest.approx(run.best.validation_loss, rel=1e-6)
    assert run.metrics["validation"]["segment_accuracy"] == pytest.approx(run.best.validation_accuracy)
    assert model.document["metrics"] == run.metrics
    assert run.metrics["test"]["tracks"] == 3


def test_one_seed_gives_the_same_weights_and_another_seed_others(experiment: Experiment) -> None:
    """Two runs are equal to the last bit."""
    weights = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run = train(experiment.override({"name": name, "seed": seed}))
        weights.append(load_file(run.folder / "weights_last.safetensors"))
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not np.array_equal(weights[0]["dense/kernel"], weights[2]["dense/kernel"])


def test_the_order_of_the_batches_differs_from_epoch_to_epoch(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every epoch sees every training segment once, each time in another order."""
    orders: list[list[int]] = []

    def spy(inputs: Any, labels: Any, indices: Any, batch_size: int, *group: Any) -> Any:
        """Note the order of an epoch."""
        if len(indices) == 24:
            orders.append(list(indices))
        return batches(inputs, labels, indices, batch_size)

    monkeypatch.setattr(batching, "batches", spy)
    train(experiment)
    assert len(orders) == 4
    assert all(sorted(order) == sorted(orders[0]) for order in orders)
    assert len({tuple(order) for order in orders}) == 4


def test_the_split_by_segment_is_available_under_its_name(experiment: Experiment) -> None:
    """It trains, and the record says how many tracks stand on both sides."""
    run = train(experiment.override({"training.epochs": 1, "split.protocol": "segment", "split.test": 0.0}))
    document = Model.load(run.folder).document
    assert document["data"]["tracks_on_both_sides"] > 3
    assert "test" not in run.metrics


def test_a_run_is_not_replaced_unasked(experiment: Experiment) -> None:
    """The name is taken; --overwrite takes it all the same and leaves nothing of the old run."""
    experiment = experiment.override({"training.epochs": 1})
    train(experiment)
    with pytest.raises(ConfigError, match=r"holds a run; choose another --name, or add --overwrite"):
        train(experiment)
    (experiment.folder / "notes.txt").write_text("mine")
    train(experiment, overwrite=True)
    assert (experiment.folder / "notes.txt").read_text() == "mine"


def test_an_old_run_stays_until_the_new_one_has_weights(experiment: Experiment) -> None:
    """A replacement that fails in its first epoch, for whatever reason, costs nothing and leaves nothing."""

    def fail(step: BatchMetrics) -> None:
        """Fail as a full disk would."""
        raise OSError(28, "No space left on device")

    train(experiment.override({"training.epochs": 1}))
    before = {path.name: path.read_bytes() for path in experiment.folder.iterdir()}
    with pytest.raises(OSError, match="No space"):
        train(experiment, overwrite=True, callbacks=[Watch(on_step=fail)])
    assert {path.name: path.read_bytes() for path in experiment.folder.iterdir()} == before
    assert [path.name for path in experiment.results.iterdir()] == ["run"]


def test_a_run_that_fails_later_is_not_left_running(experiment: Experiment) -> None:
    """The best weights stay, and the status says how it ended."""

    def fail(epoch: EpochMetrics) -> None:
        """Fail after the first epoch."""
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        train(experiment, callbacks=[Watch(on_epoch=fail)])
    assert Model.load(experiment.folder).document["status"] == "failed"


def test_ctrl_c_ends_a_run_and_keeps_what_was_learned(experiment: Experiment) -> None:
    """In the third epoch: two are in the log, the best of them is the model, the status says so."""

    def press(epoch: EpochMetrics) -> None:
        """Press Ctrl-C after the second epoch."""
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    run = train(experiment, callbacks=[Watch(on_epoch=press)])
    assert run.status == "interrupted"
    model = Model.load(run.folder)
    assert model.document["status"] == "interrupted"
    assert model.document["epochs_done"] == 2
    assert {path.name for path in run.folder.iterdir()} == set(RUN_FILES)


def test_ctrl_c_before_the_first_epoch_leaves_nothing(experiment: Experiment) -> None:
    """There is no model yet, so there is no run."""

    def press(step: BatchMetrics) -> None:
        """Press Ctrl-C."""
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(experiment, callbacks=[Watch(on_step=press)])
    assert not experiment.folder.exists()


def test_a_loss_that_is_no_number_ends_the_run(experiment: Experiment) -> None:
    """A huge learning rate: one line that names the epoch and the option, and no model left behind as good."""
    with pytest.raises(TrainingError, match=r"epoch \d+: expected a finite loss.*--learning-rate below 1e\+30"):
        train(experiment.override({"training.learning_rate": 1e30, "training.epochs": 50}))
    assert not experiment.folder.exists() or Model.load(experiment.folder).document["status"] == "failed"


def test_a_backend_that_cannot_train_is_refused_before_anything_is_written(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says which one can."""
    info = BackendInfo("reader", "numpy", "reads only", ("cpu",), can_train=False, implementation="")
    monkeypatch.setattr(start, "load_backend", lambda name: (info, object()))
    with pytest.raises(BackendError, match=r"backend reader.*--backend torch"):
        train(experiment)
    assert not experiment.folder.exists()


def test_the_precision_is_recorded_and_changes_the_weights_a_little(experiment: Experiment) -> None:
    """The word bfloat16 is in the model's document; its float32 weights differ from those of float32, but by little."""
    weights = {}
    for precision in ("float32", "bfloat16"):
        run = train(experiment.override({"name": precision}).override({"training.precision": precision}))
        document = json.loads((run.folder / "model.json").read_text())
        assert document["hyperparameters"]["precision"] == precision
        weights[precision] = load_file(run.folder / "weights_last.safetensors")["dense/kernel"]
        assert weights[precision].dtype == np.float32
    difference = np.linalg.norm(weights["bfloat16"] - weights["float32"]) / np.linalg.norm(weights["float32"])
    assert 1e-5 < difference < 0.2


def test_a_precision_that_the_backend_lacks_is_refused(experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is written; the message says what the backend has."""
    info = BackendInfo("mine", "numpy", "trains", ("cpu",), can_train=True, implementation="")
    monkeypatch.setattr(start, "load_backend", lambda name: (info, object()))
    with pytest.raises(BackendError, match="backend mine: expected a precision of float32, received bfloat16"):
        train(experiment.override({"training.precision": "bfloat16"}))
    assert not experiment.folder.exists()


def test_a_backend_whose_network_does_not_train_is_refused(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It announced that it trains; without ``assert``, so that ``python -O`` refuses it, too."""

    class Untrained:
        """Builds something."""

        def build(self, *arguments: Any, **options: Any) -> object:
            """Build an object."""
            return object()

    info = BackendInfo("mine", "numpy", "trains", ("cpu",), can_train=True, implementation="")
    monkeypatch.setattr(start, "load_backend", lambda name: (info, Untrained()))
    with pytest.raises(BackendError, match="backend mine: expected a network that trains, as announced; object lacks"):
        train(experiment)
    assert not experiment.folder.exists()


def test_a_device_that_the_backend_lacks_is_refused_before_data_are_read(experiment: Experiment) -> None:
    """The message names those it has; capitals are all the same."""
    with pytest.raises(BackendError, match="backend torch: expected a device of auto, cpu, cuda, mps, received gpu"):
        train(experiment.override({"dataset": "nowhere"}), device="GPU")
    assert experiment.override({"device": "CPU"}).device == "cpu"


@pytest.mark.parametrize("as_model", [False, True])
def test_any_architecture_that_fits_the_data_is_trained(experiment: Experiment, tmp_path: Path, as_model: bool) -> None:
    """Given as a file of its own or as a model's description; the saved model has it."""
    layers = (Conv2D(4, (3, 3), strides=(2, 2), activation="relu"), BatchNormalization(), Flatten(), Dense(3))
    architecture = Architecture((32, 16, 1), layers)
    document = architecture.to_json()
    write_json(tmp_path / "mine.json", {"architecture": document, "other": 1} if as_model else document)
    run = train(experiment, architecture=tmp_path / "mine.json", epochs=1)
    assert Model.load(run.folder).architecture == architecture
    assert f'architecture = "{tmp_path}/mine.json"' in (run.folder / "experiment.toml").read_text()


def test_an_architecture_that_does_not_fit_the_data_is_refused(experiment: Experiment, tmp_path: Path) -> None:
    """One line with what the data have and what came; a broken file is named."""
    write_json(tmp_path / "wide.json", genre_cnn((32, 20), 3).to_json())
    message = r"wide\.json: expected a network for inputs of 32 x 16 x 1 and 3 genres, .* for 32 x 20 x 1 and 3$"
    with pytest.raises(ConfigError, match=message):
        train(experiment, architecture=tmp_path / "wide.json")
    write_json(tmp_path / "ten.json", genre_cnn((32, 16), 10).to_json())
    with pytest.raises(ConfigError, match=r"received one for 32 x 16 x 1 and 10$"):
        train(experiment, architecture=tmp_path / "ten.json")
    with pytest.raises(ConfigError, match=r"no\.json: expected an architecture, cannot be read"):
        train(experiment, architecture=tmp_path / "no.json")
    assert not experiment.folder.exists()


def test_a_path_and_keywords_say_the_same_as_an_experiment(experiment: Experiment) -> None:
    """What is not given is default; the record names what was."""
    run = train(
        str(experiment.dataset), name="by-hand", results=experiment.results, split="segment", epochs=1, batch_size=16
    )
    settings = Model.load(run.folder).document["hyperparameters"]
    assert run.folder == experiment.results / "by-hand"
    assert (settings["epochs"], settings["batch_size"], settings["learning_rate"]) == (1, 16, 1e-3)
    with pytest.raises(ConfigError, match=r"training\.epochs: .*received 0"):
        train(experiment, epochs=0)


def test_the_state_has_all_that_resuming_needs(experiment: Experiment) -> None:
    """The history and the generator of the order, set as they were, choose what the uninterrupted run chose."""
    orders: list[Any] = []

    class Keep(Callback):
        """Keeps the generator's state after each epoch."""

        def on_epoch(self, state: LoopState, metrics: EpochMetrics) -> None:
            """Keep it."""
            orders.append(state.order.bit_generator.state)
            assert state.steps == 5 * metrics.epoch
            assert state.best is not None

    train(experiment, callbacks=[Keep()])
    generator = np.random.default_rng()
    generator.bit_generator.state = orders[1]
    generator.permutation(24)
    assert generator.bit_generator.state == orders[2]


def test_a_model_that_is_not_the_one_measured_ends_the_run_with_an_error(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: what is read back has another bias in its last layer, as after a mistake in saving."""
    load = Model.load

    def load_another(*arguments: Any, **options: Any) -> Model:
        """Read a model, and change it."""
        model = load(*arguments, **options)
        name = list(model.weights)[-1]
        model.weights[name] = model.weights[name] + np.linspace(0, 0.01, len(model.weights[name]), dtype=np.float32)
        return model

    monkeypatch.setattr(Model, "load", load_another)
    with pytest.raises(TrainingError, match=r"expected a validation loss of .* as was measured when .* read back"):
        train(experiment)


def test_temperatures_are_kept_in_the_model(experiment: Experiment) -> None:
    """Those that were fitted on the validation part, which the test part uses, too."""
    run = train(experiment)
    kept = Model.load(run.folder).document["calibration"]
    assert Model.load(run.folder).calibration.to_json() == kept
    for part in ("validation", "test"):
        for what in ("segment", "track"):
            assert run.metrics[part][f"{what}_calibration"]["temperature"] == kept[f"{what}_temperature"] > 0
