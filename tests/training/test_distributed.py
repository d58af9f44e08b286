"""Several processes that train one network, as threads: the curve of one, one writer, and going on with other numbers.

In float64, so that nothing but rounding is left: in float32 it is rounding that decides on which side of a rectifier's
kink a value falls, and Adam makes whole steps of gradients that are 0.
"""

import csv
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from genrebench.backend.group import ALONE, Alone, Group, rank_of_process, share, started_together
from genrebench.errors import BackendError, ConfigError, GroupError, TrainingError
from genrebench.model.model import Model
from genrebench.training import Callback, Experiment, LoopState, TrainingRun, distributed, loop, train
from genrebench.training.distributed import all_or_none, speaks
from genrebench.training.folder import REPORT_FILE
from tests.together import break_off, together

pytest.importorskip("genrebench_torch.backend")
RECIPE = {"augment.crops": 1, "augment.mixup": 0.4, "augment.gain": 0.5, "training.averaging": 0.9}
Starter = Callable[..., list[TrainingRun]]


@pytest.fixture(autouse=True)
def in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every network compute in float64."""
    from genrebench_torch.backend import TorchBackend

    build = TorchBackend.build
    monkeypatch.setattr(
        TorchBackend,
        "build",
        staticmethod(
            lambda architecture, weights, dtype="", device="cpu": build(architecture, weights, dtype="float64")
        ),
    )


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Starter:
    """Offer a function that trains with as many processes, and gives what each of them returns.

    Returns
    -------
    callable
        Takes the experiment, how many, what is to be done to each group, and what `train` takes.
    """
    own = threading.local()
    monkeypatch.setattr(loop, "join", lambda experiment: getattr(own, "group", ALONE))

    def run(
        experiment: Experiment | list[Experiment],
        size: int,
        change: Callable[[Any], None] = lambda group: None,
        **options: Any,
    ) -> list[TrainingRun]:
        """Train; with one process, as one that is alone."""
        if size == 1:
            assert isinstance(experiment, Experiment)
            return [train(experiment, **options)]

        def work(group: Group) -> TrainingRun:
            """Do the part of one process."""
            own.group = group
            change(group)
            return train(experiment[group.rank] if isinstance(experiment, list) else experiment, **options)

        return together(size, work)

    return run


def log(folder: Path) -> list[list[float]]:
    """Read the figures of each epoch."""
    with (folder / "log.csv").open() as file:
        return [
            [float(value) for key, value in row.items() if key.startswith(("train", "valid"))]
            for row in csv.DictReader(file)
        ]


def assert_same(received: Path, expected: Path) -> None:
    """Compare two runs: log, weights, moments and running statistics, to rounding; random streams to the bit."""
    np.testing.assert_allclose(log(received), log(expected), rtol=1e-9)
    ours, theirs = (load_file(each / "checkpoint.safetensors") for each in (received, expected))
    assert ours.keys() == theirs.keys()
    largest = max(np.abs(value).max() for name, value in theirs.items() if name.startswith("weights/"))
    for name, value in theirs.items():
        if name.endswith("generator"):
            np.testing.assert_array_equal(ours[name], value)
        elif name != "training/threads":
            np.testing.assert_allclose(ours[name], value, rtol=1e-6, atol=1e-9 * largest, err_msg=name)


@pytest.mark.parametrize("changes", [{}, RECIPE], ids=["plain", "recipe"])
@pytest.mark.parametrize("size", [2, 3])
def test_the_curve_is_that_of_one_process(tiny: Experiment, start: Starter, size: int, changes: dict[str, Any]) -> None:
    """Losses, accuracies, weights, moments and the average; batches of 5, the last of 4, have uneven parts."""
    expected = start(tiny.override({"name": "alone", **changes}), 1)[0]
    runs = start(tiny.override({"name": "together", **changes}), size)
    assert_same(runs[0].folder, expected.folder)
    assert runs[0].metrics["test"]["loss"] == pytest.approx(expected.metrics["test"]["loss"], rel=1e-9)
    assert [run.metrics for run in runs[1:]] == [{}] * (size - 1)
    assert {run.best.epoch for run in runs} == {expected.best.epoch}


def test_other_numbers_of_processes_go_on(tiny: Experiment, start: Starter) -> None:
    """One, three, two, one: the curve of one that was not stopped; the change is told."""
    tiny = tiny.override(RECIPE)
    expected = start(tiny.override({"name": "straight", "training.epochs": 4}), 1)[0]
    notes: list[str] = []

    class Listen(Callback):
        """Keeps what is told."""

        def on_note(self, state: LoopState, text: str) -> None:
            """Keep a note."""
            notes.append(text)

    for epochs, size in enumerate((1, 3, 2, 1), 1):
        run = start(tiny, size, epochs=epochs, resume=epochs > 1, callbacks=[Listen()])[0]
    assert_same(run.folder, expected.folder)
    assert "3 processes share each batch" in notes
    assert "the run goes on with 3 instead of 1 processes: the same curve, to rounding" in notes
    assert "the run goes on with 1 instead of 2 processes: the same curve, to rounding" in notes


class KilledError(Exception):
    """A process that is gone."""


def killed(rank: int, exchange: int) -> Callable[[Any], None]:
    """Make what kills one process at some exchange of a step."""

    def change(group: Any) -> None:
        """Have the process count its exchanges."""
        add, seen = group.sum_, [0]

        def sum_(tensor: Any) -> Any:
            """Add up, or die."""
            seen[0] += 1
            if seen[0] == exchange:
                break_off(group)
                raise KilledError
            return add(tensor)

        if group.rank == rank:
            group.sum_ = sum_

    return change


# In the third epoch; each has five steps with two exchanges that add up.
MIDDLE = 25


def test_a_process_that_is_killed_ends_the_run_which_goes_on(tiny: Experiment, start: Starter) -> None:
    """In the middle of an epoch: the first says so in one line, what was learned is kept, and the end is the same."""
    expected = start(tiny.override({"name": "straight"}), 1)[0]
    message = (
        r"^expected all 2 processes to go on, one has ended or does not answer \(.*\); "
        r"what was learned before is kept; go on with "
        r"torchrun --nproc-per-node 2 -m genrebench train --name run --results \S+ --resume$"
    )
    with pytest.raises(TrainingError, match=message):
        start(tiny, 2, killed(1, MIDDLE))
    assert Model.load(tiny.folder).document["status"] == "failed"
    assert not (tiny.folder / REPORT_FILE).exists(), "torchrun waits half a minute only"
    assert len(log(tiny.folder)) == 2
    assert_same(start(tiny, 2, resume=True)[0].folder, expected.folder)


def test_the_first_process_is_killed_too(tiny: Experiment, start: Starter) -> None:
    """The others end with a line; the run goes on where its checkpoint stands."""
    expected = start(tiny.override({"name": "straight"}), 1)[0]
    with pytest.raises(KilledError) as caught:
        start(tiny, 2, killed(0, MIDDLE))
    assert isinstance(vars(caught.value)["of_all"][1], GroupError)
    assert_same(start(tiny, 3, resume=True)[0].folder, expected.folder)


def test_a_process_that_ends_before_there_is_a_model_leaves_nothing(tiny: Experiment, start: Starter) -> None:
    """As with one process: there is nothing to go on with."""
    with pytest.raises(GroupError, match=r"one has ended or does not answer \("):
        start(tiny, 2, killed(1, 3))
    assert not tiny.folder.exists()


class Interrupting(Callback):
    """Presses Ctrl-C in the second epoch."""

    def on_step(self, state: LoopState, metrics: object) -> None:
        """Press it."""
        if state.epoch == 1:
            raise KeyboardInterrupt


def test_ctrl_c_keeps_what_was_learned(tiny: Experiment, start: Starter) -> None:
    """The first process saves; the others end without it."""
    with pytest.raises(GroupError, match=r"one has ended or does not answer \("):
        start(tiny, 2, callbacks=[Interrupting()])
    document = Model.load(tiny.folder).document
    assert (document["status"], sorted(document["metrics"])) == ("interrupted", ["test", "validation"])
    assert (tiny.folder / REPORT_FILE).exists()
    assert len(log(tiny.folder)) == 1


def test_a_process_that_torchrun_ends_loses_no_time(
    tiny: Experiment, start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By SIGTERM, half a minute before SIGKILL: what was learned is kept, without scores; one alone has time."""
    monkeypatch.setattr(distributed, "interrupted_status", lambda: 143)
    with pytest.raises(KeyboardInterrupt):
        start(tiny, 2, callbacks=[Interrupting()])
    document = Model.load(tiny.folder).document
    assert (document["status"], document["metrics"]) == ("interrupted", {})
    assert not (tiny.folder / REPORT_FILE).exists()
    assert len(log(tiny.folder)) == 1
    assert start(tiny, 1, resume=True)[0].metrics
    assert start(tiny.override({"name": "alone"}), 1, callbacks=[Interrupting()])[0].metrics


