"""From a recording to spectrograms: formats, cutting, definition, and audio that cannot be used."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from genrebench.audio import mel as audio
from genrebench.audio.mel import FLOOR_DB, MelConfig, mel_spectrogram, segment_spectrograms
from genrebench.errors import AudioError, ConfigError
from tests.conftest import SMALL, Recorder

DEFAULT = MelConfig()
# Two segments of one second, for tests that need no music.
SECONDS = MelConfig(segments=2, track_duration=2.0)


def stack(path: Path, config: MelConfig = DEFAULT, limit: int | None = None) -> NDArray[np.float32]:
    """Collect the spectrograms of a recording.

    Returns
    -------
    ndarray of float32 [shape=(segments, n_mels, frames)]
        The spectrograms.
    """
    return np.stack(list(segment_spectrograms(path, config, limit=limit)))


def test_default_settings_give_the_specified_shape() -> None:
    """Ten segments of three seconds at 22,050 Hz make 128 x 130."""
    assert DEFAULT.segment_samples == 66_150
    assert DEFAULT.shape == (128, 130)


@pytest.mark.parametrize("n_fft", [100, 101, 511, 512, 639, 640, 2047, 2048])
@pytest.mark.parametrize("hop_length", [64, 100, 511, 2560])
def test_the_shape_is_that_of_the_spectrograms(n_fft: int, hop_length: int) -> None:
    """Also where the window has an odd length, which pads a sample less, and where the hop divides the segment."""
    config = MelConfig(8000, n_fft=n_fft, hop_length=hop_length, n_mels=8, segments=1, track_duration=0.32)
    assert config.segment_samples == 2560
    noise = np.random.default_rng(0).normal(size=config.segment_samples).astype(np.float32)
    assert mel_spectrogram(noise, config).shape == config.shape


def test_spectrograms_are_what_librosa_defines(record: Recorder, music: NDArray[np.float32]) -> None:
    """The stream gives what librosa gives for the segment alone: power, then dB below the segment's maximum."""
    computed = stack(record("music.wav", subtype="FLOAT"))
    assert computed.shape == (10, 128, 130)
    assert computed.dtype == np.float32
    for index, segment in enumerate(music.reshape(10, -1)):
        power = librosa.feature.melspectrogram(y=segment, sr=22050, n_fft=2048, hop_length=512, n_mels=128)
        np.testing.assert_allclose(computed[index], librosa.power_to_db(power, ref=np.max), atol=1e-3)
    assert computed.max() == 0
    assert computed.min() >= FLOOR_DB


def test_lossless_formats_give_equal_spectrograms(record: Recorder, music: NDArray[np.float32]) -> None:
    """The same 16-bit samples as wav, au, aiff and flac are the same to the last bit."""
    samples = np.round(music * 32767).astype(np.int16)
    expected = stack(record("music.wav", samples))
    for name in ("music.flac", "music.au", "music.aiff"):
        np.testing.assert_array_equal(stack(record(name, samples)), expected)


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [("a.wav", "PCM_24", 0.5), ("a.wav", "PCM_U8", 6.0), ("a.ogg", None, 6.0), ("a.mp3", None, 6.0)],
)
def test_other_encodings_are_close(record: Recorder, name: str, subtype: str | None, tolerance: float) -> None:
    """24 and 8 bits, Vorbis and MP3 stay within some dB on average of the float samples, weakest bands included."""
    expected = stack(record("music.wav", subtype="FLOAT"))
    assert np.abs(stack(record(name, subtype=subtype))[:10] - expected).mean() < tolerance


def test_sample_rate_and_channels_hardly_matter(record: Recorder, music: NDArray[np.float32]) -> None:
    """44.1 kHz stereo is the same within 0.001 dB, but for the resampler's transition band and the recording's ends."""
    stereo = librosa.resample(music, orig_sr=22050, target_sr=44100, res_type="soxr_vhq")[:, None].repeat(2, axis=1)
    difference = np.abs(stack(record("a.wav", stereo, 44100, "FLOAT")) - stack(record("b.wav", subtype="FLOAT")))
    below_9_khz = difference[:, :112]
    assert below_9_khz[:, :, 3:-3].max() < 1e-3
    assert below_9_khz.max() < 2


