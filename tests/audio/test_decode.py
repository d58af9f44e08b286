"""Decoding as a stream: block borders, tails, and headers that claim too much."""

import errno
import io
import os
import re
import struct
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from genrebench.audio import readers
from genrebench.audio.decode import cut_segments, is_silent
from genrebench.audio.readers import read_blocks
from genrebench.errors import AudioError
from tests.audio.zoo import encoded
from tests.audio.zoo import music as zoo_music
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
        monkeypatch.setattr(readers, "BLOCK_FRAMES", frames)
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


@pytest.mark.parametrize(("name", "tolerance"), [("a.flac", 0.0), ("a.ogg", 1e-6), ("a.mp3", 5e-6)])
@pytest.mark.parametrize("rate", [8000, 24000, 44100])
def test_ffmpeg_and_libsndfile_give_the_same_samples(
    record: Recorder, name: str, tolerance: float, rate: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """As many, from the same place on: bit for bit in FLAC, within rounding in Vorbis and MP3."""
    path = record(name, zoo_music(rate, 2), rate)
    heard = np.concatenate([block for _, block in read_blocks(path, [])])
    expected = soundfile.read(path, dtype="float32", always_2d=True)[0]
    capfd.readouterr()  # what libmpg123 prints
    assert heard.shape == expected.shape
    np.testing.assert_allclose(heard, expected, rtol=0, atol=tolerance)


def test_a_pipe_is_the_same_as_a_file(record: Recorder) -> None:
    """Also for WAV, which from a pipe is read by FFmpeg."""
    code = "import sys; from tests.audio.test_decode import segments; print(segments('/dev/stdin').tobytes().hex())"
    for name in ("a.wav", "a.mp3"):
        path = record(name, zoo_music(22050, 1), 22050)
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, input=path.read_bytes(), capture_output=True, check=True)
        np.testing.assert_array_equal(np.frombuffer(bytes.fromhex(done.stdout.decode()), "f4"), segments(path).ravel())