def test_what_one_lacks_ends_all_and_the_first_says_it(tiny: Experiment, start: Starter, tmp_path: Path) -> None:
    """Data that are not on another machine, other settings, a run that is there: nothing is written, nobody waits."""
    nowhere = tiny.override({"dataset": str(tmp_path / "nowhere")})
    with pytest.raises(TrainingError, match=r"^process 2 of 2: .*nowhere: "):
        start([tiny, nowhere], 2)
    with pytest.raises(ConfigError, match=r"^expected what process 1 has of data, settings in all, process 2 has so"):
        start([tiny, tiny.override({"seed": 5})], 2)
    with pytest.raises(ConfigError, match=r"of epochs in all, process 3 has something else$"):
        start([tiny, tiny, tiny.override({"training.epochs": 9})], 3)
    assert not tiny.folder.exists()
    start(tiny, 1, epochs=1)
    with pytest.raises(ConfigError, match="holds a run; choose another --name"):
        start(tiny, 2)


def test_the_others_know_that_it_is_told() -> None:
    """So that nobody repeats it; and nobody waits for one that has left."""

    def work(group: Any) -> bool:
        """Fail in one process."""

        def fail() -> None:
            """Do something that one cannot."""
            with all_or_none(group):
                if group.rank == 2:
                    raise OSError("no space")

        with pytest.raises((TrainingError, GroupError)) as caught:
            fail()
        assert str(caught.value) == ("process 3 of 3: no space" if group.rank == 0 else "no space")
        return getattr(caught.value, "told", False)

    assert together(3, work) == [False, True, True]


