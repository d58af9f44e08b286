"""What the bytes of a file say without being decoded: here where an MP3 ends."""

import io
from typing import Any

import pytest

from genrebench.audio.contents import ends_within_a_frame
from tests.audio.zoo import ENCODERS, encoded

CASES = [
    *(("mp3", rate, bits) for rate in (8000, 11025, 16000, 24000, 44100, 48000) for bits in (32, 64)),
    *(("mp2", rate, bits) for rate in (16000, 24000, 32000, 44100) for bits in (64, 160)),
]
TAG = b"TAG" + bytes(125)
# An APE tag whose picture holds what looks like the head of a frame.
APE = b"APETAGEX" + bytes(20) + b"\xff\xfb\x90\x64" + bytes(40) + b"APETAGEX" + bytes(24)


def is_cut(content: bytes, demuxer: str = "mp3") -> bool:
    """Ask it of a content."""
    raw: Any = io.BytesIO(content)
    return ends_within_a_frame(raw, demuxer)


def mpeg(extension: str, rate: int, bits: int, seconds: float = 1.0) -> bytes:
    """Encode music at a fixed bit rate, without a header that says how long it is."""
    muxing: dict[str, Any] = {"write_xing": "0", "id3v2_version": "0"} if extension == "mp3" else {}
    return encoded(extension, rate, seconds=seconds, b=f"{bits}k", **muxing)


@pytest.mark.parametrize(("extension", "rate", "bits"), CASES)
def test_an_mp3_that_ends_within_a_frame_is_cut(extension: str, rate: int, bits: int) -> None:
    """Wherever in the frame, its header included; not where a frame ends, and not with a tag behind it."""
    content = mpeg(extension, rate, bits)
    assert not is_cut(content)
    samples = 1152 if extension == "mp2" or rate >= 32000 else 576
    frame = samples * bits * 125 // rate
    for missing in (1, 2, 10, frame // 2, frame - 5):
        assert is_cut(content[:-missing])
        assert is_cut(content[:-missing] + TAG)
    boundaries = [missing for missing in range(1, frame + 3) if not is_cut(content[:-missing])]
    assert len(boundaries) == 1
    assert frame <= boundaries[0] <= frame + 1  # with a byte of padding
    assert not is_cut(content + TAG)
    assert not is_cut(content + APE + TAG)
    assert not is_cut(content + bytes(500))


@pytest.mark.parametrize("rate", [32000, 44100, 48000])
@pytest.mark.parametrize("extension", ["ac3", "eac3"])
def test_ac3_that_ends_within_a_frame_is_cut(extension: str, rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an MP3 is; what is of another format is not looked into."""
    monkeypatch.setitem(ENCODERS, "eac3", ("eac3", "eac3", (rate,)))
    content = encoded(extension, rate, seconds=1.0, b="96k")
    assert not is_cut(content, extension)
    boundaries = [missing for missing in range(1, 600) if not is_cut(content[:-missing], extension)]
    frame = 1536 * 96 * 125 / rate
    assert len(boundaries) == 1
    assert frame - 2 <= boundaries[0] <= frame + 2
    assert not is_cut(content[:-20], "aac")


def test_the_end_of_a_long_file_decides() -> None:
    """What comes before it is not read; where it begins within a frame, the next one is found."""
    content = mpeg("mp3", 44100, 64, seconds=10.0)
    assert len(content) > 70_000
    assert not is_cut(content)
    assert is_cut(content[:-50])
    assert not is_cut(bytes(1000) + content)


def test_what_is_no_mp3_is_not_cut() -> None:
    """Nor what is so short that its frames may be an accident."""
    content = mpeg("mp3", 44100, 64)
    first = content[:209]
    assert not any(is_cut(each) for each in (b"", b"\xff", b"\xff" * 300, bytes(300), first, first[:100], b"ID3" * 999))
