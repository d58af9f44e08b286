"""Runs that are stopped and go on: to the bits of the run that was not, or refused with what has changed."""

import csv
import json
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from genrebench.errors import BackendError, ConfigError, DatasetError, ModelError
from genrebench.model.model import Model
from genrebench.network.architecture import Architecture
from genrebench.system.files import write_json
from genrebench.training import Callback, EpochMetrics, Experiment, LoopState, TrainingRun, origin, start, train
from genrebench.training.config import load_experiment, unpublished
from genrebench.training.resume import Checkpoint, newest_checkpoint
from genrebench.training.state import load_training_data
from tests.death import dying, finish_writing
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
    weights = [(folder / name).read_bytes() for name in ("weights.safetensors", "weights_last.safetensors")]
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
    """Describe the tiny training, whose data are read once: it is run many times.

    Returns
    -------
    Experiment
        The training.
    """
    data = load_training_data(tiny)
    monkeypatch.setattr(start, "load_training_data", lambda experiment: data)
    return tiny


def test_wherever_a_run_dies_it_goes_on(quick: Experiment) -> None:
    """At every operation on files: what lies there loads, and going on ends with the bits of the run without a stop.

    A run that died before it came to lie in its place begins anew, by the same option.
    """
    expected = outcome(run_of(quick, "straight", epochs=2).folder)
    ends = set()
    for stop in range(1, 400):
        name = f"r{stop:03d}"
        with dying(after=stop) as death:
            run_of(quick, name, epochs=2)
        folder = quick.results / name
        if not death.happened:
            break
        if folder.exists():
            assert Model.load(folder).document["name"] == name
        begun = folder.exists() or unpublished(folder).joinpath("experiment.toml").exists()
        run = run_of(quick, name, epochs=2, resume=begun)
        ends.add(
            "none" if not begun else "goes on" if "resumed_after_epochs" in Model.load(folder).document else "anew"
        )
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
        with dying(after=stop) as death:
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


def test_what_has_changed_is_refused_by_name(tiny: Experiment, tmp_path: Path) -> None:
    """Each setting but the number of epochs and the places of things; data; architecture. Nothing is touched."""
    shutil.copytree(tiny.dataset, tmp_path / "moved")
    run = train(tiny, epochs=1)
    before = outcome(run.folder)
    message = (
        r"run: a run goes on with the settings that it began with; seed: expected 0, received 3; training.batch_size"
    )
    with pytest.raises(ConfigError, match=message):
        train(tiny, seed=3, batch_size=7, resume=True)
    write_json(tmp_path / "tiny.json", Architecture(TINY.input_shape, TINY.layers[-3:]).to_json())
    with pytest.raises(
        ConfigError, match="expected the architecture that the run began with, received another; restore"
    ):
        train(tiny, resume=True)
    write_json(tmp_path / "tiny.json", TINY.to_json())
    segment = next((tmp_path / "moved").rglob("*.npz"))
    np.savez_compressed(segment, spectrogram=np.load(segment)["spectrogram"] + np.float32(1e-5))
    with pytest.raises(DatasetError, match="expected segments as the manifest says, received others"):
        train(tiny.override({"dataset": str(tmp_path / "moved")}), resume=True)
    (tmp_path / "moved" / "genres_mel_npz.manifest.json").unlink()
    with pytest.raises(DatasetError, match=r"moved: expected the data that the run run began with, .*content: other"):
        train(tiny.override({"dataset": str(tmp_path / "moved")}), resume=True)
    for each in (tmp_path / "moved").rglob("metal.00003-*.npz"):
        each.unlink()
    with pytest.raises(DatasetError, match=r"moved: .*\(segments: 44, not 48\); restore"):
        train(tiny.override({"dataset": str(tmp_path / "moved")}), resume=True)
    assert outcome(run.folder) == before
    with pytest.raises(ConfigError, match="expected either to overwrite a run or to resume it, received both"):
        train(tiny, resume=True, overwrite=True)