def test_processes_that_were_started_anew_go_on_by_themselves(tiny: Experiment, start: Starter) -> None:
    """As torchrun starts them after one has ended; another launch's run is not touched, but for --overwrite."""
    expected = start(tiny.override({"name": "straight"}), 1)[0]

    def launched(launch: str, restarts: int) -> Callable[[Any], None]:
        """Be of a launch."""

        def change(group: Any) -> None:
            """Say so."""
            group.launch, group.restarts = launch, restarts
            if not restarts:
                killed(1, MIDDLE)(group)

        return change

    with pytest.raises(TrainingError, match="what was learned before is kept"):
        start(tiny, 2, launched("mine", 0))
    with pytest.raises(ConfigError, match="holds a run; choose another --name"):
        start(tiny, 2, launched("another", 1))
    run = start(tiny, 2, launched("mine", 1))[0]
    assert_same(run.folder, expected.folder)
    document = json.loads((run.folder / "model.json").read_text())
    assert document["resumed_after_epochs"] == [2]
    assert document["processes"] == {"count": 2, "launch": "mine"}
    with pytest.raises(TrainingError, match="what was learned before is kept"):
        start(tiny, 2, launched("third", 0), overwrite=True)
    run = start(tiny, 3, launched("third", 1), overwrite=True)[0]
    assert Model.load(run.folder).document["resumed_after_epochs"] == [2]
    start(tiny, 2, launched("fourth", 1), overwrite=True)
    assert "resumed_after_epochs" not in Model.load(run.folder).document


def test_one_process_needs_nothing_of_this(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither torch.distributed nor what is made of it, and its document says nothing of processes."""
    monkeypatch.setitem(sys.modules, "genrebench_torch.group", None)
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert not started_together()
    assert "processes" not in Model.load(train(tiny, epochs=1).folder).document


def test_the_environment_says_whether_there_are_others(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it; a backend that cannot is refused before anything is done."""
    for name, value in {"RANK": "3", "WORLD_SIZE": "4", "MASTER_ADDR": "here"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MASTER_PORT", raising=False)
    assert (started_together(), rank_of_process(), distributed.join(tiny)) == (False, 0, ALONE)
    monkeypatch.setenv("MASTER_PORT", "1")
    assert (started_together(), rank_of_process()) == (True, 3)
    with pytest.raises(
        BackendError, match=r"backend numpy: expected one whose networks several .* use --backend torch$"
    ):
        train(tiny.override({"backend": "numpy"}))
    assert not tiny.results.exists()


@pytest.mark.parametrize(
    ("error", "ranks"),
    [
        (KeyboardInterrupt(), [0]),
        (ConfigError("wrong"), [0, 2]),
        (GroupError("gone"), [0, 1]),
        (GroupError("gone", told=True), [0]),
        (MemoryError(), [0, 1, 2, 3]),
    ],
)
def test_one_voice_tells_of_an_error(error: BaseException, ranks: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four processes on two machines; what happened to one alone, that one tells."""
    for name in ("WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "4")
    spoken = []
    for rank in range(4):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("LOCAL_RANK", str(rank % 2))
        spoken += [rank] if speaks(error) else []
    assert spoken == ranks


def test_shares_cover_a_batch() -> None:
    """Without gaps, in order, and none larger by more than one row than another."""
    for count in range(12):
        for size in range(1, 6):
            parts = [range(count)[share(count, rank, size)] for rank in range(size)]
            assert [row for part in parts for row in part] == list(range(count))
            assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert isinstance(Alone(), Group)
