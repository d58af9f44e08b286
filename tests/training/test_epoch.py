"""What an epoch consists of."""

import numpy as np
import pytest

from genrebench.training import Experiment, train
from genrebench.training.epoch import crops_per_track, first_of_each
from genrebench.training.history import EpochMetrics
from genrebench.training.state import Callback, LoopState


class Counting(Callback):
    """Counts the segments of each epoch."""

    def __init__(self) -> None:
        """Have seen none."""
        self.seen: list[int] = []
        self.now = 0

    def on_step(self, state: LoopState, metrics: object) -> None:
        """Count those of a step."""
        self.now += metrics.size  # type: ignore[attr-defined]

    def on_epoch(self, state: LoopState, metrics: EpochMetrics) -> None:
        """Begin anew."""
        self.seen.append(self.now)
        self.now = 0


@pytest.mark.parametrize("crops", [0, 2, 1000])
def test_an_epoch_has_all_segments_or_some_crops_of_each_track(tiny: Experiment, crops: int) -> None:
    """And never more than there are segments."""
    counting = Counting()
    train(tiny.override({"augment.crops": crops, "training.epochs": 2}), callbacks=[counting])
    plain = Counting()
    data: list[tuple[int, int]] = []

    class Look(Callback):
        """Looks at the data."""

        def on_start(self, state: LoopState) -> None:
            """Count segments and tracks."""
            rows = state.data.split.train
            data.append((len(rows), len(set(state.data.dataset.tracks[rows].tolist()))))

    train(tiny.override({"name": "plain", "training.epochs": 1}), callbacks=[plain, Look()])
    segments, tracks = data[0]
    assert plain.seen == [segments]
    assert counting.seen == [segments if crops in (0, 1000) else 2 * tracks] * 2


def test_few_tracks_get_more_crops() -> None:
    """As many as make seven batches; segments of the same tracks are asked for after four; a number stays as given."""
    told = Experiment(name="crops")
    assert [crops_per_track(told, tracks) for tracks in (1, 40, 64, 128, 443, 10_000)] == [448, 11, 7, 4, 2, 2]
    leaky = told.override({"split.protocol": "segment"})
    assert [crops_per_track(leaky, tracks) for tracks in (40, 443, 10_000)] == [11, 4, 4]
    assert crops_per_track(told.override({"training.batch_size": 5}), 6) == 6
    assert [crops_per_track(leaky.override({"augment.crops": crops}), 40) for crops in (0, 3)] == [0, 3]


def test_which_segments_are_kept_is_random_and_their_order_stays() -> None:
    """Two of each track, and all of one that has fewer."""
    tracks = np.repeat(["a", "b", "c"], [5, 4, 1])
    order = np.random.default_rng(0).permutation(10)
    kept = first_of_each(order, tracks, 2)
    assert sorted(tracks[kept].tolist()) == ["a", "a", "b", "b", "c"]
    places = [order.tolist().index(each) for each in kept]
    assert places == sorted(places)
    for name in "ab":
        assert [each for each in order if tracks[each] == name][:2] == [each for each in kept if tracks[each] == name]