def test_a_pipe_is_waited_for_as_long_as_somebody_may_write(
    record: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that nobody has opened is refused after a while; one whose writer takes his time is read."""
    monkeypatch.setattr(readers, "_PATIENCE", 0.0)
    path, pipe = record("a.wav", zoo_music(22050, 1), 22050), tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(AudioError, match="received a pipe that nobody writes into"):
        segments(pipe)
    held = os.open(pipe, os.O_RDWR)  # as somebody at both ends
    content, blocking = path.read_bytes(), os.set_blocking

    def write() -> None:
        """Write all, and leave."""
        pipe.write_bytes(content)
        os.close(held)

    writer = threading.Thread(target=write)

    def begin(descriptor: int, value: bool) -> None:
        """Write only once the reader has seen that there is nothing yet."""
        blocking(descriptor, value)
        writer.start()

    monkeypatch.setattr(os, "set_blocking", begin)
    np.testing.assert_array_equal(segments(pipe), segments(path))
    writer.join()


def notes_of(path: Path) -> list[str]:
    """Hear a recording, and return the remarks on it."""
    notes: list[str] = []
    assert list(cut_segments(path, sample_rate=22050, samples=22050, notes=notes))
    return notes


def test_what_is_wrong_with_a_recording_is_noted(tmp_path: Path) -> None:
    """Where it is damaged, where it ends, and what it says; nothing on one that is whole."""
    content = encoded("mp3", 44100)
    length, junk = len(content), np.random.default_rng(0).bytes(5000)
    path = tmp_path / "a.mp3"
    expected = {
        content: [],
        content[: length // 2]: [r"ends at [23]\.\d s, though it says 6\.0 s"],
        content[: length // 2] + junk + content[length // 2 + 5000 :]: [r"damaged at [23]\.\d s; 5\.\d of 6\.0 s were"],
        content + content: [r"damaged at 6\.\d s; 1[12]\.\d of 12\.\d s were heard"],
    }
    for changed, patterns in expected.items():
        path.write_bytes(changed)
        notes = notes_of(path)
        assert len(notes) == len(patterns), notes
        assert all(re.match(pattern, note) for pattern, note in zip(patterns, notes, strict=True)), notes


@pytest.mark.parametrize("extension", ["mp3", "mp2", "aac", "ac3", "amr"])
def test_a_cut_within_the_last_frame_is_noted(tmp_path: Path, extension: str) -> None:
    """Of formats that do not say how long they are; a whole one has no note."""
    muxing: dict[str, Any] = {"write_xing": "0", "id3v2_version": "0"} if extension == "mp3" else {}
    content = encoded(extension, {"amr": 8000}.get(extension, 48000), seconds=2.0, **muxing)
    path = tmp_path / f"a.{extension}"
    path.write_bytes(content)
    assert notes_of(path) == []
    path.write_bytes(content[:-20])
    (note,) = notes_of(path)
    assert re.fullmatch(r"its end at [12]\.\d s is damaged or missing", note)


def muxed(muxer: str, sound: str, picture: str | None, frames: int) -> bytes:
    """Encode music, behind a stream of pictures: one is a cover, more are a video."""
    import av
    from av.stream import Disposition

    buffer = io.BytesIO()
    writing: Any = av.open
    with writing(buffer, "w", format=muxer) as container:
        video = container.add_stream(picture, rate=25) if picture else None
        audio = container.add_stream(sound, rate=44100, layout="stereo")
        if video is not None:
            video.width, video.height = 64, 48
            video.pix_fmt = {"png": "rgb24", "mjpeg": "yuvj420p"}.get(str(picture), "yuv420p")
            if frames == 1:
                video.disposition = Disposition.attached_pic.value
            for number in range(frames):
                image = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 4 * number, np.uint8), format="rgb24")
                image.pts, image.time_base = number, Fraction(1, 25)
                container.mux(video.encode(image))
            container.mux(video.encode(None))
        samples = av.AudioFrame.from_ndarray(zoo_music(44100, 2, 2.0).reshape(1, -1), format="flt", layout="stereo")
        samples.sample_rate, samples.pts = 44100, 0
        resampler = av.AudioResampler(format=audio.format, layout="stereo", rate=44100)
        for part in [*resampler.resample(samples), *resampler.resample(None)]:
            container.mux(audio.encode(part))
        container.mux(audio.encode(None))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("muxer", "sound", "picture", "frames"),
    [
        ("mp3", "libmp3lame", "png", 1),
        ("flac", "flac", "mjpeg", 1),
        ("mp4", "aac", "png", 1),
        ("mp4", "aac", "mpeg4", 50),
        ("matroska", "aac", "mpeg4", 50),
        ("avi", "libmp3lame", "mpeg4", 50),
        ("mov", "pcm_s16le", "mpeg4", 50),
    ],
)
def test_pictures_beside_the_sound_change_nothing(
    tmp_path: Path, muxer: str, sound: str, picture: str, frames: int
) -> None:
    """A cover, or a video whose pictures are the first stream: the samples are those of the sound alone."""
    path, notes = tmp_path / "a", [""]
    path.write_bytes(muxed(muxer, sound, None, 0))
    alone = np.concatenate([block for _, block in read_blocks(path, notes)])
    path.write_bytes(muxed(muxer, sound, picture, frames))
    heard = np.concatenate([block for _, block in read_blocks(path, notes)])
    assert alone.shape[0] >= 2 * 44100
    np.testing.assert_array_equal(heard, alone)
    assert notes == [""]
    assert notes_of(path) == []


def test_a_video_without_sound_is_said_to_hold_pictures_only(tmp_path: Path) -> None:
    """It is no recording."""
    import av

    path = tmp_path / "a.mp4"
    writing: Any = av.open
    with writing(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for _ in range(5):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        container.mux(video.encode(None))
    with pytest.raises(AudioError, match=r"a\.mp4: cannot be decoded; it holds no audio, but pictures only"):
        segments(path)


def test_what_is_no_audio_is_named(tmp_path: Path) -> None:
    """A picture, a page, text, zeros, a playlist, a video without sound: what it is, whatever its name."""
    contents = {
        "a picture (PNG), not audio": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "a web page, not audio": b"\n<!doctype HTML><html></html>" * 100,
        "text, not audio": "Žižek, liner notes\n".encode() * 100,
        "nothing but zeros": bytes(10_000),
        "a playlist": b"#EXTM3U\nhttp://127.0.0.1/a.ts\n",
        "a FLAC file, damaged or cut short": b"fLaC" + bytes(10),
    }
    for what, content in contents.items():
        (tmp_path / "a.mp3").write_bytes(content)
        with pytest.raises(AudioError, match=f"cannot be decoded; it is {re.escape(what)}"):
            segments(tmp_path / "a.mp3")


def test_a_file_that_cannot_be_read_to_its_end_says_why(record: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails in the middle is no end of the recording."""
    path = record("a.mp3")

    class Failing(io.BufferedReader):
        """A file whose disk fails behind its first bytes."""

        def read(self, size: int | None = -1, /) -> bytes:
            """Read, or fail."""
            if self.tell() > 40_000:
                raise OSError(errno.EIO, "Input/output error")
            return super().read(size)

    monkeypatch.setattr(Path, "open", lambda self, mode: Failing(io.FileIO(self)))
    with pytest.raises(AudioError, match=r"a\.mp3: cannot be read \(Input/output error\)"):
        segments(path)


def test_channels_that_cancel_each_other_are_heard_one_by_one(record: Recorder, music: NDArray[np.float32]) -> None:
    """Upside down, also nearly so and among more channels; channels that do not cancel are averaged without a note."""
    for opposite in (-music, -0.999 * music):
        path = record("a.wav", np.stack([music, opposite], axis=1), subtype="FLOAT")
        np.testing.assert_array_equal(segments(path).ravel(), music)
        assert "cancel each other" in notes_of(path)[0]
    assert notes_of(record("b.wav", np.stack([music, -0.9 * music], axis=1), subtype="FLOAT")) == []


def test_silence_is_whatever_does_not_change(music: NDArray[np.float32]) -> None:
    """Zeros, a constant, the last bit, a click; music however soft is none."""
    nothing = np.zeros(66150, np.float32)
    click = nothing.copy()
    click[1000:1020] = 0.5
    assert all(map(is_silent, (nothing, nothing + np.float32(0.1), click, np.sign(music[:66150]) * np.float32(2**-15))))
    assert not is_silent(music[:66150] * np.float32(0.001))
    assert not is_silent(np.concatenate([nothing[:60000], music[:6150]]))
