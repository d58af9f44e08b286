"""From a file to mono samples at one sample rate, as a stream: memory does not grow with the recording's length."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from genrebench.audio.readers import MAX_CHANNELS, Block, read_blocks
from genrebench.errors import AudioError
from genrebench.system.files import StrPath, escaped
from genrebench.system.remote import RemotePath, as_path, fetched

# Where something begins and ends in a recording, in seconds.
Span = tuple[float, float]

# Raised when the same file gives other samples or segments. 1: libsndfile alone, and silent segments counted, too.
DECODING = 2
# Sample rates outside this range come from broken headers, and would be resampled to an absurd length.
SAMPLE_RATES = (1_000, 1_000_000)
# Full scale is 1; samples far beyond it are no sound, and their power would overflow.
LOUDEST = 1e6
# Amplitude that still counts as silence: one step of 16-bit audio.
SILENCE = 2.0**-15
# Share of the samples that may be louder: a click makes no music.
CLICKS = 0.01
# Where the mean of the channels has less than this share of their level, they cancel each other.
CANCELED = 0.01
# A recording of "exactly half a segment" may be some samples shorter after resampling.
SLACK_SECONDS = 0.01


def cut_segments(
    path: StrPath,
    *,
    sample_rate: int,
    samples: int,
    notes: list[str] | None = None,
    spans: list[Span] | None = None,
    on_block: Callable[[NDArray[np.float32], int], None] | None = None,
) -> Iterator[NDArray[np.float32]]:
    """Cut a recording into segments, and leave out those that are silent.

    Parameters
    ----------
    path : str or PathLike
        Recording in any format, sample rate and number of channels that libsndfile or FFmpeg reads.
    sample_rate : int
        Samples per second that it is resampled to.
    notes : list of str, optional
        Takes remarks on what is wrong with the recording although it can be heard.
    spans : list of tuple of float, optional
        Takes where each segment begins and ends in the recording, in seconds; what is padded does not count.
    on_block : callable, optional
        As of `decode`.

    Yields
    ------
    ndarray of float32 [shape=(samples,)]
        Segments in order. A tail of at least half a segment is padded with silence, a shorter one is dropped.

    Raises
    ------
    AudioError
        If the recording cannot be decoded, holds NaN or infinity, is shorter than half a segment, or is silent.
    """
    pending = np.empty(0, dtype=np.float32)
    count = sounding = 0
    spans = [] if spans is None else spans
    for block in decode(path, sample_rate, notes, on_block):
        pending = np.concatenate([pending, block])
        while len(pending) >= samples:
            count += 1
            if not is_silent(pending[:samples]):
                sounding += 1
                spans.append(((count - 1) * samples / sample_rate, count * samples / sample_rate))
                yield pending[:samples]
            pending = pending[samples:]
    if 2 * (len(pending) + round(SLACK_SECONDS * sample_rate)) >= samples:
        count += 1
        if not is_silent(pending):
            sounding += 1
            start = (count - 1) * samples
            spans.append((start / sample_rate, (start + len(pending)) / sample_rate))
            yield np.pad(pending, (0, samples - len(pending)))
    if count == 0:
        raise AudioError(
            f"expected at least {samples / 2 / sample_rate:g} s of audio, received {len(pending) / sample_rate:.3g} s",
            path=path,
        )
    if sounding == 0:
        raise AudioError("expected music, received silence; remove the recording", path=path)


def is_silent(samples: NDArray[np.float32]) -> bool:
    """Return whether there is no sound in some samples: a constant, wherever it lies, apart from a click."""
    # Where a thousandth of the samples already differ, so do all.
    return all(_spread(part) <= 2 * SILENCE for part in (samples[:: max(1, len(samples) // 1000)], samples))


def _spread(samples: NDArray[np.float32]) -> float:
    """Measure from where to where samples reach, but for the outermost ones."""
    outermost = int(CLICKS / 2 * len(samples))
    ordered = np.partition(samples, (outermost, len(samples) - 1 - outermost))
    return float(ordered[-1 - outermost] - ordered[outermost])


def decode(
    path: StrPath,
    sample_rate: int,
    notes: list[str] | None = None,
    on_block: Callable[[NDArray[np.float32], int], None] | None = None,
) -> Iterator[NDArray[np.float32]]:
    """Decode a recording to mono, the mean of its channels, block by block.

    Parameters
    ----------
    path : str or PathLike
        Recording in any format, sample rate and number of channels that libsndfile or FFmpeg reads.
    sample_rate : int
        Samples per second that it is resampled to.
    notes : list of str, optional
        Takes remarks on what is wrong with the recording although it can be heard.
    on_block : callable, optional
        Called with consecutive samples and their sample rate before they are resampled.

    Yields
    ------
    ndarray of float32 [shape=(n,)]
        Consecutive samples; how they are cut into blocks carries no meaning.

    Raises
    ------
    AudioError
        If the file cannot be decoded, or holds NaN or infinity.
    """
    path = as_path(path)
    resampler: soxr.ResampleStream | None = None
    before = 0
    notes = [] if notes is None else notes
    try:
        for rate, block in _mono(_blocks(path, notes), path, notes):
            if on_block is not None:
                on_block(block, rate)
            if rate != before:
                if resampler is not None:
                    yield _rest(resampler)
                resampler = None if rate == sample_rate else soxr.ResampleStream(rate, sample_rate, 1, dtype="float32")
                before = rate
            yield block if resampler is None else resampler.resample_chunk(block)
        if resampler is not None:
            yield _rest(resampler)
    except soundfile.LibsndfileError as error:
        raise AudioError(f"cannot be decoded ({error.error_string.rstrip('.')})", path=path) from error
    except (ValueError, ArithmeticError, LookupError, RuntimeError, MemoryError) as error:
        # Whatever strangers' files bring a decoder to; one recording never ends a run.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise AudioError(f"cannot be decoded ({reason[:200]})", path=path) from error
    except OSError as error:
        raise AudioError(f"cannot be read ({error.strerror or os.strerror(error.errno or 0)})", path=path) from error


def _blocks(path: Path, notes: list[str]) -> Iterator[Block]:
    """Read the audio of a file, which is fetched before if it is elsewhere."""
    if not isinstance(path, RemotePath):
        yield from read_blocks(path, notes)
        return
    with fetched(path) as local:
        try:
            yield from read_blocks(local, notes)
        except AudioError as error:
            raise AudioError(str(error).removeprefix(f"{escaped(local)}: "), path=str(path)) from error


def _rest(resampler: soxr.ResampleStream) -> NDArray[np.float32]:
    """Take what a resampler still holds."""
    rest: NDArray[np.float32] = resampler.resample_chunk(np.empty(0, dtype=np.float32), last=True)
    return rest


def _mono(blocks: Iterator[Block], path: Path, notes: list[str]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Take the mean of the channels, or the loudest one where they cancel each other; refuse what is no sound."""
    canceled = False
    for rate, block in blocks:
        if not SAMPLE_RATES[0] <= rate <= SAMPLE_RATES[1]:
            raise AudioError(f"expected a sample rate in {SAMPLE_RATES} Hz, the header says {rate} Hz", path=path)
        if block.shape[1] > MAX_CHANNELS:
            raise AudioError(f"expected at most {MAX_CHANNELS} channels, the header says {block.shape[1]}", path=path)
        mono = block.mean(axis=1)
        loudest = np.abs(mono).max(initial=0.0)
        if not loudest <= LOUDEST:
            raise AudioError(f"expected samples of at most {LOUDEST:g}, received NaN, infinity or more", path=path)
        if block.shape[1] > 1 and loudest < 0.1 * np.abs(block[::16]).max():
            levels = np.sqrt(np.square(block, dtype=np.float64).mean(axis=0))
            if levels.max() > SILENCE and np.sqrt(np.square(mono, dtype=np.float64).mean()) < CANCELED * levels.max():
                mono = np.ascontiguousarray(block[:, levels.argmax()])
                canceled = True
        yield rate, mono
    if canceled:
        notes.append("its channels cancel each other, one being the other upside down; a single one was heard")
