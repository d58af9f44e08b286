"""Whether the libraries still compute the spectrograms that this version was made with."""

import functools

import numpy as np
import soxr
from numpy.typing import NDArray

from genrebench.audio.mel import MelConfig, mel_spectrogram
from genrebench.system.environment import installed_version

# What a recording becomes depends on these.
LIBRARIES = ("genrebench", "av", "librosa", "numpy", "scipy", "soundfile", "soxr")
# Whole numbers, so that no library has a part in them: a sweep, in the range of 16-bit audio.
_RATE, _SAMPLES = 16_000, 8_192
_CONFIG = MelConfig(sample_rate=22_050, n_fft=512, hop_length=4096, n_mels=16, segments=10, track_duration=4.0)
# What librosa 0.11.0, soxr 1.1.0 and NumPy 2.4.6 make of it.
_RESAMPLED = np.array(
    [
        0.0042599,
        0.1072048,
        0.2151661,
        0.3281382,
        0.4461569,
        0.5691665,
        0.6972440,
        0.8282661,
        0.9923195,
        -0.8901937,
        -0.7401564,
        -0.5872387,
        -0.4290539,
        -0.2658767,
        -0.0976471,
        0.0755806,
    ],
    dtype=np.float64,
)
_MEL = np.array(
    [
        0.0000,
        -5.6710,
        -9.5260,
        -12.0428,
        -14.0627,
        -15.6407,
        -17.7164,
        -19.3162,
        -20.9896,
        -22.7132,
        -24.3388,
        -25.9406,
        -27.4414,
        -28.8294,
        -30.0050,
        -30.8523,
    ],
    dtype=np.float64,
)
# Far above what another processor's rounding changes, far below what another filter does.
_SAMPLE_TOLERANCE, _DECIBEL_TOLERANCE = 1e-5, 1e-3


def _computed() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Resample the golden signal, and make the spectrogram of what was resampled once for all."""
    place = np.arange(_SAMPLES, dtype=np.int64)
    signal = ((place * place // 16 % 65_536) - 32_768).astype(np.float32) / np.float32(32_768)
    stream = soxr.ResampleStream(_RATE, _CONFIG.sample_rate, 1, dtype="float32")
    resampled = stream.resample_chunk(signal, last=True)[1000:1800:50]
    return resampled, mel_spectrogram(signal, _CONFIG)[:, 1]


@functools.cache
def library_drift() -> str | None:
    """Compare what the libraries make of a golden signal with what they made when this version was written.

    Returns
    -------
    str or None
        One line that says which libraries give something else, and how far off; None if they do not.
    """
    found = []
    resampled, mel = _computed()
    for values, golden, tolerance, unit, names in (
        (resampled, _RESAMPLED, _SAMPLE_TOLERANCE, "of full scale", ("soxr",)),
        (mel, _MEL, _DECIBEL_TOLERANCE, "dB", ("librosa", "numpy", "scipy")),
    ):
        error = float(np.abs(values - golden).max())
        if not error <= tolerance:
            versions = ", ".join(f"{name} {installed_version(name)}" for name in names)
            found.append(f"{versions}: off by {error:.2g} {unit}")
    if not found:
        return None
    return (
        f"recordings become other spectrograms here than where this version was made ({'; '.join(found)}); models "
        "trained elsewhere may answer otherwise: install the versions of requirements.txt"
    )
