"""One training run: data, epochs, validation, and callbacks that log and save.

`_run` reads from top to bottom: prepare, train epoch by epoch (`genrebench.training.epoch`), score what was saved. The
backend does single steps; which segments it is given, and what is measured, is decided there and here, so that every
backend that trains is trained alike. What is saved and when is decided by callbacks.
"""

import os
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genrebench.backend.group import Group
from genrebench.errors import ConfigError, GroupError, ModelError, TrainingError
from genrebench.system.files import StrPath, escaped
from genrebench.system.interrupts import interrupts_ignored
from genrebench.training.checkpoint import Keeper, Log
from genrebench.training.commands import resume_command
from genrebench.training.config import Experiment, load_experiment
from genrebench.training.distributed import (
    all_or_none,
    begun_by,
    hand_out,
    join,
    must_end_soon,
    processes_notes,
    require_same,
)
from genrebench.training.epoch import train_epoch
from genrebench.training.folder import RunDirectory, reserved, where_to_go_on
from genrebench.training.health import out_of_patience, patience_note, split_notes
from genrebench.training.history import EpochMetrics
from genrebench.training.origin import resumption_note
from genrebench.training.results import Results
from genrebench.training.resume import Checkpoint
from genrebench.training.scoring import score_saved_model
from genrebench.training.start import prepare
from genrebench.training.state import Callback, LoopState, tell
from genrebench.training.trackers import load_trackers


@dataclass(frozen=True)
class TrainingRun:
    """How a training run ended.

    Attributes
    ----------
    folder : Path
        Where it is saved.
    status : str
        ``finished``, or ``interrupted`` by Ctrl-C.
    best : EpochMetrics
        The epoch whose weights are the model.
    metrics : dict
        Scores of the model, read back from its folder, on ``validation`` and, unless it is empty, ``test``.
    """

    folder: Path
    status: str
    best: EpochMetrics
    metrics: dict[str, Any]


def train(
    dataset: StrPath | Experiment,
    *,
    name: str | None = None,
    architecture: StrPath | None = None,
    backend: str | None = None,
    device: str | None = None,
    results: StrPath | None = None,
    seed: int | None = None,
    split: str | None = None,
    validation: float | None = None,
    test: float | None = None,
    epochs: int | None = None,
    learning_rate: float | None = None,
    batch_size: int | None = None,
    precision: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
) -> TrainingRun:
    """Train a network on a spectrogram tree, and save it.

    Parameters
    ----------
    dataset : str, PathLike or Experiment
        Folder that holds ``genres_mel_npz/``, or such a tree; or everything that a run is told.
    name : str, optional
        Folder of the run in `results`; by default ``run-DATE-TIME``.
    architecture : str or PathLike, optional
        Architecture in JSON, or a ``model.json``, that fits the data; by default the genre network.
    backend, device : str, optional
        Who trains, and where: ``genrebench backends`` lists both.
    results : str or PathLike, optional
        Folder of all runs.
    seed : int, optional
        Seed of split, initial weights, order of the batches and dropout.
    split : {'track', 'segment'}, optional
        Whether a track's segments stay together; if not, accuracy is inflated. Splits that need files of yours, by
        artist or by lists, are settings of an `Experiment`.
    validation, test : float, optional
        Shares of the data that do not train.
    epochs : int, optional
        Passes through the training part.
    learning_rate : float, optional
        Step size of Adam.
    batch_size : int, optional
        Segments in one step.
    precision : {'float32', 'bfloat16'}, optional
        In what layers are computed.
    overwrite : bool
        Whether a run of the same name may be replaced.
    resume : bool
        Whether to go on with the run of that name, which was stopped, or is to have more epochs. Settings that are not
        given are the run's. On the CPU its weights and log, but for the times, become those of a run without a stop,
        bit for bit.
    callbacks : sequence of Callback
        What else is told of the run.

    Returns
    -------
    TrainingRun
        How the run ended. Ctrl-C ends it early, with what was learned so far saved.

    Raises
    ------
    ConfigError
        If a setting is wrong, a run of that name is there or going on, or the architecture does not fit the data; or,
        to resume, if there is no such run, or a setting or the architecture is not the run's.
    DatasetError
        If the data cannot be used, or are not those that a resumed run began with.
    ModelError
        If a resumed run's checkpoints are damaged.
    BackendError
        If the backend is unavailable, or cannot train.
    TrainingError
        If loss or weights are no longer numbers, or a file cannot be written.
    KeyboardInterrupt
        If Ctrl-C came before the end of the first epoch; nothing is left behind.

    See Also
    --------
    genrebench.training.config.Experiment : The defaults.

    Examples
    --------
    >>> import genrebench as gb
    >>> run = gb.train("dataset", name="short", epochs=1)
    >>> run.status, run.best.epoch
    ('finished', 1)
    >>> gb.load(run.folder).genres[:2]
    ('blues', 'classical')
    """
    settings = {
        "name": name,
        "architecture": architecture and os.fspath(architecture),
        "backend": backend,
        "device": device,
        "results": results and os.fspath(results),
        "seed": seed,
        "split.protocol": split,
        "split.validation": validation,
        "split.test": test,
        "training.epochs": epochs,
        "training.learning_rate": learning_rate,
        "training.batch_size": batch_size,
        "training.precision": precision,
    }
    if isinstance(dataset, Experiment):
        experiment = dataset.override(settings)
    else:
        experiment = load_experiment(None, {"dataset": os.fspath(dataset), **settings}, resume=resume)
    if overwrite and resume:
        raise ConfigError("expected either to overwrite a run or to resume it, received both")
    with closing(join(experiment)) as group, ExitStack() as reservation:
        if group.rank:
            return _follow(experiment, group)
        with all_or_none(group):
            reservation.enter_context(reserved(experiment.folder))
            run, saved = _open(experiment, overwrite, resume, group)
        hand_out(group, saved, experiment)
        return _run(experiment, run, saved, group, callbacks)