def test_channels_are_averaged(record: Recorder, music: NDArray[np.float32]) -> None:
    """What stands in one channel only is heard, at half the level: with dB below the maximum, the same."""
    one_sided = np.stack([music, np.zeros_like(music)], axis=1)
    computed = stack(record("a.wav", one_sided, subtype="FLOAT"))
    np.testing.assert_allclose(computed, stack(record("b.wav", subtype="FLOAT")), atol=1e-3)


def test_gain_does_not_matter(record: Recorder, music: NDArray[np.float32]) -> None:
    """Half as loud is the same spectrogram."""
    quiet = stack(record("a.wav", music / 2, subtype="FLOAT"))
    np.testing.assert_allclose(quiet, stack(record("b.wav", subtype="FLOAT")), atol=1e-3)


def test_a_limit_changes_none_of_the_segments_before(record: Recorder) -> None:
    """Training, which stops after ten segments, and inference, which goes on, see the same bits."""
    path = record("a.ogg")
    np.testing.assert_array_equal(stack(path, limit=3), stack(path)[:3])


def test_the_number_of_threads_changes_no_bit(record: Recorder) -> None:
    """One thread, as in a preprocessing process, gives what all threads give."""
    path = record("a.wav")
    expected = stack(path)
    with threadpool_limits(1):
        np.testing.assert_array_equal(stack(path), expected)


def test_a_silent_segment_in_music_is_left_out(record: Recorder, music: NDArray[np.float32]) -> None:
    """It would carry a genre's label in training; as a spectrogram it is all floor, not full level."""
    samples = np.concatenate([music[:66150], np.zeros(66150, np.float32), music[:66150]])
    spectrograms = stack(record("a.wav", samples))
    assert len(spectrograms) == 2
    np.testing.assert_array_equal(spectrograms[1], spectrograms[0])
    assert (mel_spectrogram(samples[66150:-66150]) == FLOOR_DB).all()


def silence() -> NDArray[np.float32]:
    """Make two seconds of nothing.

    Returns
    -------
    ndarray of float32 [shape=(44100,)]
        Zeros.
    """
    return np.zeros(44100, np.float32)


