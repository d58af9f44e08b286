"""One epoch: every segment of the training part once, or some crops of each track, then the validation part."""

import math
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.blocks import rows_of_tracks
from genrebench.backend.protocol import BatchMetrics
from genrebench.system.interrupts import interrupts_deferred
from genrebench.training.augment import Augmenter
from genrebench.training.batches import augmented_steps, batch_sizes, predict, train_steps
from genrebench.training.config import Experiment
from genrebench.training.distributed import wait_for_all
from genrebench.training.health import guessing_note, went_wrong
from genrebench.training.history import EpochMetrics
from genrebench.training.state import Callback, LoopState, consecutive, tell

# Least steps of an epoch: fewer, and 300 epochs are too few for batch normalization's running statistics to settle.
_STEPS = 7
# Least windows of each track in an epoch: from one, less is learned of tracks by other artists, and more is rather
# learned by heart, which serves where segments of the same tracks are asked for.
_CROPS, _LEAKY_CROPS = 2, 4


def train_epoch(state: LoopState, callbacks: Sequence[Callback]) -> None:
    """Train on every segment of the training part once, or on crops of each track, then measure the validation part.

    Parameters
    ----------
    callbacks : sequence of Callback
        What is told of steps and epoch.

    Raises
    ------
    TrainingError
        If a loss is no longer a number.
    """
    settings = state.experiment.training
    number, started = state.epoch + 1, time.perf_counter()
    steps: list[BatchMetrics] = []
    wait_for_all(state.group)  # the first may still be writing what the epoch before has learned
    with closing(_steps(state)) as made:
        for step in made:
            _require_finite(step.loss, state)
            steps.append(step)
            state.steps += 1
            if state.average:
                state.average.update(state.network.weights(), state.steps)
            for each in callbacks:
                each.on_step(state, step)
    inputs, rows, labels, tracks = state.data.held_out("validation")
    network = state.average.network() if state.average else state.network
    logits = predict(network, inputs, rows, batch_size=settings.batch_size, group=state.group)
    epoch = EpochMetrics.measured(number, steps, logits, labels, tracks, time.perf_counter() - started)
    _require_finite(epoch.validation_loss, state)
    with interrupts_deferred():
        state.history.append(replace(epoch, saved=epoch.improves_on(state.best, settings.keep)))
        for each in callbacks:
            each.on_epoch(state, state.history[-1])
    note = guessing_note(state)
    if note:
        tell(state, callbacks, note)


def _steps(state: LoopState) -> Generator[BatchMetrics, None, None]:
    """Do the steps of an epoch.

    Augmentation draws from a stream of the epoch's own, so that its state is that of no other and a resumed run goes on
    with it.
    """
    settings, data = state.experiment.training, state.data
    inputs, labels, split = data.inputs, data.dataset.labels, data.split
    order = state.order.permutation(split.train)
    augment = state.experiment.augment
    if crops := crops_per_track(state.experiment, len(np.unique(data.dataset.tracks[order]))):
        order = first_of_each(order, data.dataset.tracks, crops)
    if not augment.on:
        return train_steps(state.network, inputs, labels, order, settings.batch_size, state.group)
    runs = consecutive(split.train, data.dataset.tracks)
    augmenter = Augmenter(augment, inputs, labels, runs, len(data.dataset.genres))
    rng = np.random.default_rng([state.experiment.seed, 2, state.epoch])
    made = augmenter.batches(order, settings.batch_size, rng, state.group)
    return augmented_steps(state.network, made, batch_sizes(len(order), settings.batch_size), state.group)


def crops_per_track(experiment: Experiment, tracks: int) -> int:
    """Say how many windows of each track are in an epoch; 0 is its segments as they are.

    Parameters
    ----------
    experiment : Experiment
        What the run was told.
    tracks : int
        Tracks that are trained on.

    Examples
    --------
    >>> experiment = Experiment(name="default")
    >>> [crops_per_track(experiment, tracks) for tracks in (40, 200, 1000)]
    [11, 2, 2]
    """
    if experiment.augment.crops != "auto":
        return experiment.augment.crops
    least = _LEAKY_CROPS if experiment.split.protocol == "segment" else _CROPS
    return max(least, round(_STEPS * experiment.training.batch_size / tracks))


def first_of_each(order: NDArray[np.int64], tracks: NDArray[np.str_], count: int) -> NDArray[np.int64]:
    """Keep the first segments of each track.

    Parameters
    ----------
    order : ndarray of int64 [shape=(n,)]
        Segments in random order.
    tracks : ndarray of str [shape=(segments,)]
        Track of every segment.
    count : int
        How many are kept of a track that has as many.

    Examples
    --------
    >>> first_of_each(np.array([3, 0, 4, 1, 2]), np.array(["a", "a", "a", "b", "b"]), 1).tolist()
    [3, 0]
    """
    kept = [rows[:count] for rows in rows_of_tracks(tracks[order])]
    return order[np.sort(np.concatenate(kept))]


def _require_finite(loss: float, state: LoopState) -> None:
    """End a run whose loss is no longer a number: it would never become one again."""
    if not math.isfinite(loss):
        raise went_wrong(state, state.epoch + 1, f"expected a finite loss, received {loss}")
