"""Decoding as a stream: block borders, tails, and headers that claim too much."""

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from genrebench.audio import decode
from genrebench.audio.decode import cut_segments
from genrebench.errors import AudioError
from tests.conftest import Recorder

SEGMENT = 66_150


def segments(path: Path) -> NDArray[np.float32]:
    """Cut a recording into segments of three seconds."""
    return np.stack(list(cut_segments(path, sample_rate=22050, samples=SEGMENT)))


def test_resampled_audio_does_not_depend_on_the_blocks(
    record: Recorder, music: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading in blocks of another size changes no bit, so no block border can be heard."""
    path = record("a.wav", music[: 22050 * 7], 16000)
    expected = segments(path)
    for frames in (1000, 4096, 2**20):
        monkeypatch.setattr(decode, "_BLOCK_FRAMES", frames)
        np.testing.assert_array_equal(segments(path), expected)


@pytest.mark.parametrize(("seconds", "count"), [(29.93, 10), (28.51, 10), (28.49, 9), (31.6, 11), (1.6, 1)])
def test_a_tail_of_half_a_segment_is_padded_and_a_shorter_one_dropped(
    record: Recorder, music: NDArray[np.float32], seconds: float, count: int
) -> None:
    """A 29.93 s track still gives ten segments; the padded one ends in silence."""
    samples = np.tile(music, 2)[: int(22050 * seconds)]
    cut = segments(record("a.wav", samples, subtype="FLOAT"))
    assert len(cut) == count
    kept = min(len(samples), count * SEGMENT)
    np.testing.assert_array_equal(cut.ravel()[:kept], samples[:kept])
    assert not cut.ravel()[kept:].any()


def test_a_header_that_claims_too_much_is_not_believed(record: Recorder, music: NDArray[np.float32]) -> None:
    """A truncated wav gives the segments that are there; a claimed sample rate of 1 Hz is refused."""
    path = record("a.wav", music[: 3 * 66150])
    content = bytearray(path.read_bytes())
    path.write_bytes(content[: len(content) * 2 // 3])
    assert len(segments(path)) == 2
    content[24:28] = struct.pack("<I", 1)
    path.write_bytes(content)
    with pytest.raises(AudioError, match="1 Hz"):
        segments(path)
