"""Runs that are stopped and go on: to the bits of the run that was not, or refused with what has changed."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from genrebench.errors import BackendError, ConfigError, DatasetError, ModelError, TrainingError
from genrebench.model.model import Model
from genrebench.system.files import write_json
from genrebench.training import Callback, EpochMetrics, Experiment, LoopState, TrainingRun, train
from genrebench.training import checkpoint as saving
from genrebench.training import loop
from genrebench.training import resume as resuming
from genrebench.training.config import load_experiment
from genrebench.training.resume import Checkpoint, newest_checkpoint
from genrebench.training.state import load_training_data
from tests.death import dying
from tests.training.conftest import TINY

pytest.importorskip("genrebench_torch.backend")


class At(Callback):
    """Does something at the end of an epoch, or in the middle of the next; keeps the notes."""

    def __init__(self, epoch: int = 0, action: Any = None, *, step: bool = False) -> None:
        """Do nothing yet."""
        self.notes: list[str] = []
        self._epoch, self._action, self._step = epoch, action, step

    def on_note(self, state: LoopState, text: str) -> None:
        """Keep a note."""
        self.notes.append(text)

    def on_step(self, state: LoopState, metrics: Any) -> None:
        """Act in the middle of an epoch."""
        if self._step and state.epoch == self._epoch and state.steps % 5 == 2:
            self._action()

    def on_epoch(self, state: LoopState, metrics: EpochMetrics) -> None:
        """Act at the end of one."""
        if not self._step and metrics.epoch == self._epoch:
            self._action()


def interrupt() -> None:
    """Press Ctrl-C."""
    raise KeyboardInterrupt


def outcome(folder: Path) -> tuple[Any, ...]:
    """Read what a run left, but for the times: weights and training state to the bit, log, and what model.json says."""
    weights = [
        (folder / name).read_bytes() for name in ("weights.safetensors", "weights_last.safetensors")
    ]
    state = {name: value.tobytes() for name, value in load_file(folder / "checkpoint.safetensors").items()}
    with (folder / "log.csv").open() as file:
        log = [{**row, "seconds": ""} for row in csv.DictReader(file)]
    document = json.loads((folder / "model.json").read_text())
    for key in ("created", "name", "resumed_after_epochs"):
        document.pop(key, None)
    return weights, state, log, document


def run_of(experiment: Experiment, name: str, *, epochs: int | None = None, **options: Any) -> TrainingRun:
    """Train under another name."""
    return train(experiment.override({"name": name}), epochs=epochs, **options)


@pytest.fixture
def straight(tiny: Experiment) -> tuple[Any, ...]:
    """Train without a stop."""
    return outcome(run_of(tiny, "straight").folder)


@pytest.mark.parametrize("step", [False, True], ids=["at the end of an epoch", "in the middle"])
@pytest.mark.parametrize("epoch", [1, 3])
def test_an_interrupted_run_goes_on_to_the_bits_of_one_that_was_not(
    tiny: Experiment, straight: tuple[Any, ...], epoch: int, step: bool
) -> None:
    """Weights, training state, log and description; of the weights in between, those of the last epoch are saved."""
    stopped = train(tiny, callbacks=[At(epoch, interrupt, step=step)])
    assert stopped.status == "interrupted"
    checkpoint = load_file(stopped.folder / "checkpoint.safetensors")
    last = load_file(stopped.folder / "weights_last.safetensors")
    assert all(np.array_equal(last[name], checkpoint[f"weights/{name}"]) for name in last)
    watch = At()
    run = train(tiny, resume=True, callbacks=[watch])
    assert run.status == "finished"
    assert outcome(run.folder) == straight
    assert watch.notes == [f"goes on after epoch {epoch}"]
    assert Model.load(run.folder).document["resumed_after_epochs"] == [epoch]


def test_a_finished_run_goes_on_to_more_epochs(tiny: Experiment, straight: tuple[Any, ...]) -> None:
    """As if it had been told so at once; to as many as are done it only says again how it ended; fewer are refused."""
    first = train(tiny, epochs=2)
    before = outcome(first.folder)
    again = train(tiny, epochs=2, resume=True)
    assert (again.status, again.best, again.metrics) == ("finished", first.best, first.metrics)
    assert outcome(first.folder) == before
    run = train(tiny, epochs=4, resume=True)
    assert outcome(run.folder) == straight
    assert "epochs = 4" in (run.folder / "experiment.toml").read_text()
    with pytest.raises(ConfigError, match=r"run: expected at least the 4 epochs that are done, received --epochs 3$"):
        train(tiny, epochs=3, resume=True)
    assert outcome(run.folder) == straight


@pytest.fixture
def quick(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """Describe the tiny training, whose data are read once, and which draws nothing: it is run many times.

    Returns
    -------
    Experiment
        The training.
    """
    data = load_training_data(tiny)
    monkeypatch.setattr(loop, "load_training_data", lambda experiment: data)
    monkeypatch.setattr(saving, "training_curves", lambda history, title: b"curves")
    return tiny


def test_wherever_a_run_dies_it_goes_on(quick: Experiment) -> None:
    """At every operation on files: what lies there loads, and going on ends with the bits of the run without a stop.

    A run that died before it came to lie in its place begins anew; one of which nothing is there is refused by a line.
    """
    expected = outcome(run_of(quick, "straight", epochs=2).folder)
    ends = set()
    for stop in range(1, 400):
        name = f"r{stop:03d}"
        with dying(after=stop, folder=name) as death:
            run_of(quick, name, epochs=2)
        folder = quick.results / name
        if not death.happened:
            break
        if folder.exists():
            assert Model.load(folder).document["name"] == name
        try:
            run = run_of(quick, name, epochs=2, resume=True)
        except ConfigError as error:
            assert str(error).endswith("expected a run to go on with, found none; leave out --resume")
            ends.add("none")
            run = run_of(quick, name, epochs=2)
        else:
            ends.add("goes on" if "resumed_after_epochs" in Model.load(folder).document else "anew")
        assert outcome(run.folder) == expected
        assert {path.name for path in quick.results.iterdir() if name in path.name} == {name}
        assert not [path.name for path in folder.iterdir() if path.name.endswith(".part")]
    assert ends == {"none", "anew", "goes on"}
    assert 25 < stop < 100


def test_wherever_a_replacement_dies_one_run_is_whole(quick: Experiment) -> None:
    """The old one or the new one: its model, log, settings and checkpoint agree, and other people's files are there."""
    found = []
    old = run_of(quick, "old", epochs=1).folder
    (old / "mine").mkdir()
    (old / "mine" / "notes.txt").write_text("mine")
    for stop in range(1, 400):
        name = f"r{stop:03d}"
        folder = quick.results / name
        shutil.copytree(old, folder)
        with dying(after=stop, folder=name) as death:
            run_of(quick, name, epochs=1, overwrite=True, seed=7)
        seed = Model.load(folder).document["seed"]
        found.append(seed)
        assert f"seed = {seed}\n" in (folder / "experiment.toml").read_text()
        checkpoint = newest_checkpoint(folder)
        assert checkpoint
        assert checkpoint.origin["settings"]["seed"] == seed
        rows = (folder / "log.csv").read_text().splitlines()
        assert (seed == 7) or rows == (old / "log.csv").read_text().splitlines()
        assert (folder / "mine" / "notes.txt").read_text() == "mine"
        if not death.happened:
            break
        run_of(quick, name, epochs=1, overwrite=True)
        assert {path.name for path in quick.results.iterdir() if name in path.name} == {name}
    assert found == sorted(found)
    assert 10 < found.count(0) < len(found) - 10
