"""What a run measured: rows, which one is better, the table, and when validation is worth reading."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genrebench.backend.protocol import BatchMetrics
from genrebench.errors import ModelError
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.layers import BatchNormalization, Dense, Flatten
from genrebench.training.history import EpochMetrics, log_csv, read_log, settling_steps

ROW = EpochMetrics(1, 0.0, 0.0, validation_loss=1.0, validation_accuracy=0.5, seconds=0.25, saved=True)


def test_epochs_are_compared_by_accuracy_then_loss() -> None:
    """A higher accuracy wins; at equal accuracy the lower loss; equal epochs do not."""
    assert ROW.improves_on(None)
    assert not ROW.improves_on(ROW)
    assert replace(ROW, validation_loss=0.9).improves_on(ROW)
    assert replace(ROW, validation_accuracy=0.6, validation_loss=9.0).improves_on(ROW)
    assert not replace(ROW, validation_accuracy=0.4, validation_loss=0.1).improves_on(ROW)


def test_epochs_are_compared_by_tracks_first_where_these_are_what_counts() -> None:
    """Then as without them; a row of before tracks were measured loses."""
    row = replace(ROW, validation_track_accuracy=0.5)
    more = replace(row, validation_track_accuracy=0.6, validation_accuracy=0.1, validation_loss=9.0)
    assert more.improves_on(row, "best-track")
    assert not row.improves_on(more, "best-track")
    assert not more.improves_on(row, "best")
    assert replace(row, validation_accuracy=0.6, validation_loss=9.0).improves_on(row, "best-track")
    assert replace(row, validation_loss=0.9).improves_on(row, "best-track")
    assert not row.improves_on(row, "best-track")
    assert row.improves_on(ROW, "best-track")


def test_other_rules_keep_the_lowest_loss_or_the_last_epoch() -> None:
    """Whatever the accuracy; the first epoch is kept by each."""
    worse = replace(ROW, validation_accuracy=0.1, validation_loss=0.9)
    assert worse.improves_on(ROW, "best-loss")
    assert not worse.improves_on(ROW, "best")
    assert not replace(ROW, validation_accuracy=0.9).improves_on(ROW, "best-loss")
    assert replace(ROW, validation_accuracy=0.1, validation_loss=9.0).improves_on(ROW, "last")
    assert all(ROW.improves_on(None, keep) for keep in ("best", "best-loss", "last"))


def test_an_epoch_is_the_mean_over_its_segments() -> None:
    """A batch counts by its size; validation is that of the logits."""
    steps = [BatchMetrics(4, 1.0, 2), BatchMetrics(1, 6.0, 1)]
    logits, tracks = np.array([[0, 0], [0, 3], [1, 0]], np.float32), np.array(["a", "b", "b"])
    row = EpochMetrics.measured(3, steps, logits, np.array([0, 1, 1]), tracks, 1.23456)
    assert (row.epoch, row.train_loss, row.train_accuracy, row.seconds) == (3, 2.0, 0.6, 1.235)
    losses = [np.log(2), np.log(1 + np.exp(-3)), np.log(1 + np.e)]
    assert row.validation_loss == pytest.approx(np.mean(losses))
    assert (row.validation_accuracy, row.validation_track_accuracy, row.saved) == (2 / 3, 1.0, False)


def test_the_table_has_one_row_per_epoch() -> None:
    """With the names of the fields above."""
    lines = log_csv([ROW, replace(ROW, epoch=2, saved=False)]).decode().splitlines()
    assert lines[0] == (
        "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds,saved,validation_track_accuracy"
    )
    assert lines[1:] == ["1,0.0,0.0,1.0,0.5,0.25,True,", "2,0.0,0.0,1.0,0.5,0.25,False,"]


def test_the_table_is_read_back_to_the_last_bit(tmp_path: Path) -> None:
    """Also what has no short decimal form."""
    rows = [replace(ROW, train_loss=0.1 + 0.2, seconds=1 / 3), replace(ROW, epoch=2, validation_track_accuracy=0.1)]
    (tmp_path / "log.csv").write_bytes(log_csv(rows))
    assert read_log(tmp_path / "log.csv") == rows


@pytest.mark.parametrize("content", ["a,b\n1,2\n", log_csv([ROW]).decode().replace("True", "yes"), "\xff"])
def test_another_table_is_refused(tmp_path: Path, content: str) -> None:
    """In one line that names the file."""
    (tmp_path / "log.csv").write_text(content, encoding="latin-1")
    with pytest.raises(ModelError, match=r"log\.csv: expected the log of a run, received something else"):
        read_log(tmp_path / "log.csv")


@pytest.mark.parametrize(("momentum", "steps"), [(0.99, 299), (0.9, 29), (0.0, 0)])
def test_running_statistics_settle_by_their_momentum(momentum: float, steps: int) -> None:
    """After these steps less than 5 % of the initial values is left, one step earlier more."""
    architecture = Architecture((4, 4, 1), (Flatten(), BatchNormalization(momentum=momentum), Dense(2)))
    assert settling_steps(architecture) == steps
    assert momentum**steps <= 0.05 < momentum ** (steps - 1) if steps else True


def test_the_slowest_statistics_count_and_others_do_not() -> None:
    """The genre network needs 299 steps, one without batch normalization none."""
    assert settling_steps(genre_cnn()) == 299
    assert settling_steps(Architecture((4, 4, 1), (Flatten(), Dense(2)))) == 0