def broken_recordings(record: Recorder) -> Iterator[tuple[Path, str]]:
    """Write every kind of recording that cannot be used."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 44100).astype(np.float32)
    yield record("silent.wav", silence()), "silence"
    yield record("dither.wav", np.sign(noise) / 2**15), "silence"
    yield record("nan.wav", np.where(np.arange(44100) == 30000, np.nan, noise), subtype="FLOAT"), "NaN, infinity"
    yield record("inf.wav", np.where(np.arange(44100) == 30000, np.inf, noise), subtype="FLOAT"), "NaN, infinity"
    yield record("huge.wav", np.where(np.arange(44100) == 30000, 3e38, noise), subtype="FLOAT"), "or more"
    yield record("short.wav", noise[:9000]), r"at least 0\.5 s.*received 0\.408 s"
    yield record("header_only.wav", noise[:0]), "at least"
    folder = record("x.wav").parent
    (folder / "empty.wav").touch()
    yield folder / "empty.wav", "empty file"
    (folder / "text.wav").write_text("this is no audio at all")
    yield folder / "text.wav", "cannot be decoded"
    yield folder / "missing.wav", "No such file"
    yield folder, "directory"


def test_recordings_that_cannot_be_used_are_refused_with_the_reason(record: Recorder) -> None:
    """Silent, NaN, too short, empty, damaged, missing, and a folder: one line that names the file."""
    for path, message in broken_recordings(record):
        with pytest.raises(AudioError, match=message) as refusal:
            list(segment_spectrograms(path, SECONDS))
        assert path.name in str(refusal.value)
        assert "\n" not in str(refusal.value)


def test_a_strange_file_name_makes_one_printable_line(record: Recorder) -> None:
    """A newline or an escape sequence in a name does not reach the terminal."""
    path = record("-a\n\x1b[31m.wav", silence())
    with pytest.raises(AudioError) as refusal:
        list(segment_spectrograms(path, SECONDS))
    assert str(refusal.value).isprintable()


def test_any_float_audio_is_taken(music: NDArray[np.float32]) -> None:
    """Any precision, any length, any gain: the bits of its float32, as many frames, and nearly the same values."""
    expected = mel_spectrogram(music[:66150])
    np.testing.assert_array_equal(mel_spectrogram(music[:66150].astype(np.float64)), expected)
    assert mel_spectrogram(music[:30_000], SMALL).shape == (32, 1 + 30_000 // 256)
    np.testing.assert_allclose(mel_spectrogram(music[:66150] * np.float32(0.01)), expected, atol=1e-2)


def test_what_is_not_mono_audio_is_refused(music: NDArray[np.float32]) -> None:
    """Stereo, integers, less than one FFT window, NaN: one line that says what was received."""
    cases: dict[str, NDArray[Any]] = {
        r"received float32 \[shape=\(100, 2\)\]": music[:200].reshape(100, 2),
        r"received int16 \[shape=\(66150,\)\]": np.ones(66150, np.int16),
        r"at least n_fft = 2048 floats, received float32 \[shape=\(2047,\)\]": music[:2047],
        "received NaN or infinity": np.where(np.arange(66150) == 9, np.inf, music[:66150]),
    }
    for message, y in cases.items():
        with pytest.raises(AudioError, match=message):
            mel_spectrogram(y)


def test_settings_are_checked() -> None:
    """Each setting must be positive and they must fit together."""
    for field in dataclasses.fields(MelConfig):
        for wrong in (0, -1, float("nan"), "1", True, None):
            change: dict[str, Any] = {field.name: wrong}
            with pytest.raises(ConfigError, match=field.name):
                dataclasses.replace(DEFAULT, **change)
    with pytest.raises(ConfigError, match="n_fft"):
        MelConfig(segments=1000)
    with pytest.raises(ConfigError, match="sample_rate: expected a whole number of at most 1000000, received"):
        MelConfig(sample_rate=10**12)
    with pytest.raises(ConfigError, match="track_duration: expected a number of at most 86400"):
        MelConfig(track_duration=1e308)
    with pytest.raises(ConfigError, match="hop_length"):
        MelConfig(hop_length=100_000)
    with pytest.raises(ConfigError, match=r"n_mels.*some empty"):
        mel_spectrogram(np.ones(66150, np.float32), MelConfig(n_mels=512, n_fft=512))


def test_every_setting_and_the_definition_are_in_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that differ in anything have different fingerprints."""
    changed = [
        dataclasses.replace(DEFAULT, **{field.name: getattr(DEFAULT, field.name) * 2})
        for field in dataclasses.fields(MelConfig)
    ]
    prints = {config.fingerprint() for config in (DEFAULT, SMALL, *changed)}
    monkeypatch.setattr(audio, "DEFINITION", "another")
    assert len(prints | {DEFAULT.fingerprint()}) == len(changed) + 3


def test_settings_read_back_from_json() -> None:
    """Settings survive JSON; a missing or unknown key is refused."""
    document = dataclasses.asdict(SMALL)
    assert MelConfig.from_json(document) == SMALL
    with pytest.raises(ConfigError, match="expected the keys"):
        MelConfig.from_json({**document, "fmin": 0})
    with pytest.raises(ConfigError, match="expected the keys"):
        MelConfig.from_json({key: value for key, value in document.items() if key != "n_mels"})
