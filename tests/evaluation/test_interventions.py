"""Changed copies are what their names say."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from genrebench.errors import ConfigError
from genrebench.evaluation.interventions import KINDS, Intervention, read_interventions, write_changed

RATE = 8000


@pytest.fixture
def tones(tmp_path: Path) -> tuple[Path, NDArray[np.float32]]:
    """Write two seconds of 10, 440 and 3,500 Hz."""
    time = np.arange(2 * RATE) / RATE
    waves = [0.2 * np.sin(2 * np.pi * frequency * time) for frequency in (10, 440, 3500)]
    samples = np.sum(waves, axis=0).astype(np.float32)
    soundfile.write(tmp_path / "tones.wav", samples, RATE, subtype="FLOAT")
    return tmp_path / "tones.wav", samples


def levels(samples: NDArray[np.float32]) -> dict[int, float]:
    """Measure the amplitude at some frequencies."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) / len(samples) * 4
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    return {each: float(spectrum[np.abs(frequencies - each) < 4].max()) for each in (10, 440, 466, 3500)}


def test_each_change_does_what_its_formula_says(tones: tuple[Path, NDArray[np.float32]], tmp_path: Path) -> None:
    """Level, filters, band limit, pitch by a semitone, noise by its ratio; the rest stays."""
    path, samples = tones

    def changed(kind: str, value: float) -> NDArray[np.float32]:
        """Change the recording."""
        copy, rate = soundfile.read(write_changed(path, Intervention(kind, value), RATE, tmp_path), dtype="float32")
        assert rate == RATE
        return np.asarray(copy)

    np.testing.assert_allclose(changed("gain", -20), 0.1 * samples, atol=1e-6)
    np.testing.assert_array_equal(changed("gain", 0), samples)
    cut = levels(changed("highpass", 100))
    assert cut[10] < 0.01 < 0.19 < min(cut[440], cut[3500])
    cut = levels(changed("lowpass", 1000))
    assert cut[3500] < 0.01 < 0.19 < min(cut[440], cut[10])
    cut = levels(changed("resample", 4000))
    assert cut[3500] < 0.01 < 0.19 < min(cut[440], cut[10])
    moved = levels(changed("pitch", 1))
    assert moved[440] < 0.05 < 0.1 < moved[466]
    noise = changed("noise", 20) - samples
    assert 20 * np.log10(samples.std() / noise.std()) == pytest.approx(20, abs=0.3)
    np.testing.assert_array_equal(changed("noise", 20) - samples, noise)
    coded = levels(changed("mp3", 64))
    assert min(coded[440], coded[3500]) > 0.15


def test_a_list_of_changes_is_read() -> None:
    """In its order, with spaces, one name twice."""
    assert read_interventions("mp3=64, gain=-12,mp3=128") == (
        Intervention("mp3", 64), Intervention("gain", -12), Intervention("mp3", 128)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected NAME=VALUE with gain, highpass, .*received ''"),
        ("reverb=3", "expected NAME=VALUE .*received 'reverb=3'"),
        ("gain", "expected NAME=VALUE .*received 'gain'"),
        ("gain=loud", "gain: expected a number of dB from -60 to 60, received 'loud'"),
        ("gain=nan", "gain: expected a number .*received 'nan'"),
        ("mp3=0", "mp3: expected a number of kbit/s from 8 to 320"),
        ("gain=1,,", "received ''"),
    ],
)
def test_what_is_no_change_is_refused(text: str, message: str) -> None:
    """In one line that names the option."""
    with pytest.raises(ConfigError, match=f"--intervene: .*{message}|--intervene: {message}"):
        read_interventions(text)


def test_the_bounds_of_every_kind_can_be_used(tones: tuple[Path, NDArray[np.float32]], tmp_path: Path) -> None:
    """Also frequencies that the recording does not have."""
    for name, kind in KINDS.items():
        for value in (kind.least, kind.most):
            copy, _ = soundfile.read(write_changed(tones[0], Intervention(name, value), RATE, tmp_path))
            assert np.isfinite(copy).all()
            assert len(copy) > RATE
