"""Spectrograms that a network makes itself."""

import math

import numpy as np

from genrebench.network.types import Array
from genrebench.porting.definition import Given, defines
from genrebench.porting.definitions.convolution import bordered
from genrebench.porting.kernels import windows
from genrebench.porting.primitives import arctan2, concatenate, fourier, largest, log, maximum, pad, take
from genrebench.porting.tape import Value
from genrebench.reading.kinds import audio as kinds

# Squares below it count as it (keras.backend.epsilon()).
_LEAST = 1e-7


def mel_matrix(kind: kinds.MelSpectrogram) -> Array:
    """Compute how much of each frequency is in each band [shape=(fft_length // 2 + 1, bands)], in float32 as in Keras.

    Triangles over HTK's Mel scale, ``1127 log(1 + f / 700)`` (Young et al., "The HTK book", 2006, section 5.4).
    """
    places = _mel(np.linspace(0, kind.sampling_rate / 2, kind.fft_length // 2 + 1))[1:, None]
    edges = _edges(kind)
    below, middle, above = edges[:-2], edges[1:-1], edges[2:]
    slopes = np.minimum((places - below) / (middle - below), (above - places) / (above - middle))
    # The first one, of 0 Hz, is in no band.
    return np.pad(np.maximum(slopes, 0.0), [(1, 0), (0, 0)]).astype(np.float32)


def _mel(hertz: Array) -> Array:
    """Convert frequencies."""
    return np.asarray(1127.0 * np.log(1 + hertz / 700.0))


def _edges(kind: kinds.MelSpectrogram) -> Array:
    """Compute where bands begin, have their middles, and end."""
    low, high = _mel(np.array([kind.min_freq, kind.max_freq]))
    return np.linspace(low, high, kind.num_mel_bins + 2)


def canceled_in_bands(kind: kinds.MelSpectrogram) -> float:
    """Measure how much larger the edges of bands are than the bands, which are as exact as they."""
    edges = _edges(kind)
    return float(edges[-1] / (edges[1] - edges[0]))


def _window(kind: kinds.MelSpectrogram) -> Array:
    """Compute a window in the middle of a frame: periodic, but for odd lengths (tf.signal.hann_window)."""
    period = kind.sequence_length - kind.sequence_length % 2
    turns = np.arange(kind.sequence_length) / period if period else np.array([0.5])
    share = {"hann": 0.5, "hamming": 0.54}[kind.window]
    left = (kind.fft_length - kind.sequence_length) // 2
    window = share - (1 - share) * np.cos(2 * np.pi * turns)
    return np.pad(window, (left, kind.fft_length - kind.sequence_length - left))


@defines(kinds.MelSpectrogram)
def _mel_spectrogram(kind: kinds.MelSpectrogram, given: Given) -> Value:
    """Compute Mel bands of frames of a mirrored signal, in decibels if asked for (preprocessing/mel_spectrogram.py).

    The loudest value, below which decibels are cut off, is that of the whole batch.
    """
    half = kind.fft_length // 2
    x = take(given.x, np.pad(np.arange(given.x.shape[1]), half, mode="reflect"), axis=1)
    frames = windows(x.reshape(*x.shape, 1), (kind.fft_length,), (kind.sequence_stride,))
    real, imag = fourier(frames.reshape(*frames.shape[:2], -1) * _window(kind))
    spectrum = (real * real + imag * imag) ** (kind.mag_exp / 2)
    bands = (spectrum @ Value(mel_matrix(kind).astype(np.float64))).transpose(0, 2, 1)
    if not kind.power_to_db:
        return bands
    reference = math.log10(max(abs(kind.ref_power), kind.min_power))
    decibels = log(maximum(bands, kind.min_power)) * (10 / math.log(10)) - 10 * reference
    return maximum(decibels, largest(decibels, (0, 1, 2)) - kind.top_db)


@defines(kinds.STFTSpectrogram)
def _stft_spectrogram(kind: kinds.STFTSpectrogram, given: Given) -> Value:
    """Compute ``sum over i of x[p step + i] kernel[i, 0, k]`` of each channel (preprocessing/stft_spectrogram.py)."""
    x = given.x.transpose(0, 2, 1) if kind.is_last else given.x
    batch, channels, length = x.shape
    size, steps = (kind.frame_length,), (kind.frame_step,)
    signals = bordered(x.reshape(batch * channels, length, 1), size, steps, (1,), kind.padding)
    frames = windows(signals, size, steps)
    frames = frames.reshape(batch, channels, frames.shape[1], kind.frame_length)

    def times(name: str) -> Value:
        """Multiply by waves [shape=(n, channels, frames, bins)]."""
        return frames @ given.weights[name].reshape(kind.frame_length, kind.bins)

    real = times("real_kernel") if kind.mode != "imag" else None
    imag = times("imag_kernel") if kind.mode != "real" else None
    y = _made(kind.mode, real, imag)
    if kind.expand_dims:
        return y.transpose(0, 2, 3, 1) if kind.is_last else y
    y = y.transpose(0, 1, 3, 2)
    y = y.reshape(batch, channels * y.shape[2], y.shape[3])
    return y.transpose(0, 2, 1) if kind.is_last else y


def _made(mode: str, real: Value | None, imag: Value | None) -> Value:
    """Compute what is asked for."""
    if real is None or imag is None:
        found = imag if real is None else real
        assert found is not None
        return found
    if mode == "angle":
        return arctan2(imag, real)
    if mode == "stft":
        return concatenate([real, imag], -1)
    power = real * real + imag * imag
    if mode == "psd":
        return power + pad(power[..., 1:-1], [(0, 0), (0, 0), (0, 0), (1, 1)])
    magnitude = maximum(power, _LEAST) ** 0.5
    return log(maximum(magnitude, _LEAST)) if mode == "log" else magnitude
