"""Rows: promised keys in plain JSON types, and what tells two models apart."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from genrebench.audio.mel import MelConfig
from genrebench.audio.standardize import Standardizer
from genrebench.errors import AudioError
from genrebench.model.calibration import Calibration
from genrebench.model.model import Model
from genrebench.model.prediction import Prediction
from genrebench.model.rows import clock, failure_row, fingerprint, model_row, prediction_row
from genrebench.network.genre_cnn import genre_cnn
from tests.conftest import GENRES, SMALL

LOGS = np.log([[0.2, 0.5, 0.3], [0.1, 0.2, 0.7]])
PREDICTION = Prediction.of_segments(Path("a.wav"), LOGS, GENRES, ["cut short"], spans=[(0, 1 / 3), (1 / 3, 0.5)])


def test_a_row_has_the_promised_keys() -> None:
    """In this order; notes and a timeline only where there are any; all of it plain JSON."""
    row = prediction_row(PREDICTION)
    assert list(row) == ["path", "genre", "probability", "uncertain", "probabilities", "segments", "notes"]
    assert "notes" not in prediction_row(dataclasses.replace(PREDICTION, notes=()))
    timed = prediction_row(PREDICTION, timeline=True)
    assert list(timed) == [*row, "timeline"]
    assert list(timed["timeline"][0]) == ["start", "end", "genre", "probability", "probabilities"]
    assert [(each["start"], each["end"], each["genre"]) for each in timed["timeline"]] == [
        (0, 0.333333, "disco"),
        (0.333333, 0.5, "metal"),
    ]
    assert json.loads(json.dumps(timed)) == timed


def test_fewer_genres_are_the_most_probable_ones() -> None:
    """Of the recording, and of each segment; the others are not there."""
    row = prediction_row(PREDICTION, top_k=1, timeline=True)
    assert row["probabilities"] == {"metal": row["probability"]}
    assert [list(each["probabilities"]) for each in row["timeline"]] == [["disco"], ["metal"]]


def test_a_failure_names_the_recording_or_what_its_error_names() -> None:
    """The reason is the whole message."""
    error = AudioError("cannot be decoded", path="a.wav")
    assert failure_row(error) == {"path": "a.wav", "error": "a.wav: cannot be decoded"}
    assert failure_row(error, Path("b.wav"))["path"] == "b.wav"


def test_another_version_is_whatever_answers_otherwise() -> None:
    """Weights, genres, preprocessing, overlap, calibration; where the model lies plays no part."""
    architecture = genre_cnn(SMALL.shape, 3)
    model = Model(
        architecture=architecture,
        weights=architecture.initial_weights(0),
        mel=SMALL,
        standardizer=Standardizer(-40.0, 20.0),
        genres=GENRES,
    )
    others = [
        dataclasses.replace(model, **{name: value})  # type: ignore[arg-type]
        for name, value in {
            "weights": architecture.initial_weights(1),
            "mel": dataclasses.replace(SMALL, track_duration=4.0, segments=8),
            "standardizer": Standardizer(-41.0, 20.0),
            "genres": GENRES[::-1],
            "overlap": 0.5,
            "calibration": Calibration(track_temperature=2.0),
        }.items()
    ]
    assert isinstance(SMALL, MelConfig)
    assert len({fingerprint(each) for each in (model, *others)}) == 7
    moved = dataclasses.replace(model, folder=Path("results/gtzan"))
    assert fingerprint(moved) == fingerprint(model)
    assert model_row(moved) == {"model": "gtzan", "model_version": fingerprint(model)[:16]}
    assert model_row(model)["model"] == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00.0"), (59.96, "1:00.0"), (3599.94, "59:59.9"), (3600, "1:00:00.0"), (36000.5, "10:00:00.5")],
)
def test_times_are_read_as_on_a_clock(seconds: float, text: str) -> None:
    """Rounded, never to 60 seconds."""
    assert clock(seconds) == text
