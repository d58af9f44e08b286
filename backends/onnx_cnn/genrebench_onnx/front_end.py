"""What comes before the network, as nodes of ONNX: from audio to Mel spectrograms in dB, and their standardization."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench_onnx.graph import GraphWriter


def write_mel(
    writer: GraphWriter,
    audio: str,
    settings: Mapping[str, Any],
    window: NDArray[np.float64],
    filters: NDArray[np.float32],
) -> str:
    """Write what `genrebench.mel_spectrogram` computes.

    All is in float64, where it costs next to nothing: what differs from librosa is then librosa's own rounding.

    Parameters
    ----------
    audio : str
        Segments of mono audio (n, samples).
    settings : mapping
        ``n_fft``, ``hop_length``, ``min_power``, below which a band is empty, and ``floor_db``.
    window : ndarray [shape=(n_fft,)]
        By which each frame is multiplied.
    filters : ndarray [shape=(n_mels, 1 + n_fft // 2)]
        Mel filters.

    Returns
    -------
    str
        Spectrograms in dB (n, n_mels, frames).
    """
    half = settings["n_fft"] // 2
    exact = writer.cast(audio, "float64", "mel/audio")
    padded = writer.node("Pad", [exact, writer.integers([0, half, 0, half], "mel/pads")], "mel/padded")
    signal = writer.node("Unsqueeze", [padded, writer.integers([2], "mel/last")], "mel/signal")
    step, length = writer.integers(settings["hop_length"], "mel/hop"), writer.integers(settings["n_fft"], "mel/n_fft")
    weights = writer.constant(window, "mel/window", np.float64)
    spectrum = writer.node("STFT", [signal, step, weights, length], "mel/spectrum", onesided=1)
    bins = writer.node("ReduceSumSquare", [spectrum, writer.integers([3], "mel/parts")], "mel/bins", keepdims=0)
    # Kept in the type in which librosa makes them.
    bank = writer.cast(writer.constant(filters.T, "mel/filters", np.float32), "float64", "mel/bank")
    power = writer.node("MatMul", [bins, bank], "mel/frames_last")
    power = writer.node("Transpose", [power], "mel/power", perm=[0, 2, 1])
    least = writer.constant(settings["min_power"], "mel/min_power", np.float64)
    floor = writer.constant(settings["floor_db"], "mel/floor_db", np.float64)
    loudest = writer.node("ReduceMax", [power, writer.integers([1, 2], "mel/segment")], "mel/loudest")
    level, reference = (
        _decibels(writer, writer.node("Max", [each, least], f"{each}/audible"), each) for each in (power, loudest)
    )
    below = writer.node("Max", [writer.node("Sub", [level, reference], "mel/below"), floor], "mel/floored")
    # A segment without sound is all floor.
    heard = writer.node("Greater", [loudest, least], "mel/heard")
    return writer.cast(writer.node("Where", [heard, below, floor], "mel/db"), "float32", "mel/spectrogram")


def _decibels(writer: GraphWriter, power: str, name: str) -> str:
    """Take ten times the decimal logarithm."""
    factor = writer.constant(10 / math.log(10), f"{name}/factor", np.float64)
    return writer.node("Mul", [writer.node("Log", [power], f"{name}/log"), factor], f"{name}/decibels")


def write_standardization(writer: GraphWriter, spectrogram: str, standardizer: Mapping[str, Any]) -> str:
    """Write what a standardizer does; of a kind that goes by the recording, the batch is one.

    Parameters
    ----------
    spectrogram : str
        Spectrograms in dB (n, n_mels, frames).
    standardizer : mapping
        As in ``model.json``.
    """
    kind = standardizer.get("kind", "global")
    if kind in ("global", "band"):
        shape = (-1, 1) if kind == "band" else ()
        shift, scale = (np.reshape(standardizer[name], shape) for name in ("mean", "std"))
        names = [writer.constant(shift, "standardize/shift"), writer.constant(scale, "standardize/scale")]
    else:
        names = [
            writer.cast(each, "float32", f"{each}/float32") for each in _measured(writer, spectrogram, standardizer)
        ]
    centered = writer.node("Sub", [spectrogram, names[0]], "standardize/centered")
    return writer.node("Div", [centered, names[1]], "standardize/output")


def _measured(writer: GraphWriter, spectrogram: str, standardizer: Mapping[str, Any]) -> tuple[str, str]:
    """Measure shift and scale on the whole batch, in float64."""
    by_band = standardizer["kind"] == "track-band"
    exact = writer.cast(spectrogram, "float64", "standardize/exact")
    axes = writer.integers([0, 2] if by_band else [0, 1, 2], "standardize/axes")
    mean = writer.node("ReduceMean", [exact, axes], "standardize/mean")
    apart = writer.node("Sub", [exact, mean], "standardize/apart")
    square = writer.node("Mul", [apart, apart], "standardize/square")
    variance = writer.node("ReduceMean", [square, axes], "standardize/variance")
    deviation = writer.node("Sqrt", [variance], "standardize/deviation")
    if by_band:
        if standardizer.get("shrinkage"):
            deviation = _shrunk(writer, square, deviation, standardizer["shrinkage"])
        level = writer.constant(standardizer["level"], "standardize/level", np.float64)
        return mean, writer.node("Add", [deviation, level], "standardize/raised")
    # What never changes becomes 0.
    least = writer.node("Mul", [writer.node("Abs", [mean], "standardize/size"),
                                writer.constant(standardizer["rounding"], "standardize/rounding", np.float64)],
                        "standardize/least")  # fmt: skip
    changes = writer.node("Greater", [deviation, least], "standardize/changes")
    endless = writer.constant(np.inf, "standardize/endless", np.float64)
    return mean, writer.node("Where", [changes, deviation, endless], "standardize/scale_or_endless")


def _shrunk(writer: GraphWriter, square: str, deviation: str, shrinkage: float) -> str:
    """Draw the deviations of bands towards that of all of them, as `TrackBandStandardizer` does."""
    axes = writer.integers([0, 1, 2], "standardize/all_axes")
    pooled = writer.node("Sqrt", [writer.node("ReduceMean", [square, axes], "standardize/power")], "standardize/pooled")
    factors = [
        writer.node("Pow", [each, writer.constant(power, f"{each}/power", np.float64)], f"{each}/shrunk")
        for each, power in ((deviation, 1 - shrinkage), (pooled, shrinkage))
    ]
    return writer.node("Mul", factors, "standardize/shrunk")
