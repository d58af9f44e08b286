"""Changes of a recording that a listener hardly hears: what a model makes of them shows what it clings to.

Sturm, "A simple method to determine if a music information retrieval system is a horse", IEEE Transactions on
Multimedia, 2014.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from genrebench.audio.decode import decode
from genrebench.errors import ConfigError

Samples = NDArray[np.float32]

# Sample rates that MP3 has.
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_ORDER = 4


@dataclass(frozen=True)
class Intervention:
    """One change.

    Attributes
    ----------
    kind : str
        A name of `KINDS`.
    value : float
        How much, in the unit of its kind.
    """

    kind: str
    value: float

    def __str__(self) -> str:
        """Write it as it is read."""
        return f"{self.kind}={self.value:g}"


def read_interventions(text: str) -> tuple[Intervention, ...]:
    """Read a list such as ``gain=-12,mp3=64``.

    Raises
    ------
    ConfigError
        If a name is unknown, or a value is not a number in the bounds of its kind.

    Examples
    --------
    >>> [str(each) for each in read_interventions("gain=-12, mp3=64")]
    ['gain=-12', 'mp3=64']
    """
    found = []
    for part in text.split(","):
        name, equals, number = (each.strip() for each in part.partition("="))
        if name not in KINDS or not equals:
            raise ConfigError(f"--intervene: expected NAME=VALUE with {', '.join(KINDS)}, received {part.strip()!r}")
        kind = KINDS[name]
        try:
            value = float(number)
        except ValueError:
            value = float("nan")
        if not kind.least <= value <= kind.most:
            raise ConfigError(
                f"--intervene: {name}: expected a number of {kind.unit} from {kind.least:g} to {kind.most:g}, "
                f"received {number!r}"
            )
        found.append(Intervention(name, value))
    return tuple(found)


def write_changed(recording: Path, change: Intervention | None, sample_rate: int, folder: Path) -> Path:
    """Write a changed copy of a recording.

    Parameters
    ----------
    change : Intervention, optional
        Without one the copy is only mono and of the sample rate.
    sample_rate : int
        Samples per second of the copy.
    folder : Path
        Where it is written.

    Returns
    -------
    Path
        The copy: WAV with floats, so that nothing is clipped.

    Raises
    ------
    AudioError
        If the recording cannot be decoded.
    """
    samples = np.concatenate([np.empty(0, np.float32), *decode(recording, sample_rate)])
    if change is not None and len(samples):
        samples = KINDS[change.kind].apply(samples, sample_rate, change.value)
    path = folder / "changed.wav"
    soundfile.write(path, samples, sample_rate, subtype="FLOAT")
    return path


@dataclass(frozen=True)
class _Kind:
    """A kind of change: its unit, its bounds, and what it does to samples at a rate."""

    unit: str
    least: float
    most: float
    apply: Callable[[Samples, int, float], Samples]


def _filtered(kind: str) -> Callable[[Samples, int, float], Samples]:
    """Make a Butterworth filter that shifts no phase."""

    def apply(samples: Samples, rate: int, frequency: float) -> Samples:
        """Filter; a frequency that the rate does not have leaves everything or nothing."""
        from scipy.signal import butter, sosfiltfilt

        sections = butter(_ORDER, min(frequency, 0.499 * rate), kind, fs=rate, output="sos")
        padding = min(len(samples) - 1, 3 * (2 * len(sections) + 1))
        return np.asarray(sosfiltfilt(sections, samples, padlen=padding), dtype=np.float32)

    return apply


def _add_noise(samples: Samples, _: int, ratio: float) -> Samples:
    """Add white noise, so many decibels below the recording's level; the same for the same recording."""
    rng = np.random.default_rng(zlib.crc32(samples.tobytes()))
    level = np.sqrt(np.mean(np.square(samples, dtype=np.float64))) * 10 ** (-ratio / 20)
    return np.asarray(samples + level * rng.standard_normal(len(samples)), dtype=np.float32)


def _resample(samples: Samples, rate: int, low: float) -> Samples:
    """Resample to another rate and back."""
    there = soxr.resample(samples, rate, low)
    return np.asarray(soxr.resample(there, low, rate), dtype=np.float32)


def _shift_pitch(samples: Samples, rate: int, semitones: float) -> Samples:
    """Shift all pitches, and keep the tempo."""
    import librosa

    return np.asarray(librosa.effects.pitch_shift(samples, sr=rate, n_steps=semitones), dtype=np.float32)


def _through_mp3(samples: Samples, rate: int, kilobits: float) -> Samples:
    """Encode as MP3 by FFmpeg's LAME, and decode."""
    import av

    there = rate if rate in _MP3_RATES else 44100
    if there != rate:
        samples = np.asarray(soxr.resample(samples, rate, there), dtype=np.float32)
    content = BytesIO()
    with av.open(content, "w", format="mp3") as file:
        stream = file.add_stream("mp3", rate=there)
        stream.bit_rate, stream.layout = round(1000 * kilobits), "mono"
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="fltp", layout="mono")
        frame.sample_rate = there
        file.mux([*stream.encode(frame), *stream.encode(None)])
    content.seek(0)
    with av.open(content, "r") as coded:
        decoded = np.concatenate([each.to_ndarray()[0] for each in coded.decode(audio=0)])
    return np.asarray(soxr.resample(decoded, there, rate), dtype=np.float32)


KINDS = {
    "gain": _Kind("dB", -60, 60, lambda samples, rate, value: samples * np.float32(10 ** (value / 20))),
    "highpass": _Kind("Hz", 1, 20_000, _filtered("highpass")),
    "lowpass": _Kind("Hz", 20, 20_000, _filtered("lowpass")),
    "mp3": _Kind("kbit/s", 8, 320, _through_mp3),
    "noise": _Kind("dB below the recording", 0, 120, _add_noise),
    "resample": _Kind("Hz", 2000, 192_000, _resample),
    "pitch": _Kind("semitones", -12, 12, _shift_pitch),
}
