"""A saved model on trees and recordings: the same answers as its own, whatever their names and order."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from genrebench.audio.recordings import Recording
from genrebench.audio.standardize import Standardizer, TrackBandStandardizer
from genrebench.data.dataset import load_dataset
from genrebench.errors import DatasetError, ModelError
from genrebench.evaluation.interventions import Intervention
from genrebench.evaluation.measure import labeled_recordings, measure_recordings, measure_tree
from genrebench.evaluation.runs import compare_changed, pool_folds, summarize
from genrebench.model.calibration import Calibration
from genrebench.model.model import Model
from genrebench.network.genre_cnn import genre_cnn
from tests.conftest import SMALL


@pytest.fixture(scope="module")
def model() -> Model:
    """Make an untrained model of four genres, of which the small dataset has three, in another order."""
    network = genre_cnn(SMALL.shape, 4)
    return Model(
        architecture=network,
        weights=network.initial_weights(0),
        mel=SMALL,
        standardizer=Standardizer(-40.0, 15.0),
        genres=("metal", "polka", "disco", "classical"),
        calibration=Calibration(segment_temperature=2.0, track_temperature=3.0),
        backend="numpy",
    )


def test_tree_and_recordings_give_the_same(model: Model, small_dataset: Path) -> None:
    """And each track's answer is the one that `Model.predict` gives."""
    recordings = labeled_recordings(small_dataset, model.genres)
    seen: list[Recording] = []
    heard, read = measure_recordings(model, recordings, on_recording=seen.append), measure_tree(model, small_dataset)
    assert seen == recordings
    assert heard.failures == {}
    np.testing.assert_array_equal(heard.tracks, read.tracks)
    np.testing.assert_allclose(heard.log_probabilities, read.log_probabilities, atol=1e-5)
    assert [model.genres[label] for label in heard.labels] == [track.partition("/")[0] for track in heard.tracks]
    scores = heard.scores()
    assert scores["genres"]["polka"]["tracks"] == 0
    assert scores["track_calibration"]["temperature"] == 3.0
    for recording in recordings[:2]:
        assert scores["predictions"][recording.key][0] == model.predict(recording.path).genre


@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_a_tree_is_measured_as_recordings_are_by_their_own_statistics_and_in_windows(
    model: Model, small_dataset: Path, overlap: float
) -> None:
    """Four segments, or seven windows, of each track."""
    model = replace(model, standardizer=TrackBandStandardizer(0.5), overlap=overlap)
    heard = measure_recordings(model, labeled_recordings(small_dataset, model.genres)[:2])
    read = measure_tree(model, small_dataset)
    count = 14 if overlap else 8
    np.testing.assert_array_equal(heard.tracks, read.tracks[:count])
    np.testing.assert_array_equal(heard.labels, read.labels[:count])
    np.testing.assert_allclose(heard.log_probabilities, read.log_probabilities[:count], atol=1e-5)


def test_only_the_tracks_of_a_list_count(model: Model, small_dataset: Path, tmp_path: Path) -> None:
    """Of a tree and of recordings."""
    (tmp_path / "list.txt").write_text("disco.00002.wav\nmetal/metal.00000\n")
    expected = {"disco/disco.00002", "metal/metal.00000"}
    assert set(measure_tree(model, small_dataset, tracks=tmp_path / "list.txt").tracks) == expected
    found = labeled_recordings(small_dataset / "genres_original", model.genres, tracks=tmp_path / "list.txt")
    assert {each.key for each in found} == expected


