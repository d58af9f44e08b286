"""The picture of a timeline: sound where there is sound, a bar for each segment, names where there is room."""

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest

from genrebench.errors import AudioError
from genrebench.model import picture
from genrebench.model.picture import timeline_picture
from genrebench.model.prediction import Prediction, Segment
from tests.conftest import SMALL, Recorder

RATE = 22050


def predicted(path: Path, *genres: str, seconds: float = 0.5) -> Prediction:
    """Make a prediction whose segments have some genres."""
    timeline = tuple(
        Segment(number * seconds, (number + 1) * seconds, {genre: 0.9} | dict.fromkeys({*genres} - {genre}, 0.01))
        for number, genre in enumerate(genres)
    )
    return Prediction(path, len(genres), timeline[0].probabilities, timeline=timeline)


def test_a_picture_is_drawn_of_any_recording(record: Recorder) -> None:
    """One segment, more genres than there are colors, names that matplotlib would take for formulas."""
    path = record("$a$_b.wav", np.sin(np.arange(RATE * 12) / 5).astype(np.float32))
    names = [f"$genre_{number}" for number in range(23)]
    for genres in (["rock"], names, ["_hidden", "_hidden"]):
        image = read_png(timeline_picture(dataclasses.replace(predicted(path, *genres), uncertain=True), SMALL))
        assert image.shape[:2] == (660, 1500)
        assert image[..., :3].std() > 0.05


def read_png(content: bytes) -> np.ndarray:
    """Read a PNG's pixels."""
    from matplotlib.image import imread

    pixels: np.ndarray = imread(io.BytesIO(content))
    return pixels


@pytest.mark.parametrize("columns", [8, 1600])
def test_the_spectrogram_is_that_of_the_whole_recording(
    columns: int, record: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is softer is darker, which a segment's own spectrogram would not show; silence is the floor."""
    monkeypatch.setattr(picture, "_COLUMNS", columns)
    samples = np.sin(np.arange(RATE * 4) / 5).astype(np.float32)
    samples[RATE : 2 * RATE] *= 0.01
    samples[int(1.9 * RATE) : int(3.1 * RATE)] = 0
    decibels = picture._spectrogram(predicted(record("a.wav", samples), *["rock"] * 8), SMALL)
    assert decibels.shape[0] == SMALL.n_mels
    assert decibels.shape[1] <= columns
    loudness = [part.max() for part in np.array_split(decibels, 8, axis=1)]
    assert loudness[0] == pytest.approx(0, abs=1)
    assert loudness[2] == pytest.approx(-40, abs=3)
    assert loudness[5] == -80
    assert loudness[7] == pytest.approx(0, abs=1)


def test_bars_end_where_the_next_one_begins() -> None:
    """Windows overlap, bars do not; across silence there is none."""
    spans = [(0.0, 3.0), (1.5, 4.5), (6.0, 9.0)]
    timeline = tuple(Segment(start, end, {"rock": 1.0}) for start, end in spans)
    assert [bar[:2] for bar in picture._bars(timeline)] == [(0.0, 1.5), (1.5, 4.5), (6.0, 9.0)]
    assert list(picture._runs(timeline)) == [(0.0, 4.5, "rock"), (6.0, 9.0, "rock")]


def test_neighbors_of_one_genre_have_one_name() -> None:
    """Another genre between them begins a new run."""
    found = list(picture._runs(predicted(Path("a"), "rock", "rock", "jazz", "rock").timeline))
    assert found == [(0.0, 1.0, "rock"), (1.0, 1.5, "jazz"), (1.5, 2.0, "rock")]


def test_a_recording_that_went_away_is_named(tmp_path: Path) -> None:
    """It is decoded once more for the picture."""
    with pytest.raises(AudioError, match=r"gone\.wav"):
        timeline_picture(predicted(tmp_path / "gone.wav", "rock"), SMALL)
