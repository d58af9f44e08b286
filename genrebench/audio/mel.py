"""From a recording to Mel spectrograms: their settings, `mel_spectrogram`, and a whole recording segment by segment.

Training and inference both go through `segment_spectrograms`, so a recording is treated the same way in both. librosa
is imported where it is used, since that takes seconds and most commands only need `MelConfig`.
"""

import dataclasses
import functools
import hashlib
import itertools
import json
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.audio.decode import SAMPLE_RATES, Span, cut_segments
from genrebench.errors import AudioError, ConfigError
from genrebench.system.files import StrPath
from genrebench.system.validation import Checked

if TYPE_CHECKING:
    import scipy.sparse

# Everything about a spectrogram that `MelConfig` leaves fixed. It is part of the fingerprint: change it with the code.
DEFINITION = (
    "mean of channels, soxr HQ, Hann window, centred frames with zero padding, power, Slaney Mel bands from 0 Hz to "
    "half the sample rate, dB below the segment's maximum, floor -80 dB, a segment without sound is all floor"
)
FLOOR_DB = -80.0
# Below this Mel power librosa's power_to_db counts a band as empty (its default `amin`).
MIN_POWER = 1e-10


@dataclass(frozen=True)
class MelConfig(Checked):
    """How a recording is cut into segments, and how each becomes a Mel spectrogram.

    The defaults cut GTZAN's tracks of 30 seconds into ten segments of 128 Mel bands and 130 frames each.

    Attributes
    ----------
    sample_rate : int
        Samples per second that every recording is resampled to, from 1,000 to 1,000,000.
    n_fft : int
        Samples in one FFT window, at most those of a segment.
    hop_length : int
        Samples between two frames, at most those of a segment.
    n_mels : int
        Number of Mel bands; each must hold an FFT bin, which many bands with a small `n_fft` do not.
    segments : int
        Segments that `track_duration` is split into.
    track_duration : float
        Seconds of each track that training uses, up to a day; inference goes on to the recording's end.

    Raises
    ------
    ConfigError
        If a value is not positive, or a segment is shorter than an FFT window or than `hop_length`.

    Examples
    --------
    >>> import genrebench as gb
    >>> gb.MelConfig().shape
    (128, 130)
    >>> gb.MelConfig(n_mels=64, hop_length=1024).shape
    (64, 65)
    >>> gb.MelConfig(n_mels=0)
    Traceback (most recent call last):
    genrebench.errors.ConfigError: n_mels: expected a positive whole number, received 0
    """

    subject: ClassVar[str] = "Mel settings"

    sample_rate: int = Field(default=22050, ge=SAMPLE_RATES[0], le=SAMPLE_RATES[1])
    n_fft: int = Field(default=2048, gt=0, le=2**20)
    hop_length: int = Field(default=512, gt=0)
    n_mels: int = Field(default=128, gt=0, le=2**16)
    segments: int = Field(default=10, gt=0, le=2**31)
    track_duration: float = Field(default=30.0, gt=0, le=86_400)

    def __post_init__(self) -> None:
        """Check that the settings fit together."""
        if self.segment_samples < self.n_fft:
            raise ConfigError(
                f"segments: expected segments of at least n_fft = {self.n_fft} samples, received "
                f"{self.segment_samples} ({self.track_duration} s / {self.segments} at {self.sample_rate} Hz)"
            )
        if self.hop_length > self.segment_samples:
            raise ConfigError(
                f"hop_length: expected at most one segment ({self.segment_samples} samples), received {self.hop_length}"
            )

    @property
    def segment_samples(self) -> int:
        """Number of samples in one segment at `sample_rate`, rounded down."""
        return int(self.sample_rate * self.track_duration / self.segments + 1e-6)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of every spectrogram: (n_mels, frames)."""
        # A window of odd length reaches half a sample less than its length beyond either end.
        padded = self.segment_samples + 2 * (self.n_fft // 2)
        return self.n_mels, 1 + (padded - self.n_fft) // self.hop_length

    def differences(self, other: "MelConfig") -> list[str]:
        """List how the settings differ from others.

        Parameters
        ----------
        other : MelConfig
            What is expected instead.

        Returns
        -------
        list of str
            An entry for each setting that differs; empty if none does.

        Examples
        --------
        >>> import genrebench as gb
        >>> gb.MelConfig(n_mels=64).differences(gb.MelConfig())
        ['n_mels 64 instead of 128']
        """
        wanted = dataclasses.asdict(other)
        here = dataclasses.asdict(self).items()
        return [f"{key} {value} instead of {wanted[key]}" for key, value in here if value != wanted[key]]

    def fingerprint(self) -> str:
        """Hash the settings together with everything that they leave fixed.

        Returns
        -------
        str
            SHA-256 in hexadecimal; spectrograms with equal fingerprints can be mixed.
        """
        content = json.dumps([DEFINITION, dataclasses.asdict(self)], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


DEFAULT = MelConfig()


@functools.lru_cache(maxsize=8)
def filter_bank(config: MelConfig) -> "scipy.sparse.csr_array":
    """Make librosa's Mel filters [shape=(n_mels, 1 + n_fft // 2)], as the sparse matrix that they are.

    Of 128 x 1025 weights 2018 are not zero. And a sparse product is summed in one order, whereas the last bits of a
    dense one depend on the number of threads, which differs between preprocessing and inference.
    """
    import librosa
    import scipy.sparse

    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Empty filters", category=UserWarning)
        try:
            filters = librosa.filters.mel(sr=config.sample_rate, n_fft=config.n_fft, n_mels=config.n_mels)
        except UserWarning as warning:
            raise ConfigError(
                f"n_mels: expected every Mel band to hold an FFT bin, received {config.n_mels} bands, some empty; "
                f"use fewer bands or a larger n_fft than {config.n_fft}"
            ) from warning
    return scipy.sparse.csr_array(filters)


def mel_spectrogram(y: NDArray[np.floating[Any]], config: MelConfig = DEFAULT) -> NDArray[np.float32]:
    """Turn mono audio into a Mel spectrogram in dB below its own maximum.

    The same as `librosa.feature.melspectrogram`, which makes its filters anew in each call, followed by
    `librosa.power_to_db` with the maximum as reference. How loud the audio is therefore does not matter.

    Parameters
    ----------
    y : ndarray of float [shape=(samples,)]
        Mono audio at ``config.sample_rate``, of at least ``config.n_fft`` samples; the network takes segments of
        ``config.segment_samples``.
    config : MelConfig
        The settings; its `segments` and `track_duration` play no part here.

    Returns
    -------
    ndarray of float32 [shape=(n_mels, frames)]
        Values in dB from -80 to 0; audio without sound is -80 throughout. With an even `n_fft` there are
        ``1 + samples // hop_length`` frames.

    Raises
    ------
    AudioError
        If `y` is not mono, not of floats, too short, or holds NaN or infinity.
    ConfigError
        If the settings leave a Mel band without any FFT bin.

    Examples
    --------
    >>> import genrebench as gb
    >>> import soundfile
    >>> y, sample_rate = soundfile.read("song.wav", stop=66150)
    >>> sample_rate
    22050
    >>> mel = gb.mel_spectrogram(y)
    >>> mel.shape, float(mel.max())
    ((128, 130), 0.0)
    >>> gb.mel_spectrogram(y, gb.MelConfig(n_mels=64, hop_length=1024)).shape
    (64, 65)
    """
    return to_decibels(mel_power(y, config))


def mel_power(y: NDArray[np.floating[Any]], config: MelConfig = DEFAULT) -> NDArray[np.float32]:
    """Turn mono audio into the power of its Mel bands, which `to_decibels` makes a spectrogram of.

    Returns
    -------
    ndarray of float32 [shape=(n_mels, frames)]
        Not relative to anything, so that what is loud in one segment can be compared with another.

    Raises
    ------
    AudioError, ConfigError
        As of `mel_spectrogram`.
    """
    import librosa

    if y.ndim != 1 or y.dtype.kind != "f" or len(y) < config.n_fft:
        raise AudioError(
            f"expected mono audio [shape=(samples,)], at least n_fft = {config.n_fft} floats, received {y.dtype} "
            f"[shape={y.shape}]"
        )
    if not np.isfinite(y).all():
        raise AudioError("expected finite samples, received NaN or infinity")
    filters = filter_bank(config)
    spectrum = librosa.stft(
        y.astype(np.float32, copy=False),
        n_fft=config.n_fft,
        hop_length=config.hop_length,
        window="hann",
        pad_mode="constant",
    )
    power: NDArray[np.float32] = filters @ (spectrum.real**2 + spectrum.imag**2)  # (n_mels, bins) @ (bins, frames)
    return power


def to_decibels(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Express power in dB below its maximum, from -80 to 0; without any, all is -80."""
    import librosa

    loudest = power.max()
    if loudest <= MIN_POWER:
        return np.full(power.shape, FLOOR_DB, dtype=np.float32)
    decibels: NDArray[np.float32] = librosa.power_to_db(power, ref=loudest, amin=MIN_POWER, top_db=-FLOOR_DB)
    return decibels.astype(np.float32, copy=False)