def test_a_recording_that_cannot_be_used_is_named(model: Model, small_dataset: Path, tmp_path: Path) -> None:
    """The others count; none at all is an error, and so are data that the model cannot know."""
    samples, rate = soundfile.read(labeled_recordings(small_dataset)[0].path)
    for genre in ("disco", "metal"):
        (tmp_path / "d" / genre / "album").mkdir(parents=True)
    soundfile.write(tmp_path / "d" / "disco" / "album" / "good.WAV", samples, rate, format="WAV")
    (tmp_path / "d" / "metal" / "bad.wav").write_bytes(b"RIFF")
    (tmp_path / "d" / "metal" / "._bad.wav").write_bytes(b"RIFF")
    recordings = labeled_recordings(tmp_path / "d", model.genres)
    measured = measure_recordings(model, recordings)
    assert set(measured.tracks) == {"disco/album - good"}
    assert measured.failures.keys() == {"metal/bad.wav"}
    with pytest.raises(DatasetError, match=r"received none of 1: .*bad\.wav"):
        measure_recordings(model, [each for each in recordings if each.genre == "metal"])
    with pytest.raises(DatasetError, match=r"expected folders of the model's genres \(metal, rock\), found disco"):
        labeled_recordings(tmp_path / "d", ("metal", "rock"))
    with pytest.raises(DatasetError, match="expected a folder of genre folders, found 1 recordings"):
        labeled_recordings(tmp_path / "d" / "metal")
    soundfile.write(tmp_path / "d" / "disco" / "album" / "good.flac", samples, rate)
    with pytest.raises(DatasetError, match="expected one recording of each name"):
        labeled_recordings(tmp_path / "d")


def test_a_tree_of_other_settings_is_refused(model: Model, small_dataset: Path) -> None:
    """By the settings, even where the shape is the same."""
    other = replace(model, mel=None)
    assert len(measure_tree(other, small_dataset).labels) == len(load_dataset(small_dataset).labels)
    with pytest.raises(ModelError, match="only such trees can be evaluated"):
        measure_recordings(other, labeled_recordings(small_dataset))
    mel = replace(SMALL, segments=2, track_duration=1.0)
    with pytest.raises(DatasetError, match="the model's settings, received segments 4 instead of 2, track_duration 2"):
        measure_tree(replace(model, mel=mel), small_dataset)


def test_a_change_of_volume_changes_no_answer(model: Model, small_dataset: Path) -> None:
    """Spectrograms are relative to their maximum; noise as loud as the music changes what is measured."""
    recordings = labeled_recordings(small_dataset)[:4]
    before = measure_recordings(model, recordings)
    quiet = measure_recordings(model, recordings, change=Intervention("gain", -12))
    np.testing.assert_allclose(quiet.log_probabilities, before.log_probabilities, atol=1e-3)
    result = compare_changed(before, quiet, "gain=-12")
    assert (result["other_answers"], result["difference"], result["p"]) == (0, 0.0, 1.0)
    noisy = measure_recordings(model, recordings, change=Intervention("noise", 0))
    assert np.abs(noisy.log_probabilities - before.log_probabilities).max() > 1e-3


def test_runs_are_summarized() -> None:
    """Mean and deviation of what all have; folds are put together, each track once."""

    def part(share: float, answers: dict[str, list[object]]) -> dict[str, object]:
        """Make the scores of a part."""
        figures = dict.fromkeys(("track_accuracy", "track_macro_f1", "segment_accuracy"), share)
        return {**figures, "track_calibration": {"ece": 0.1}, "predictions": answers}

    runs = {
        "a": {"test": part(0.4, {"x/1": ["x", 0.9], "y/1": ["x", 0.9]})},
        "b": {"test": part(0.6, {"x/2": ["x", 0.9]}), "validation": part(0.1, {})},
    }
    summary = summarize(runs)
    assert summary["names"] == ["a", "b"]
    assert summary["figures"]["test by track"]["mean"] == 0.5
    assert summary["figures"]["test by track"]["deviation"] == pytest.approx(0.02**0.5)
    assert not any(name.startswith("validation") for name in summary["figures"])
    pooled = pool_folds(list(runs.values()))
    assert (pooled["tracks"], pooled["track_accuracy"]) == (3, 2 / 3)
