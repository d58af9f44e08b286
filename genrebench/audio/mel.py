"""From a recording to Mel spectrograms: decoding, resampling, splitting, `mel_spectrogram`.

Training and inference both go through `segment_spectrograms`, so a recording is treated the same way in both. Audio is
read as a stream: memory does not grow with the length of the recording. librosa is imported where it is used, since
that takes seconds and most commands only need `MelConfig`.
"""

import dataclasses
import functools
import hashlib
import json
import math
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from genrebench.errors import AudioError, ConfigError
from genrebench.system.files import escaped

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
# Loudest sample of a recording that still counts as silence: one step of 16-bit audio.
SILENCE = 2.0**-15

# Sample rates outside this range come from broken headers, and would be resampled to an absurd length.
SAMPLE_RATES = (1_000, 1_000_000)
MAX_TRACK_SECONDS = 86_400
# Full scale is 1; samples far beyond it are no sound, and their power would overflow.
LOUDEST = 1e6
# What libsndfile decodes; a folder's other files are not recordings.
EXTENSIONS = frozenset({".aif", ".aiff", ".au", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".wav"})

_BLOCK_FRAMES = 65536


@dataclass(frozen=True)
class MelConfig:
    """How a recording is cut and turned into Mel spectrograms.

    Attributes
    ----------
    sample_rate : int
        Samples per second that every recording is resampled to.
    n_fft : int
        Samples in one FFT window.
    hop_length : int
        Samples between two frames.
    n_mels : int
        Number of Mel bands.
    segments : int
        Segments that a track of `track_duration` is split into.
    track_duration : float
        Seconds of each track that training uses.
    """

    sample_rate: int = 22050
    n_fft: int = 2048
    hop_length: int = 512
    n_mels: int = 128
    segments: int = 10
    track_duration: float = 30.0

    def __post_init__(self) -> None:
        """Check the parameters and that they fit together.

        Raises
        ------
        ConfigError
            If a parameter is not positive, a segment is shorter than one FFT window, or a Mel band stays empty.
        """
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            whole = field.name != "track_duration"
            right = isinstance(value, int) if whole else isinstance(value, int | float) and math.isfinite(value)
            if isinstance(value, bool) or not right or value <= 0:
                expected = "a positive whole number" if whole else "a positive number of seconds"
                raise ConfigError(f"{field.name}: expected {expected}, received {value!r}")
        if not SAMPLE_RATES[0] <= self.sample_rate <= SAMPLE_RATES[1]:
            raise ConfigError(
                f"sample_rate: expected {SAMPLE_RATES[0]} to {SAMPLE_RATES[1]} Hz, received {self.sample_rate}"
            )
        if self.track_duration > MAX_TRACK_SECONDS:
            raise ConfigError(
                f"track_duration: expected at most {MAX_TRACK_SECONDS} s, received {self.track_duration:g}"
            )
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
        """Count the samples of one segment.

        Returns
        -------
        int
            At `sample_rate`, rounded down.
        """
        return int(self.sample_rate * self.track_duration / self.segments + 1e-6)

    @property
    def shape(self) -> tuple[int, int]:
        """Compute the shape of every spectrogram.

        Returns
        -------
        tuple of int
            (n_mels, frames).
        """
        return self.n_mels, 1 + self.segment_samples // self.hop_length

    def fingerprint(self) -> str:
        """Hash the settings together with `DEFINITION`.

        Returns
        -------
        str
            SHA-256 in hexadecimal; spectrograms with equal fingerprints can be mixed.
        """
        content = json.dumps([DEFINITION, dataclasses.asdict(self)], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "MelConfig":
        """Build settings from their JSON.

        Parameters
        ----------
        document : mapping
            One value for each attribute.

        Returns
        -------
        MelConfig
            The settings.

        Raises
        ------
        ConfigError
            If a key is missing or unknown, or a value is wrong.
        """
        expected = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(document, Mapping) or document.keys() != expected:
            received = sorted(document) if isinstance(document, Mapping) else document
            raise ConfigError(f"Mel settings: expected the keys {sorted(expected)}, received {received}")
        return cls(**document)


def is_recording(path: Path) -> bool:
    """Tell by its name whether a file is a recording.

    Parameters
    ----------
    path : Path
        Any file.

    Returns
    -------
    bool
        False for other extensions and for hidden files, such as the ``._*`` files that macOS leaves in archives.
    """
    return path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")


@functools.lru_cache(maxsize=8)
def _filter_bank(config: MelConfig) -> "scipy.sparse.csr_array":
    """Make librosa's Mel filters, as the sparse matrix that they are.

    Of 128 x 1025 weights 2018 are not zero. And a sparse product is summed in one order, whereas the last bits of a
    dense one depend on the number of threads, which differs between preprocessing and inference.

    Returns
    -------
    csr_array of float32 [shape=(n_mels, 1 + n_fft // 2)]
        The filters.

    Raises
    ------
    ConfigError
        If the settings leave a Mel band without any FFT bin.
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


def mel_spectrogram(y: NDArray[np.float32], config: MelConfig) -> NDArray[np.float32]:
    """Turn one segment into a Mel spectrogram in dB below its own maximum.

    The same as `librosa.feature.melspectrogram`, which makes its filters anew in each call, and `librosa.power_to_db`.

    Parameters
    ----------
    y : ndarray of float32 [shape=(segment_samples,)]
        Mono audio at `config.sample_rate`.
    config : MelConfig
        The settings.

    Returns
    -------
    ndarray of float32 [shape=(n_mels, frames)]
        Values in dB from `FLOOR_DB` to 0; a segment without sound is `FLOOR_DB` throughout.

    Raises
    ------
    ConfigError
        If the settings leave a Mel band without any FFT bin.
    """
    import librosa

    filters = _filter_bank(config)
    spectrum = librosa.stft(y, n_fft=config.n_fft, hop_length=config.hop_length, window="hann", pad_mode="constant")
    power = filters @ (spectrum.real**2 + spectrum.imag**2)  # (n_mels, bins) @ (bins, frames)
    loudest = power.max()
    if loudest <= MIN_POWER:
        return np.full(power.shape, FLOOR_DB, dtype=np.float32)
    decibels: NDArray[np.float32] = librosa.power_to_db(power, ref=loudest, amin=MIN_POWER, top_db=-FLOOR_DB)
    return decibels.astype(np.float32, copy=False)


def segment_spectrograms(path: Path, config: MelConfig, *, limit: int | None = None) -> Iterator[NDArray[np.float32]]:
    """Decode a recording and yield the Mel spectrogram of each segment.

    Parameters
    ----------
    path : Path
        Recording in any format, sample rate and number of channels that libsndfile reads.
    config : MelConfig
        The settings.
    limit : int, optional
        Stop after so many segments; by default go on to the end. The segments before do not depend on it.

    Yields
    ------
    ndarray of float32 [shape=(n_mels, frames)]
        Spectrograms in order. A tail of at least half a segment is padded with silence, a shorter one is dropped.

    Raises
    ------
    AudioError
        If the recording cannot be decoded, is shorter than half a segment, holds NaN or infinity, or is silent.
    """
    loudest = 0.0
    for index, segment in enumerate(cut_segments(path, config)):
        if index == limit:
            break
        loudest = max(loudest, float(np.abs(segment).max()))
        yield mel_spectrogram(segment, config)
    if loudest <= SILENCE:
        raise AudioError(f"{escaped(path)}: expected music, received silence; remove the recording")


def cut_segments(path: Path, config: MelConfig) -> Iterator[NDArray[np.float32]]:
    """Cut a recording into segments at the target sample rate.

    Parameters
    ----------
    path : Path
        Recording.
    config : MelConfig
        The settings.

    Yields
    ------
    ndarray of float32 [shape=(segment_samples,)]
        Segments in order, the tail padded or dropped.

    Raises
    ------
    AudioError
        If not even half a segment was there.
    """
    size = config.segment_samples
    pending = np.empty(0, dtype=np.float32)
    count = 0
    for block in _decode(path, config.sample_rate):
        pending = np.concatenate([pending, block])
        while len(pending) >= size:
            yield pending[:size]
            pending = pending[size:]
            count += 1
    if 2 * len(pending) >= size:
        yield np.pad(pending, (0, size - len(pending)))
    elif count == 0:
        raise AudioError(
            f"{escaped(path)}: expected at least {size / 2 / config.sample_rate:g} s of audio, "
            f"received {len(pending) / config.sample_rate:.3g} s"
        )


def _decode(path: Path, sample_rate: int) -> Iterator[NDArray[np.float32]]:
    """Decode a recording to mono at the target sample rate, block by block.

    Yields
    ------
    ndarray of float32 [shape=(n,)]
        Consecutive samples; how they are cut into blocks carries no meaning.

    Raises
    ------
    AudioError
        If the file cannot be decoded, or holds NaN or infinity.
    """
    where = escaped(path)
    try:
        if path.stat().st_size == 0:
            raise AudioError(f"{where}: expected a recording, received an empty file (0 bytes)")
        # libsndfile calls every failure of the system "System error"; open() says which.
        path.open("rb").close()
        with soundfile.SoundFile(os.fsencode(path)) as file:  # bytes, for names that are not UTF-8
            rate = file.samplerate
            if not SAMPLE_RATES[0] <= rate <= SAMPLE_RATES[1]:
                raise AudioError(f"{where}: expected a sample rate in {SAMPLE_RATES} Hz, the header says {rate} Hz")
            resampler = None if rate == sample_rate else soxr.ResampleStream(rate, sample_rate, 1, dtype="float32")
            block = np.empty(_BLOCK_FRAMES, dtype=np.float32)
            while len(block) == _BLOCK_FRAMES:
                block = file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True).mean(axis=1)
                if not (np.abs(block) <= LOUDEST).all():
                    raise AudioError(
                        f"{where}: expected samples of at most {LOUDEST:g}, received NaN, infinity or more"
                    )
                # A short block is the last one: only then does the resampler give out what it still holds.
                yield resampler.resample_chunk(block, last=len(block) < _BLOCK_FRAMES) if resampler else block
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{where}: cannot be decoded ({error.error_string.rstrip('.')})") from error
    except OSError as error:
        raise AudioError(f"{where}: cannot be read ({error.strerror})") from error
