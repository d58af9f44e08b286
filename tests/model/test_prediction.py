"""What a model makes of a recording: aggregation, and batches that keep recordings apart."""

from pathlib import Path

import numpy as np
import pytest

from genrebench.errors import AudioError
from genrebench.model import prediction as predictions
from genrebench.model.calibration import Calibration
from genrebench.model.prediction import Ending, Prediction, spectrogram_batches
from tests.conftest import SMALL, Recorder


def test_segments_are_aggregated_by_their_mean_log_probability() -> None:
    """The most probable genre comes first; probabilities sum to 1; equal ones keep the order of the genres."""
    segments = np.log([[0.2, 0.4, 0.4], [0.1, 0.45, 0.45]])
    prediction = Prediction.of_segments(Path("a.wav"), segments, ("blues", "jazz", "rock"))
    assert list(prediction.probabilities) == ["jazz", "rock", "blues"]
    assert (prediction.genre, prediction.segments) == ("jazz", 2)
    means = np.sqrt([0.4 * 0.45, 0.4 * 0.45, 0.2 * 0.1])
    assert list(prediction.probabilities.values()) == pytest.approx(means / means.sum())
    assert prediction.probability == prediction.probabilities["jazz"]


def test_a_calibrated_model_is_as_sure_as_it_may_be() -> None:
    """The aggregated log-probabilities are divided by the temperature; the answer stays, and may be uncertain."""
    segments, genres = np.log([[0.2, 0.8], [0.2, 0.8]]), ("blues", "jazz")
    calibration = Calibration(track_temperature=2.0, uncertain_below=0.7)
    prediction = Prediction.of_segments(Path("a.wav"), segments, genres, calibration=calibration)
    assert prediction.probabilities == pytest.approx({"jazz": 2 / 3, "blues": 1 / 3})
    assert prediction.uncertain
    plain = Prediction.of_segments(Path("a.wav"), segments, genres)
    assert plain.probability == pytest.approx(0.8)
    assert not plain.uncertain


def test_a_timeline_has_each_segment_with_its_place() -> None:
    """In order, with all genres, by the temperature of segments; it is not there unless it was asked for."""
    logs, genres = np.log([[0.2, 0.8], [0.8, 0.2]]), ("blues", "jazz")
    calibration = Calibration(segment_temperature=2.0)
    spans = [(0.0, 3.0), (6.0, 8.5)]
    first, second = Prediction.of_segments(Path("a"), logs, genres, calibration=calibration, spans=spans).timeline
    assert (first.start, first.end, first.genre) == (0.0, 3.0, "jazz")
    assert (second.start, second.end, second.genre) == (6.0, 8.5, "blues")
    assert second.probabilities == pytest.approx({"blues": 2 / 3, "jazz": 1 / 3})
    assert second.probability == second.probabilities["blues"]
    assert Prediction.of_segments(Path("a"), logs, genres).timeline == ()


def test_a_batch_holds_segments_of_one_recording(
    record: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty segments in batches of 25, then the end; what cannot be read ends with its reason."""
    monkeypatch.setattr(predictions, "BATCH", 25)
    song, absent = record("a.wav"), tmp_path / "absent.wav"
    found = list(spectrogram_batches([song, absent], SMALL))
    assert [path for path, _ in found] == [song] * 4 + [absent]
    assert [batch.shape[0] for _, batch in found[:3] if isinstance(batch, np.ndarray)] == [25, 25, 10]
    assert found[3][1] == Ending([], [(number / 2, (number + 1) / 2) for number in range(60)])
    assert isinstance(found[4][1], AudioError)
    assert found[4][1].path == absent
