"""Training that goes wrong: what ends it, what is told, and what is kept."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.data.splits import Split
from genrebench.errors import DatasetError, TrainingError
from genrebench.model.model import Model
from genrebench.training import EpochMetrics, Experiment, train
from genrebench.training.health import PATIENCE, guessing_loss, guessing_note, split_notes
from genrebench.training.state import LoopState, load_training_data
from tests.training.test_resume import At

network = pytest.importorskip("genrebench_torch.network")


def test_weights_that_are_no_longer_numbers_end_a_run(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the loss is one: the epoch, the weight, what is kept, what to try; the model of the epoch before stays."""
    state = network.TorchNetwork.training_state
    calls: list[int] = []

    def exploded(self: Any) -> Any:
        """Have a moment that is infinite after the second epoch."""
        found = state(self)
        calls.append(1)
        if len(calls) == 3:
            found["adam/v/dense/bias"][0] = np.inf
        return found

    monkeypatch.setattr(network.TorchNetwork, "training_state", exploded)
    message = (
        r"epoch 2: expected finite weights and moments, found others in adam/v/dense/bias; the model of epoch 1 is "
        r"kept; train anew with a --learning-rate below 0\.001$"
    )
    with pytest.raises(TrainingError, match=message):
        train(tiny)
    document = Model.load(tiny.folder).document
    assert (document["status"], document["epochs_done"], document["last_weights"]["epoch"]) == ("failed", 1, 1)


def test_a_loss_that_is_no_number_keeps_the_model_before_it(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the third epoch: the best of two stays, and its checkpoint."""
    step = network.TorchNetwork.train_step
    calls: list[int] = []

    def burst(self: Any, x: Any, labels: Any) -> Any:
        """Lose the loss in the twelfth step."""
        calls.append(1)
        metrics = step(self, x, labels)
        return dataclasses.replace(metrics, loss=np.nan) if len(calls) == 12 else metrics

    monkeypatch.setattr(network.TorchNetwork, "train_step", burst)
    with pytest.raises(
        TrainingError, match=r"^epoch 3: expected a finite loss, received nan; the model of epoch \d is"
    ):
        train(tiny)
    monkeypatch.undo()
    assert Model.load(tiny.folder).document["epochs_done"] == 2
    watch = At()
    train(tiny, resume=True, callbacks=[watch])
    assert watch.notes == ["goes on after epoch 2"]


@pytest.mark.parametrize("rate", [10.0, 1e-3])
def test_a_dead_network_is_told_once(tiny: Experiment, rate: float) -> None:
    """With a learning rate of 10 the loss stays above that of guessing; with the usual one nothing is told."""
    watch = At()
    train(tiny, learning_rate=rate, epochs=PATIENCE + 3, callbacks=[watch])
    told = [note for note in watch.notes if "learns nothing" in note]
    assert len(told) == (rate == 10.0)
    assert all("--learning-rate other than 10" in note for note in told)


def test_dying_late_is_told_when_it_has_lasted(tiny: Experiment) -> None:
    """After so many epochs in a row, and only then; one that is better begins the count anew."""
    data = load_training_data(tiny)
    chance = guessing_loss(data)
    assert chance == pytest.approx(np.log(3))
    state = LoopState(tiny, data, None, None, np.random.default_rng())  # type: ignore[arg-type]
    told = []
    for epoch in range(1, 40):
        loss = 0.5 * chance if epoch in (3, 5) else chance
        state.history.append(EpochMetrics(epoch, loss, 0.3, 1.0, 0.3, 1.0))
        if guessing_note(state):
            told.append(epoch)
    assert told == [5 + PATIENCE]


def test_a_genre_that_a_part_lacks_is_told(tiny: Experiment) -> None:
    """By name, and what follows from it; an empty test part lacks nothing."""
    data = load_training_data(tiny)
    assert split_notes(data) == []
    labels = data.dataset.labels
    without: dict[str, Any] = {
        part: np.flatnonzero(labels != label) for label, part in enumerate(("train", "validation", "test"))
    }
    assert split_notes(dataclasses.replace(data, split=Split(**without))) == [
        (
            "the train part has no segment of classical, which the network therefore cannot learn; use another --seed, "
            "or --split track"
        ),
        "the validation part has no segment of disco: validation says nothing of it",
        "the test part has no segment of metal: the test says nothing of it",
    ]
    empty = Split(data.split.train, data.split.validation, np.empty(0, np.int64))
    assert split_notes(dataclasses.replace(data, split=empty)) == []


def test_inputs_that_are_all_equal_or_far_too_large_are_refused(tiny: Experiment, tmp_path: Path) -> None:
    """Before training; the line names the folder and the value."""
    for genre in ("samba", "polka"):
        (tmp_path / "tree" / genre).mkdir(parents=True)
    for value, message in (
        (-80.0, r"tree: expected .*received the value -80"),
        (3e38, r"tree: .*cannot be standardized"),
    ):
        for path in (tmp_path / "tree" / genre / f"{track}-0.npz" for genre in ("samba", "polka") for track in "abcd"):
            sign = -1 if value > 0 and path.stem < "c" else 1
            np.savez_compressed(path, spectrogram=np.full((32, 16), sign * value, np.float32))
        with pytest.raises(DatasetError, match=message):
            train(tiny.override({"dataset": str(tmp_path / "tree")}))
