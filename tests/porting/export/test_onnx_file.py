"""Files of ONNX: what they compute, what they say of themselves, and that a wrong one is not written."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.audio.decode import cut_segments
from genrebench.audio.mel import MelConfig, mel_spectrogram
from genrebench.backend import worker
from genrebench.errors import ConfigError, ModelError
from genrebench.model.model import Model
from genrebench.network.numerics import log_softmax
from genrebench.porting.export import onnx_file
from genrebench.porting.export.run import Exported, export_model
from tests import jobs
from tests.conftest import GENRES, SMALL, Recorder
from tests.porting.export.models import STANDARDIZERS, make_model

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(autouse=True)
def jobs_run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare each test an interpreter; the command's test has one."""
    monkeypatch.setattr(onnx_file, "run_job", jobs.run_here)


def run_file(exported: Exported, batch: np.ndarray) -> dict[str, np.ndarray]:
    """Run a file as any program would."""
    session = onnxruntime.InferenceSession(exported.path, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: batch}), strict=True))


def segments_of(path: Path, mel: MelConfig) -> np.ndarray:
    """Cut a recording."""
    return np.stack(list(cut_segments(path, sample_rate=mel.sample_rate, samples=mel.segment_samples)))


@pytest.mark.parametrize("kind", ["global", "band"])
def test_spectrograms_in_dB_give_what_the_model_gives(kind: str, tmp_path: Path) -> None:  # noqa: N802
    """With the standardization in the graph, for batches of any size."""
    model = replace(make_model(kind), backend="numpy")
    exported = export_model(model, tmp_path / "model.onnx", format="onnx")
    spectrograms = np.random.default_rng(1).uniform(-80, 0, (5, *SMALL.shape)).astype(np.float32)
    for count in (1, 5):
        logits = run_file(exported, spectrograms[:count])["logits"]
        expected = model.predict_spectrograms(spectrograms[:count])
        np.testing.assert_allclose(np.exp(log_softmax(logits)), expected, atol=1e-5)
    assert exported.ends["inputs"] == {"spectrogram": ["segments", *SMALL.shape]}


@pytest.mark.parametrize("kind", STANDARDIZERS)
def test_audio_gives_what_the_model_gives_for_a_recording(kind: str, tmp_path: Path, record: Recorder) -> None:
    """From samples to the recording's probabilities: front end, standardization, network, aggregation."""
    path, model = record("song.wav", rate=8000), replace(make_model(kind), backend="numpy")
    audio = segments_of(path, SMALL)[: SMALL.segments]
    exported = export_model(
        model, tmp_path / "model.onnx", format="onnx", with_frontend=True, one_recording="track" in kind, check=[path]
    )
    found = run_file(exported, audio)
    spectrograms = np.stack([mel_spectrogram(each, SMALL) for each in audio])
    assert np.abs(found["spectrogram"] - spectrograms).max() < 1e-4
    expected = model.log_probabilities(next(model.prepare([spectrograms])))
    np.testing.assert_allclose(log_softmax(found["logits"]), expected, atol=1e-4)
    assert [check.passed for check in exported.checks] == [True, True]


@pytest.mark.parametrize("kind", ["track", "track-band"])
def test_a_long_recording_is_taken_in_blocks_as_the_page_says(kind: str, tmp_path: Path) -> None:
    """The last block is a whole one, of which only what is new counts; that is what the model itself does."""
    model, size = replace(make_model(kind), backend="numpy"), SMALL.segments
    exported = export_model(model, tmp_path / "model.onnx", format="onnx", one_recording=True)
    recording = np.random.default_rng(3).uniform(-80, 0, (2 * size + 2, *SMALL.shape)).astype(np.float32)
    recording *= np.linspace(1, 0.5, len(recording), dtype=np.float32)[:, None, None]  # blocks that differ
    blocks = [recording[:size], recording[size : 2 * size], recording[-size:]]
    found = [run_file(exported, block)["logits"] for block in blocks]
    expected = np.concatenate([model.log_probabilities(each) for each in model.prepare([recording])])
    np.testing.assert_allclose(log_softmax(np.concatenate([*found[:2], found[2][-2:]])), expected, atol=1e-4)


@pytest.mark.parametrize("n_fft", [400, 600])
def test_the_front_end_takes_windows_of_any_length(n_fft: int, tmp_path: Path) -> None:
    """Not only powers of two, which are what others make of an FFT most easily."""
    mel = replace(SMALL, n_fft=n_fft, n_mels=20, segments=1)
    exported = export_model(make_model(mel=mel), tmp_path / "model.onnx", format="onnx", with_frontend=True)
    assert exported.checks[0].found < 1e-4


def test_a_segment_without_sound_is_all_floor(tmp_path: Path) -> None:
    """As it is in a spectrogram."""
    exported = export_model(make_model(), tmp_path / "model.onnx", format="onnx", with_frontend=True)
    silence = np.zeros((1, SMALL.segment_samples), np.float32)
    assert (run_file(exported, silence)["spectrogram"] == -80).all()


