"""Inference: the preprocessing of training, the joined probabilities, and the same answer every time."""

import threading
from pathlib import Path

import numpy as np
import pytest

from genrebench.audio.mel import segment_spectrograms
from genrebench.audio.recordings import find_recordings
from genrebench.audio.standardize import Standardizer
from genrebench.data.dataset import load_dataset
from genrebench.errors import AudioError, ModelError
from genrebench.model import classifier as inference
from genrebench.model.classifier import GenreClassifier
from genrebench.model.saved import ModelSpec, SavedModel, load_model, save_document, save_weights
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.numerics import log_softmax
from tests.conftest import GENRES, SMALL, Recorder

pytest.importorskip("torch")


def model(seed: int = 0) -> SavedModel:
    """Make an untrained model of the small dataset."""
    spec = ModelSpec(genre_cnn(SMALL.shape, 3), SMALL, Standardizer(-40.0, 20.0), GENRES)
    return SavedModel(Path("nowhere"), spec, spec.architecture.initial_weights(seed), {})


def test_inference_hears_what_training_saw_bit_for_bit(small_dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network's input for a recording is the standardized tree, written by other processes, to the last bit."""
    classifier = GenreClassifier(model(), device="cpu")
    seen: list[np.ndarray] = []
    network = classifier._network
    logits = network.logits

    def spy(x: np.ndarray) -> np.ndarray:
        """Note what the network is given."""
        seen.append(x.copy())
        return logits(x)

    monkeypatch.setattr(network, "logits", spy)
    data = load_dataset(small_dataset)
    for path in sorted((small_dataset / "genres_original").rglob("*.wav")):
        seen.clear()
        prediction = classifier.predict(path)
        rows = data.tracks == f"{path.parent.name}/{path.stem}"
        expected = model().spec.standardizer.apply(data.spectrograms[rows])[..., None]
        np.testing.assert_array_equal(np.concatenate(seen), expected)
        assert prediction.segments == 4


def test_probabilities_are_joined_over_all_segments(record: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty seconds, far more than training's two, by the mean log-probability, in batches of any size."""
    path = record("song.flac")
    mine = model()
    classifier = GenreClassifier(mine, device="cpu")
    prediction = classifier.predict(path)
    assert prediction.segments == 60
    x = mine.spec.standardizer.apply(np.stack(list(segment_spectrograms(path, SMALL))))[..., None]
    mean = log_softmax(classifier._network.logits(x)).mean(axis=0)
    expected = np.exp(mean) / np.exp(mean).sum()
    by_name = dict(zip(GENRES, expected, strict=True))
    assert list(prediction.probabilities) == sorted(GENRES, key=lambda genre: -by_name[genre])
    assert prediction.genre == max(GENRES, key=lambda genre: by_name[genre])
    assert list(prediction.probabilities.values()) == pytest.approx(sorted(expected, reverse=True), rel=1e-5)
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    monkeypatch.setattr(inference, "_BATCH", 7)
    assert classifier.predict(path).probabilities == pytest.approx(prediction.probabilities, rel=1e-4)


def test_a_recording_gets_the_same_answer_alone_and_among_others(record: Recorder) -> None:
    """What was heard before does not matter, and dropout is off."""
    first, second = record("a.wav"), record("b.mp3")
    classifier = GenreClassifier(model(), device="cpu")
    alone = classifier.predict(first)
    classifier.predict(second)
    assert classifier.predict(first) == alone
    assert GenreClassifier(model(), device="cpu").predict(first) == alone


def test_a_saved_and_reloaded_model_gives_the_same_probabilities(tmp_path: Path, record: Recorder) -> None:
    """To the last bit."""
    mine, path = model(), record("a.wav")
    digest = save_weights(tmp_path / "weights.safetensors", mine.weights)
    save_document(tmp_path, mine.spec, {"status": "finished", "weights": {"epoch": 1, "sha256": digest}})
    again = GenreClassifier(load_model(tmp_path), device="cpu").predict(path)
    assert again == GenreClassifier(mine, device="cpu").predict(path)
    assert GenreClassifier(model(seed=1), device="cpu").predict(path).probabilities != again.probabilities


def test_a_recording_that_cannot_be_heard_is_an_error(record: Recorder) -> None:
    """Silence has no genre."""
    path = record("silent.wav", np.zeros(60000, np.float32))
    with pytest.raises(AudioError, match="silence"):
        GenreClassifier(model(), device="cpu").predict(path)


def test_a_recording_that_cannot_be_heard_does_not_disturb_the_others(record: Recorder, tmp_path: Path) -> None:
    """Answers come in order, errors in their places; what an unreadable end leaves behind is not the next one's."""
    good, other = record("a.wav"), record("b.flac")
    noise = np.random.default_rng(0).normal(scale=0.1, size=200_000).astype(np.float32)
    spoiled = record("spoiled.wav", np.append(noise, np.nan).astype(np.float32), subtype="FLOAT")
    classifier = GenreClassifier(model(), device="cpu")
    answers = list(classifier.predict_all([good, tmp_path / "absent.wav", spoiled, other]))
    assert answers[0] == classifier.predict(good)
    assert answers[3] == classifier.predict(other)
    assert [type(each) for each in answers[1:3]] == [AudioError, AudioError]
    assert "absent.wav" in str(answers[1])
    assert "NaN" in str(answers[2])


def test_a_reader_may_leave_early(record: Recorder) -> None:
    """The thread that decodes in advance ends with the generator."""
    answers = GenreClassifier(model(), device="cpu").predict_all([record("a.wav")] * 50)
    next(answers)
    answers.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "genrebench-prefetch"]


def test_a_model_without_mel_settings_hears_nothing() -> None:
    """Trained on another program's tree, it cannot know how to prepare a recording."""
    known = model()
    spec = ModelSpec(known.spec.architecture, None, known.spec.standardizer, GENRES)
    with pytest.raises(ModelError, match="tree without a manifest"):
        GenreClassifier(SavedModel(Path("m"), spec, known.weights, {}))


def test_folders_are_searched_and_files_taken_as_they_are(tmp_path: Path) -> None:
    """Natural order, subfolders, no hidden and no other files; an empty folder is an error."""
    for name in ("b/10.wav", "b/9.MP3", "b/._9.wav", "b/notes.txt", "a.flac"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = list(find_recordings([tmp_path, tmp_path / "b" / "notes.txt"]))
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["a.flac", "b/9.MP3", "b/10.wav", "b/notes.txt"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(AudioError, match="found none"):
        list(find_recordings([tmp_path / "empty"]))
