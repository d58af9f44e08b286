"""Models: the preprocessing of training, aggregated probabilities, the same answer every time, parts that fit."""

import dataclasses
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from genrebench.audio.mel import segment_spectrograms
from genrebench.audio.standardize import Standardizer
from genrebench.data.dataset import load_dataset
from genrebench.errors import AudioError, BackendError, ConfigError, ModelError
from genrebench.model import prediction as predictions
from genrebench.model.model import Model
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.numerics import log_softmax
from tests.conftest import GENRES, SMALL, Recorder

pytest.importorskip("torch")
ROOT = Path(__file__).parents[2]


def model(seed: int = 0) -> Model:
    """Make an untrained model of the small dataset."""
    architecture = genre_cnn(SMALL.shape, 3)
    return Model(
        architecture=architecture,
        weights=architecture.initial_weights(seed),
        mel=SMALL,
        standardizer=Standardizer(-40.0, 20.0),
        genres=GENRES,
        device="cpu",
    )


def test_inference_sees_what_training_saw_bit_for_bit(small_dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network's input for a recording is the standardized tree, written by other processes, to the last bit."""
    mine = model()
    seen: list[np.ndarray] = []
    logits = mine.network.logits

    def spy(x: np.ndarray) -> np.ndarray:
        """Note what the network is given."""
        seen.append(x.copy())
        return logits(x)

    monkeypatch.setattr(mine.network, "logits", spy)
    data = load_dataset(small_dataset)
    for path in sorted((small_dataset / "genres_original").rglob("*.wav")):
        seen.clear()
        prediction = mine.predict(path)
        of_track = data.tracks == f"{path.parent.name}/{path.stem}"
        expected = mine.standardizer.apply(data.spectrograms[of_track])[..., None]
        np.testing.assert_array_equal(np.concatenate(seen), expected)
        assert prediction.segments == 4


def test_probabilities_are_aggregated_over_all_segments(record: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty seconds, far more than training's two, by the mean log-probability, in batches of any size."""
    path = record("song.flac")
    mine = model()
    prediction = mine.predict(path)
    assert prediction.segments == 60
    x = mine.standardizer.apply(np.stack(list(segment_spectrograms(path, SMALL))))[..., None]
    mean = log_softmax(mine.network.logits(x)).mean(axis=0)
    expected = np.exp(mean) / np.exp(mean).sum()
    by_name = dict(zip(GENRES, expected, strict=True))
    assert list(prediction.probabilities) == sorted(GENRES, key=lambda genre: -by_name[genre])
    assert prediction.genre == max(GENRES, key=lambda genre: by_name[genre])
    assert prediction.probability == prediction.probabilities[prediction.genre]
    assert list(prediction.probabilities.values()) == pytest.approx(sorted(expected, reverse=True), rel=1e-5)
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    monkeypatch.setattr(predictions, "BATCH", 7)
    assert mine.predict(path).probabilities == pytest.approx(prediction.probabilities, rel=1e-4)


@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_a_timeline_says_where_in_the_recording_each_answer_lies(
    overlap: float, record: Recorder, music: np.ndarray
) -> None:
    """Half a second each, without what is silent; the answer for the recording is the same with it and without."""
    samples = music[: int(22050 * 4.4)].copy()
    samples[int(0.9 * 22050) : int(2.1 * 22050)] = 0
    path = record("song.wav", samples)
    mine = dataclasses.replace(model(), overlap=overlap)
    prediction = mine.predict(path, timeline=True)
    assert len(prediction.timeline) == prediction.segments
    starts = [segment.start for segment in prediction.timeline]
    assert starts == sorted(starts)
    if not overlap:
        assert starts == [0, 0.5, 2, 2.5, 3, 3.5, 4]
    assert prediction.timeline[-1].end == pytest.approx(4.4, abs=1e-3)
    plain = mine.predict(path)
    assert plain.timeline == ()
    assert plain.probabilities == prediction.probabilities


def test_spectrograms_are_classified_each_on_its_own(small_dataset: Path) -> None:
    """One row of probabilities for each, also of none; another shape than the network's input is refused."""
    mine, data = model(), load_dataset(small_dataset)
    probabilities = mine.predict_spectrograms(data.spectrograms)
    logits = mine.network.logits(mine.standardizer.apply(data.spectrograms)[..., None])
    np.testing.assert_allclose(probabilities, np.exp(log_softmax(logits)), rtol=1e-4)
    assert mine.predict_spectrograms(data.spectrograms[:0]).shape == (0, 3)
    with pytest.raises(ConfigError, match=r"expected spectrograms \(n, 32, 16\), received \(48, 31, 16\)"):
        mine.predict_spectrograms(data.spectrograms[:, 1:])


def test_a_recording_gets_the_same_answer_alone_and_among_others(record: Recorder) -> None:
    """What was classified before does not matter, and dropout is off."""
    first, second = record("a.wav"), record("b.mp3")
    mine = model()
    alone = mine.predict(first)
    mine.predict(second)
    assert mine.predict(first) == alone
    assert model().predict(first) == alone


def test_a_saved_and_reloaded_model_gives_the_same_probabilities(tmp_path: Path, record: Recorder) -> None:
    """To the last bit."""
    path = record("a.wav")
    model().save(tmp_path / "m")
    again = Model.load(tmp_path / "m", device="cpu").predict(path)
    assert again == model().predict(path)
    assert model(seed=1).predict(path).probabilities != again.probabilities


def test_another_backend_gives_the_same_genre(record: Recorder) -> None:
    """The network belongs to the copy that was asked for it; an unknown backend is an error before any decoding."""
    path, mine = record("a.wav"), model()
    here = mine.predict(path)
    elsewhere = dataclasses.replace(mine, backend="numpy", device="auto")
    assert elsewhere.network is not mine.network
    assert elsewhere.predict(path).probabilities == pytest.approx(here.probabilities, rel=1e-3)
    with pytest.raises(BackendError, match="received 'nonesuch'"):
        dataclasses.replace(mine, backend="nonesuch").predict_many([path])


def test_strings_are_paths(record: Recorder, tmp_path: Path) -> None:
    """At every border."""
    path = record("a.wav")
    model().save(str(tmp_path / "m"))
    again = Model.load(str(tmp_path / "m"), device="cpu")
    assert again.predict(str(path)) == again.predict(path)
    assert list(again.predict_many([str(path)])) == [again.predict(path)]


def test_a_recording_that_cannot_be_classified_is_an_error(record: Recorder) -> None:
    """Silence has no genre."""
    path = record("silent.wav", np.zeros(60000, np.float32))
    with pytest.raises(AudioError, match="silence"):
        model().predict(path)


def test_a_recording_that_cannot_be_classified_does_not_disturb_the_others(record: Recorder, tmp_path: Path) -> None:
    """Answers come in order, errors in their places; what an unreadable end leaves behind is not the next one's."""
    good, other = record("a.wav"), record("b.flac")
    noise = np.random.default_rng(0).normal(scale=0.1, size=200_000).astype(np.float32)
    spoiled = record("spoiled.wav", np.append(noise, np.nan).astype(np.float32), subtype="FLOAT")
    mine = model()
    answers = list(mine.predict_many([good, tmp_path / "absent.wav", spoiled, other]))
    assert answers[0] == mine.predict(good)
    assert answers[3] == mine.predict(other)
    assert [type(each) for each in answers[1:3]] == [AudioError, AudioError]
    assert "absent.wav" in str(answers[1])
    assert "NaN" in str(answers[2])


def test_a_reader_may_leave_early(record: Recorder) -> None:
    """The thread that decodes ahead ends with the generator."""
    before = set(threading.enumerate())
    answers = model().predict_many([record("a.wav")] * 50)
    next(answers)
    answers.close()
    assert set(threading.enumerate()) <= before


def test_a_model_without_mel_settings_takes_no_recording() -> None:
    """Trained on another program's tree, it cannot know how to prepare one; spectrograms it takes."""
    mine = dataclasses.replace(model(), mel=None, folder=Path("m"))
    with pytest.raises(ModelError, match=r"m: expected a model that knows.*tree without a manifest"):
        mine.predict_many(["a.wav"])
    assert mine.predict_spectrograms(np.zeros((1, *SMALL.shape), np.float32)).shape == (1, 3)


def test_parts_that_do_not_fit_make_no_model() -> None:
    """The number of genres and the spectrograms' shape are checked before anything is saved."""
    with pytest.raises(ConfigError, match="genres"):
        dataclasses.replace(model(), genres=("a", "b"))
    with pytest.raises(ConfigError, match="mel"):
        dataclasses.replace(model(), architecture=genre_cnn((64, 64), 3))


def test_reading_a_model_imports_no_framework() -> None:
    """The recorded run is read and described at once; its genres are GTZAN's."""
    code = (
        "import sys, genrebench as gb; model = gb.load('results/gtzan_mini'); print(model, model.genres[0]); "
        "assert not {'torch', 'keras', 'tensorflow', 'jax', 'librosa', 'joblib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "Model('results/gtzan_mini': 475,594 parameters, 128 x 130, 10 genres) blues\n"


DAMAGED: dict[str, tuple[dict[str, float], Standardizer]] = {
    "a deviation that makes all inputs infinite": ({}, Standardizer(-40.0, 1e-38)),
    "a mean beyond float32": ({}, Standardizer(1e308, 20.0)),
    "kernels that overflow": ({"conv2d/kernel": 3e38}, Standardizer(-40.0, 20.0)),
    "a bias that overflows with the kernels": ({"dense/bias": 3e38, "dense_1/kernel": 3e38}, Standardizer(-40.0, 20.0)),
    "a negative variance": ({"batch_normalization/moving_variance": -1.0}, Standardizer(-40.0, 20.0)),
}


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("backend", ["torch", "numpy"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of the overflow
def test_nan_is_no_answer(damage: str, backend: str, record: Recorder) -> None:
    """A model that gives NaN or infinity is refused with its name, whatever damaged it."""
    values, standardizer = DAMAGED[damage]
    mine = model()
    weights = mine.weights | {name: np.full_like(mine.weights[name], value) for name, value in values.items()}
    damaged = dataclasses.replace(mine, weights=weights, standardizer=standardizer, backend=backend)
    with pytest.raises(ModelError, match="model: expected finite numbers from the network"):
        damaged.predict(record("a.wav"))


def test_a_backend_that_answers_in_another_shape_is_refused(record: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row too few is not taken for the recording's end."""
    mine = model()
    logits = mine.network.logits
    monkeypatch.setattr(mine.network, "logits", lambda x: logits(x)[1:])
    with pytest.raises(ModelError, match="another shape"):
        mine.predict(record("a.wav"))