def test_a_recording_that_never_changes_becomes_zero(tmp_path: Path) -> None:
    """Rather than infinite."""
    model = make_model("track")
    exported = export_model(model, tmp_path / "model.onnx", format="onnx", one_recording=True)
    still = np.full((2, *SMALL.shape), -80, np.float32)
    standardized = model.standardizer.apply(still)
    np.testing.assert_allclose(
        log_softmax(run_file(exported, still)["logits"]),
        replace(model, backend="numpy").log_probabilities(standardized[..., None]),
        atol=1e-5,
    )


def test_without_a_recording_to_go_by_the_input_is_standardized_already(tmp_path: Path) -> None:
    """A batch of anybody's segments then means what it seems to."""
    model = replace(make_model("track-band"), backend="numpy")
    exported = export_model(model, tmp_path / "model.onnx", format="onnx")
    assert exported.ends["inputs"] == {"standardized": ["segments", *SMALL.shape]}
    inputs = np.random.default_rng(2).normal(size=(3, *SMALL.shape)).astype(np.float32)
    expected = model.log_probabilities(inputs[..., None])
    np.testing.assert_allclose(log_softmax(run_file(exported, inputs)["logits"]), expected, atol=1e-5)


def test_the_file_says_what_a_program_needs(tmp_path: Path) -> None:
    """Genres, Mel settings, standardizer, calibration, in JSON."""
    exported = export_model(make_model("track-band"), tmp_path / "model.onnx", format="onnx")
    session = onnxruntime.InferenceSession(exported.path, providers=["CPUExecutionProvider"])
    said = {name: json.loads(text) for name, text in session.get_modelmeta().custom_metadata_map.items()}
    assert said["genres"] == list(GENRES)
    assert said["mel"]["n_mels"] == SMALL.n_mels
    assert said["standardizer"] == {"kind": "track-band", "level": 0.5, "shrinkage": 0.5}
    assert said["segments_per_recording"] == SMALL.segments
    assert said["calibration"]["track_temperature"] == 2.0
    assert said["architecture"] == make_model().architecture.fingerprint()


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"one_recording": True}, "global", "--one-recording: expected a model that standardizes by the recording"),
        ({"with_frontend": True}, "track", "--with-frontend: expected --one-recording beside it"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: Any, kind: str, message: str, tmp_path: Path) -> None:
    """Before anything is written."""
    with pytest.raises(ConfigError, match=message):
        export_model(make_model(kind), tmp_path / "model.onnx", format="onnx", **options)
    assert not list(tmp_path.iterdir())


def test_a_model_of_other_spectrograms_takes_no_audio(tmp_path: Path, record: Recorder) -> None:
    """It is tried on noise, and exported all the same."""
    model = make_model(mel=None)
    with pytest.raises(ModelError, match="--with-frontend: expected a model that knows its Mel settings"):
        export_model(model, tmp_path / "model.onnx", format="onnx", with_frontend=True)
    with pytest.raises(ModelError, match="--check: expected a model that knows its Mel settings"):
        export_model(model, tmp_path / "model.onnx", format="onnx", check=[record("song.wav")])
    assert "noise" in export_model(model, tmp_path / "model.onnx", format="onnx").checks[0].what


def wrong_weights(arrays: dict[str, Any], options: dict[str, Any]) -> None:
    """Change one weight a little."""
    arrays["weights/conv2d/kernel"] = arrays["weights/conv2d/kernel"] * 1.001


def wrong_scale(arrays: dict[str, Any], options: dict[str, Any]) -> None:
    """Standardize by another scale."""
    options["standardizer"]["std"] *= 1.001


def wrong_window(arrays: dict[str, Any], options: dict[str, Any]) -> None:
    """Take the symmetric window, the easiest mistake of all."""
    arrays["window"] = np.hanning(len(arrays["window"]))


@pytest.mark.parametrize(
    ("spoil", "what"), [(wrong_weights, "logits"), (wrong_scale, "logits"), (wrong_window, "spectrograms")]
)
def test_a_file_that_would_compute_something_else_is_not_written(
    spoil: Any, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each mistake is found by its check, and the file that was there stays."""
    path = tmp_path / "model.onnx"
    path.write_text("before")
    right = vars(onnx_file)["run_job"]

    def run(function: str, *, arrays: Any, options: Any, **others: Any) -> worker.JobResult:
        """Spoil the job."""
        spoil(arrays, options)
        done: worker.JobResult = right(function, arrays=arrays, options=options, **others)
        return done

    monkeypatch.setattr(onnx_file, "run_job", run)
    with pytest.raises(ModelError, match=f"{what} of 6 segments of synthetic music .* nothing was written"):
        export_model(make_model(), path, format="onnx", with_frontend=True, overwrite=True)
    assert path.read_text() == "before"


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    """Neither a file nor a folder; a folder that is not there is not made."""
    model: Model = make_model()
    (tmp_path / "model.onnx").write_text("before")
    for place, message in (
        ("model.onnx", "expected no such file yet"),
        (".", "received a folder"),
        ("absent/model.onnx", "is none; make it"),
    ):
        with pytest.raises(ConfigError, match=message):
            export_model(model, tmp_path / place, format="onnx")