def test_other_software_is_named_and_does_not_end_a_run(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, which says what the result is not."""
    train(tiny, epochs=1)
    monkeypatch.setattr(origin, "versions", lambda names: {"torch": "9.9", "numpy": "1"})
    watch = At()
    assert train(tiny, epochs=2, resume=True, callbacks=[watch]).status == "finished"
    consequence = "results are not bit for bit those of a run without a stop"
    expected = rf"goes on after epoch 1; begun with .*torch [\d.+cpu]*, now 9\.9; .*: {consequence}"
    assert re.fullmatch(expected, watch.notes[0])


def test_a_run_of_which_nothing_is_there_is_not_resumed(tiny: Experiment) -> None:
    """One line, and no folder is left; nor is one without a checkpoint, or one that another was about to replace."""
    message = r"results/run: expected a run to go on with, found none; leave out --resume$"
    with pytest.raises(ConfigError, match=message):
        train(tiny, resume=True)
    with pytest.raises(ConfigError, match=message):
        train(tiny.dataset, name="run", results=tiny.results, resume=True)
    assert not tiny.results.exists()
    with pytest.raises(ConfigError, match="--resume: expected the --name of the run to go on with, received none"):
        load_experiment(None, {}, resume=True)
    folder = train(tiny, epochs=1).folder
    (tiny.results / ".run.partial").mkdir()
    (tiny.results / ".run.partial" / "experiment.toml").touch()
    with pytest.raises(
        ConfigError, match=r"a run that was to replace this one was stopped .* repeat it with --overwrite"
    ):
        train(tiny, resume=True)
    shutil.rmtree(tiny.results / ".run.partial")
    (folder / "checkpoint.safetensors").unlink()
    with pytest.raises(ConfigError, match=r"run: expected a run with a checkpoint, found none; train anew with --over"):
        train(tiny, resume=True)
    with pytest.raises(
        ConfigError, match=r"holds a run; choose another --name, or add --overwrite, or --resume to go on"
    ):
        train(tiny)


def test_only_the_name_is_needed_to_go_on(tiny: Experiment, straight: tuple[Any, ...], tmp_path: Path) -> None:
    """What is not said is as the run was told, its dataset, too; the folder of runs may have another name now."""
    train(tiny, callbacks=[At(2, interrupt)])
    (tmp_path / "results").rename(tmp_path / "moved")
    experiment = load_experiment(None, {"name": "run", "results": str(tmp_path / "moved")}, resume=True)
    assert experiment == tiny.override({"results": str(tmp_path / "moved")})
    assert outcome(train(experiment, resume=True).folder) == straight
    (tmp_path / "mine.toml").write_text('name = "run"\n[training]\nepochs = 9\n')
    settings = load_experiment(tmp_path / "mine.toml", {"results": str(tmp_path / "moved")}, resume=True).training
    assert (settings.epochs, settings.batch_size) == (9, 5)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[:-100],
    "one bit": lambda content: content[:-5] + bytes([content[-5] ^ 1]) + content[-4:],
    "one digit": lambda content: content.replace(b'\\"steps\\": 10', b'\\"steps\\": 11'),
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
    "no header": lambda content: save({"weights/a": np.zeros(3)}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before_it(
    tiny: Experiment, straight: tuple[Any, ...], damage: str
) -> None:
    """The run still ends with its bits; where no other is there it is refused, and the file is named."""
    with dying(after=10**9) as death:

        def die() -> None:
            """Die when what was learned is written."""
            finish_writing()
            death.after = len(death.seen)

        train(tiny, callbacks=[At(2, die)])
    folder = tiny.folder
    last = folder / "checkpoint.safetensors"
    content = last.read_bytes()
    last.write_bytes(DAMAGES[damage](content))
    assert last.read_bytes() != content
    shutil.copytree(folder, tiny.results / "alone")
    watch = At()
    assert outcome(train(tiny, resume=True, callbacks=[watch]).folder) == straight
    assert watch.notes == ["goes on after epoch 1"]
    (tiny.results / "alone" / "checkpoint_previous.safetensors").unlink()
    with pytest.raises(
        ModelError, match=r"alone/checkpoint\.safetensors: expected a checkpoint, .*--overwrite$"
    ) as refusal:
        run_of(tiny, "alone", resume=True)
    assert "\n" not in str(refusal.value)


def test_an_epoch_goes_without_a_checkpoint_while_the_last_is_being_written(
    tiny: Experiment, straight: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow disk holds training up at its end only, when the last one is written."""
    write, written, released = Checkpoint.write, [], threading.Event()

    def write_slowly(self: Checkpoint, folder: Path) -> None:
        """Write the second one only when the third epoch is over."""
        if self.epoch == 2:
            released.wait(60)
        written.append(self.epoch)
        write(self, folder)

    monkeypatch.setattr(Checkpoint, "write", write_slowly)
    run = train(tiny, callbacks=[At(4, released.set)])
    assert written[:2] == [1, 2]
    assert 3 not in written
    assert outcome(run.folder) == straight


def test_a_training_state_of_another_kind_of_device_is_refused(
    tiny: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backend's line, with the run that cannot go on."""
    train(tiny, epochs=1)
    read = Checkpoint.read

    def of_a_gpu(path: Path) -> Checkpoint:
        """Read a checkpoint as a GPU's network would have made it."""
        checkpoint = read(path)
        checkpoint.training["dropout/generator"] = np.zeros(16, np.uint8)
        return checkpoint

    monkeypatch.setattr(Checkpoint, "read", of_a_gpu)
    with pytest.raises(
        BackendError, match=r"run: cannot go on from its checkpoint: dropout/generator: expected the random"
    ):
        train(tiny, epochs=2, resume=True)
