"""From an upload to spectrograms, in a process of its own: what a stranger's file hangs or crashes is ended."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.decode import Span, decode
from genrebench.audio.mel import MelConfig, segment_spectrograms
from genrebench.model.prediction import BATCH

# What decoding and spectrograms import, for the process that all others are forked from.
IMPORTS = (__name__, "av", "librosa.core.spectrum", "librosa.filters", "librosa.util.utils", "scipy.sparse")


@dataclass(frozen=True)
class Heard:
    """What a recording holds.

    Attributes
    ----------
    seconds : float
        Its length.
    segments : int
        Segments with a spectrogram.
    notes : sequence of str
        Remarks on what is wrong with it.
    spans : sequence of tuple of float
        Where each segment begins and ends, in seconds.
    """

    seconds: float
    segments: int
    notes: Sequence[str]
    spans: Sequence[Span]


def hear(path: Path, mel: MelConfig, max_seconds: float, spectrograms: Path) -> Heard | None:
    """Decode a recording and write the spectrograms of its segments to a file, so that no memory grows with it.

    Parameters
    ----------
    max_seconds : float
        How long it may be. Its length is found by decoding it, and what is too long is decoded no further than that.
    spectrograms : Path
        A file for plain float32, which `read_spectrograms` reads.

    Returns
    -------
    Heard or None
        None if it is too long.

    Raises
    ------
    AudioError
        If it cannot be decoded, or holds nothing that can be classified.
    """
    samples = 0
    for block in decode(path, mel.sample_rate):
        samples += len(block)
        if samples > max_seconds * mel.sample_rate:
            return None
    notes: list[str] = []
    spans: list[Span] = []
    segments = 0
    with spectrograms.open("wb") as file:
        for spectrogram in segment_spectrograms(path, mel, notes=notes, spans=spans):
            file.write(spectrogram.tobytes())
            segments += 1
    return Heard(samples / mel.sample_rate, segments, notes, spans)


def read_spectrograms(path: Path, heard: Heard, mel: MelConfig) -> Iterator[NDArray[np.float32]]:
    """Read what `hear` wrote, some at a time.

    Yields
    ------
    ndarray of float32 [shape=(n, n_mels, frames)]
        Segments in order.
    """
    with path.open("rb") as file:
        for first in range(0, heard.segments, BATCH):
            count = min(BATCH, heard.segments - first)
            yield np.fromfile(file, np.float32, count * mel.shape[0] * mel.shape[1]).reshape(count, *mel.shape)