def _open(
    experiment: Experiment, overwrite: bool, resume: bool, group: Group
) -> tuple[RunDirectory, Checkpoint | None]:
    """Find the folder of the run, and where it goes on if it does."""
    run = RunDirectory(experiment.folder)
    run.recover()
    saved = where_to_go_on(run, experiment) if resume else begun_by(group, run, experiment)
    if run.holds_run and not overwrite and not saved:
        raise ConfigError(
            f"{escaped(experiment.folder)}: holds a run; choose another --name, or add --overwrite, or --resume to go "
            "on with it"
        )
    return run, saved


def _run(
    experiment: Experiment, run: RunDirectory, saved: Checkpoint | None, group: Group, others: Sequence[Callback]
) -> TrainingRun:
    """Train, validate, save."""
    callbacks: tuple[Callback, ...] = ()

    def note(text: str) -> None:
        """Tell all callbacks what the user should know."""
        tell(state, callbacks, text)

    with all_or_none(group):
        trackers = load_trackers(experiment, run, note)
        state, model, origin = prepare(experiment, saved, group)
    require_same(group, experiment, origin)
    keeper = Keeper(run, model, origin, saved)
    callbacks = (Log(run), keeper, Results(run, note), *trackers, *others)
    status = "finished"
    try:
        run.go_on() if saved else run.begin()
        for each in callbacks:
            each.on_start(state)
        notes = (
            *([resumption_note(saved.origin, origin, done=saved.epoch)] if saved else ()),
            *processes_notes(group, saved),
            *split_notes(state.data),
        )
        for text in notes:
            tell(state, callbacks, text)
        while state.epoch < experiment.training.epochs and not out_of_patience(state):
            train_epoch(state, callbacks)
        if state.epoch < experiment.training.epochs:
            tell(state, callbacks, patience_note(state))
    except BaseException as stop:  # whatever it was: no half run stays, and no run stays "running"
        if not run.published:
            keeper.stop()
            run.discard()
            raise
        soon = must_end_soon(stop, group)
        if soon or not isinstance(stop, KeyboardInterrupt):
            _end(callbacks, state, "interrupted" if isinstance(stop, KeyboardInterrupt) else "failed", soon=soon)
            raise _told_how_to_go_on(stop, experiment, group) from stop
        status = "interrupted"
    best = state.best
    if best is None:
        raise TrainingError(f"{escaped(experiment.folder)}: expected at least one epoch")
    with interrupts_ignored():  # a second Ctrl-C would lose the end of what the first one asked to keep
        try:
            keeper.settle(state)
            metrics = score_saved_model(experiment, state.data, best)
            for each in callbacks:
                each.on_end(state, status, metrics)
        except OSError as error:
            raise _told_how_to_go_on(error, experiment, group) from error
        except (ModelError, TrainingError):  # what lies on disk is not the model that was measured
            _end(callbacks, state, "failed")
            raise
    return TrainingRun(run.path, status, best, metrics)


def _end(callbacks: Sequence[Callback], state: LoopState, status: str, *, soon: bool = False) -> None:
    """Tell callbacks that a run ends without scores; one that must end soon leaves results to whoever goes on."""
    with interrupts_ignored():
        for each in callbacks:
            if not (soon and isinstance(each, Results)):
                with suppress(Exception):  # what ended the run may end this, too: a full disk
                    each.on_end(state, status, {})


def _follow(experiment: Experiment, group: Group) -> TrainingRun:
    """Do one's share of a run that the first process keeps: nothing is written or told here."""
    with all_or_none(group):
        pass  # the first opens the run
    saved = hand_out(group, None, experiment)
    with all_or_none(group):
        state, _, origin = prepare(experiment, saved, group)
    require_same(group, experiment, origin)
    try:
        while state.epoch < experiment.training.epochs and not out_of_patience(state):
            train_epoch(state, ())
    except TrainingError as error:  # all find the same
        raise GroupError(str(error), told=True) from error
    assert state.best is not None
    return TrainingRun(experiment.folder, "finished", state.best, {})


def _told_how_to_go_on(stop: BaseException, experiment: Experiment, group: Group) -> BaseException:
    """Add to the failure of a file or another process how to go on; other failures speak for themselves."""
    kept = f"what was learned before is kept; go on with {resume_command(experiment, processes=group.size)}"
    if isinstance(stop, GroupError):
        return TrainingError(f"{stop}; {kept}")
    if not isinstance(stop, OSError) or stop.filename is None:
        return stop
    return TrainingError(f"{stop.strerror}; {kept}", path=stop.filename)
