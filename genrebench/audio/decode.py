"""From a file to mono samples at one sample rate, as a stream: memory does not grow with the recording's length."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from genrebench.errors import AudioError
from genrebench.system.files import StrPath

# Sample rates outside this range come from broken headers, and would be resampled to an absurd length.
SAMPLE_RATES = (1_000, 1_000_000)
# Full scale is 1; samples far beyond it are no sound, and their power would overflow.
LOUDEST = 1e6

_BLOCK_FRAMES = 65536


def cut_segments(path: StrPath, *, sample_rate: int, samples: int) -> Iterator[NDArray[np.float32]]:
    """Cut a recording into segments.

    Parameters
    ----------
    path : str or PathLike
        Recording in any format, sample rate and number of channels that libsndfile reads.
    sample_rate : int
        Samples per second that it is resampled to.

    Yields
    ------
    ndarray of float32 [shape=(samples,)]
        Segments in order. A tail of at least half a segment is padded with silence, a shorter one is dropped.

    Raises
    ------
    AudioError
        If the recording cannot be decoded, holds NaN or infinity, or is shorter than half a segment.
    """
    pending = np.empty(0, dtype=np.float32)
    count = 0
    for block in decode(path, sample_rate):
        pending = np.concatenate([pending, block])
        while len(pending) >= samples:
            yield pending[:samples]
            pending = pending[samples:]
            count += 1
    if 2 * len(pending) >= samples:
        yield np.pad(pending, (0, samples - len(pending)))
    elif count == 0:
        raise AudioError(
            f"expected at least {samples / 2 / sample_rate:g} s of audio, received {len(pending) / sample_rate:.3g} s",
            path=path,
        )


def decode(path: StrPath, sample_rate: int) -> Iterator[NDArray[np.float32]]:
    """Decode a recording to mono, the mean of its channels, block by block.

    Parameters
    ----------
    path : str or PathLike
        Recording in any format, sample rate and number of channels that libsndfile reads.
    sample_rate : int
        Samples per second that it is resampled to.

    Yields
    ------
    ndarray of float32 [shape=(n,)]
        Consecutive samples; how they are cut into blocks carries no meaning.

    Raises
    ------
    AudioError
        If the file cannot be decoded, or holds NaN or infinity.
    """
    path = Path(path)
    try:
        if path.stat().st_size == 0:
            raise AudioError("expected a recording, received an empty file (0 bytes)", path=path)
        # libsndfile calls every failure of the system "System error"; open() says which.
        path.open("rb").close()
        with soundfile.SoundFile(os.fsencode(path)) as file:  # bytes, for names that are not UTF-8
            rate = file.samplerate
            if not SAMPLE_RATES[0] <= rate <= SAMPLE_RATES[1]:
                raise AudioError(f"expected a sample rate in {SAMPLE_RATES} Hz, the header says {rate} Hz", path=path)
            resampler = None if rate == sample_rate else soxr.ResampleStream(rate, sample_rate, 1, dtype="float32")
            block = np.empty(_BLOCK_FRAMES, dtype=np.float32)
            while len(block) == _BLOCK_FRAMES:
                block = file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True).mean(axis=1)
                if not (np.abs(block) <= LOUDEST).all():
                    raise AudioError(
                        f"expected samples of at most {LOUDEST:g}, received NaN, infinity or more", path=path
                    )
                # A short block is the last one: only then does the resampler give out what it still holds.
                yield resampler.resample_chunk(block, last=len(block) < _BLOCK_FRAMES) if resampler else block
    except soundfile.LibsndfileError as error:
        raise AudioError(f"cannot be decoded ({error.error_string.rstrip('.')})", path=path) from error
    except OSError as error:
        raise AudioError(f"cannot be read ({error.strerror})", path=path) from error