def segment_spectrograms(
    path: StrPath,
    config: MelConfig = DEFAULT,
    *,
    limit: int | None = None,
    notes: list[str] | None = None,
    spans: list[Span] | None = None,
) -> Iterator[NDArray[np.float32]]:
    """Decode a recording and yield the Mel spectrogram of each segment in which there is sound.

    Parameters
    ----------
    path : str or PathLike
        Recording in any format, sample rate and number of channels that libsndfile or FFmpeg reads.
    limit : int, optional
        Stop after so many segments; by default go on to the end. The segments before do not depend on it.
    notes : list of str, optional
        Takes remarks on what is wrong with the recording although it can be heard.
    spans : list of tuple of float, optional
        Takes where each segment begins and ends, in seconds.

    Yields
    ------
    ndarray of float32 [shape=(n_mels, frames)]
        Spectrograms in order. A tail of at least half a segment is padded with silence, a shorter one is dropped.

    Raises
    ------
    AudioError
        If the recording cannot be decoded, is shorter than half a segment, holds NaN or infinity, or is silent.
    """
    segments = cut_segments(
        path, sample_rate=config.sample_rate, samples=config.segment_samples, notes=notes, spans=spans
    )
    for segment in itertools.islice(segments, limit):
        yield mel_spectrogram(segment, config)
