"""Blocks of samples from any file that holds audio: plain PCM by libsndfile, all else by FFmpeg's libraries.

Neither is believed where its reader can know better. libsndfile is four times as fast on PCM and gives the same bits;
FFmpeg hears a compressed file around its damage and to its end, whatever the header says, and keeps quiet about it.
"""

import errno
import itertools
import os
import re
import select
import stat
from collections.abc import Iterator
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from genrebench.audio.contents import (
    HEAD,
    caf_is_cut,
    content,
    ends_within_a_frame,
    is_plain_pcm,
    mp3_states_length,
    ogg_is_whole,
)
from genrebench.errors import AudioError

# Sample rate in Hz, and samples [shape=(frames, channels)].
Block = tuple[int, NDArray[np.float32]]

# More channels than this come from broken headers.
MAX_CHANNELS = 64
# Seconds by which a file may miss the length that it states: encoders pad.
LENGTH_TOLERANCE = 0.25
BLOCK_FRAMES = 65536

# Demuxers of audio and video files. None of them opens another file, as playlists do, or the network.
DEMUXERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,dtshd,eac3,flac,flv,loas,matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,ogg,rm,tak,"
    "tta,voc,w64,wav,wv"
)
# Those whose header states how long the stream is; for the others FFmpeg guesses it from the bit rate.
_STATE_LENGTH = frozenset("ape asf caf flac matroska mov mp3 mpc mpc8 tak tta w64 wv".split())
_PCM = re.compile("PCM_|FLOAT|DOUBLE|[AU]LAW")
# What libsndfile found out while it read a header.
_SHOULD_BE = re.compile(r"(?:data|SSND|Data Size|riff|Riff size) *: (\d+) \(should be (\d+)\)")
_STRAY = re.compile(r"Unknown chunk marker .* at position (\d+)")
# Lengths that stand for "not known yet", as programs write them that cannot go back to the header.
_UNKNOWN_LENGTH = 0x7FFF_0000
# A file of so few bytes may be a header without sound.
_HEADER = 4096
# So many failures in a row are the end: some demuxers stand still at what they cannot read.
_FAILURES = 1000
# Seconds that a pipe has for somebody who writes into it.
_PATIENCE = 5.0
# Seconds without sound between two frames that are a hole in the file.
_GAP = 0.1
# FFmpeg has numbers of its own for files that it cannot decode, and EINVAL.
_SYSTEM = frozenset({errno.EIO, errno.ESTALE, errno.ENXIO, errno.EISDIR, errno.EACCES, errno.ETIMEDOUT})


def read_blocks(path: Path, notes: list[str]) -> Iterator[Block]:
    """Read the audio of a file, of a pipe, or of the first audio stream of a video.

    Parameters
    ----------
    notes : list of str
        Takes remarks on what is wrong with the file although it can be heard.

    Yields
    ------
    int
        Sample rate in Hz; it may change within a stream.
    ndarray of float32 [shape=(frames, channels)]
        Consecutive samples.

    Raises
    ------
    AudioError
        If nothing in it can be decoded; the message says what it is instead.
    OSError
        If it cannot be read.
    """
    with _opened(path) as file:
        status = os.fstat(file.fileno())
        head = file.peek(HEAD)
        if not head:
            raise AudioError("expected a recording, received an empty file (0 bytes)", path=path)
        if stat.S_ISREG(status.st_mode) and is_plain_pcm(head):
            place = os.lseek(file.fileno(), 0, os.SEEK_CUR)
            stated = _open_pcm(file, status.st_size, notes)
            if isinstance(stated, soundfile.SoundFile):
                with stated:
                    yield from _read_pcm(stated)
                return
            os.lseek(file.fileno(), place, os.SEEK_SET)  # where what was peeked at ends
        else:
            stated = None
        yield from _read_compressed(file, path, head, notes, stated)


def _opened(path: Path) -> BufferedReader:
    """Open a file; a pipe that nobody writes into would be waited for, and could not be interrupted.

    Raises
    ------
    AudioError
        If nobody does.
    """
    if not path.is_fifo():
        return path.open("rb")
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(1000 * _PATIENCE):
            with suppress(BlockingIOError):  # somebody does, who takes his time
                os.read(descriptor, 1)
                raise AudioError("expected a recording, received a pipe that nobody writes into", path=path)
        os.set_blocking(descriptor, True)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _open_pcm(file: BufferedReader, size: int, notes: list[str]) -> soundfile.SoundFile | float | None:
    """Open a file of plain PCM, if that is what it is, and its header can be trusted.

    Returns
    -------
    SoundFile, float or None
        The file; or else the seconds that the header states, if it states any.
    """
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    try:
        opened = soundfile.SoundFile(file.fileno(), closefd=False)
    except soundfile.LibsndfileError:
        return None
    stray = _STRAY.search(opened.extra_info)
    # Some stray bytes at the end are none of the sound; a tenth of the file is.
    lies = (opened.frames == 0 and size > _HEADER) or (stray is not None and 10 * (size - int(stray[1])) > size)
    if lies or not _PCM.match(opened.subtype):
        opened.close()
        return opened.frames / opened.samplerate if lies and opened.samplerate else None
    cut = _SHOULD_BE.search(opened.extra_info)
    if cut and int(cut[2]) < int(cut[1]) < _UNKNOWN_LENGTH and opened.samplerate:
        heard = opened.frames / opened.samplerate
        notes.append(_ends_early(heard, heard * int(cut[1]) / max(1, int(cut[2]))))
    return opened


def _read_pcm(file: soundfile.SoundFile) -> Iterator[Block]:
    """Read a file of plain PCM."""
    while len(block := file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
        yield file.samplerate, block


def _read_compressed(
    file: BufferedReader, path: Path, head: bytes, notes: list[str], stated: float | None
) -> Iterator[Block]:
    """Read any other file: what cannot be decoded in it is left out, and noted.

    Parameters
    ----------
    stated : float, optional
        Seconds that its header states, where libsndfile has found that it lies.
    """
    import av

    states_length = not head.startswith((b"ID3", b"\xff")) or mp3_states_length(file, head)
    options = {"format_whitelist": DEMUXERS, "ignore_length": "1"}
    try:
        container = av.open(file, mode="r", options=options, metadata_errors="ignore")
    except (av.error.FFmpegError, ValueError, UnicodeError) as error:
        _reraise_system(error)
        raise AudioError(f"cannot be decoded; it is {content(head)}", path=path) from error
    with container:
        stream = container.streams.best("audio")
        if stream is None:
            only = "pictures only" if container.streams.video else "another kind of stream"
            raise AudioError(f"cannot be decoded; it holds no audio, but {only}", path=path)
        if stream.codec_context is None:
            raise AudioError("cannot be decoded; its audio is in a codec that is not known", path=path)
        # One thread, so that a recording's samples, and its damage, come in one order.
        stream.codec_context.thread_count = 1
        if container.format.name in {"flac", "ogg", "wv"}:  # whose checksums are better than the decoders' eyes
            stream.codec_context.options = {"err_detect": "crccheck+explode"}
        if stated is None and states_length:
            stated = _stated_length(container, stream)
        story = _Story(stated)
        if head.startswith(b"caff") and caf_is_cut(head, os.fstat(file.fileno()).st_size):
            notes.append("it was cut short")
        try:
            yield from _blocks(_frames(container, stream, story))
        except av.error.FFmpegError as error:
            _reraise_system(error)
            raise AudioError(f"cannot be decoded; it is {content(head)}", path=path) from error
        if not story.heard:
            raise AudioError(f"cannot be decoded; it is {content(head)}, and holds no sound", path=path)
        if file.seekable() and ends_within_a_frame(file, container.format.name):
            story.note_break()
        if "ogg" in container.format.name and file.seekable() and not ogg_is_whole(file):
            story.stated = None
            notes.append(f"ends at {story.heard:.1f} s without the mark of an end; it was cut short")
        notes += story.notes()


class _Story:
    """What was heard of a stream, and what was missed.

    Attributes
    ----------
    stated : float or None
        Seconds that the file states.
    heard : float
        Seconds that were decoded.
    """

    def __init__(self, stated: float | None) -> None:
        """Begin with nothing."""
        self.stated = stated
        self.heard = 0.0
        self._breaks: list[float] = []

    def note_break(self) -> None:
        """Note that something is missing here; what is missing within a second is one place."""
        if not self._breaks or self.heard - self._breaks[-1] > 1:
            self._breaks.append(self.heard)

    def notes(self) -> list[str]:
        """Say what is wrong, in a remark each."""
        found = []
        # Errors before the first sound are those of a stream that was joined late; those at the end, of a cut.
        inside = [place for place in self._breaks if 0 < place < self.heard - LENGTH_TOLERANCE]
        if inside:
            more = f" and {len(inside) - 1} more places" if len(inside) > 1 else ""
            of = "" if self.stated is None else f" of {self.stated:.1f}"
            found.append(f"damaged at {inside[0]:.1f} s{more}; {self.heard:.1f}{of} s were heard")
        elif self.stated is not None and self.heard < self.stated - LENGTH_TOLERANCE:
            found.append(_ends_early(self.heard, self.stated))
        elif self.stated is not None and self.heard > self.stated + LENGTH_TOLERANCE:
            found.append(f"goes on to {self.heard:.1f} s, though it says {self.stated:.1f} s")
        elif self._breaks and self._breaks[-1] > 0:
            found.append(f"its end at {self.heard:.1f} s is damaged or missing")
        return found


def _ends_early(heard: float, stated: float) -> str:
    """Remark that a file is shorter than it says."""
    return f"ends at {heard:.1f} s, though it says {stated:.1f} s"


def _stated_length(container: Any, stream: Any) -> float | None:
    """Read how long a file says that it is, in seconds; None where FFmpeg only guesses it."""
    if not _STATE_LENGTH & set(container.format.name.split(",")):
        return None
    if stream.duration is not None:
        return float(stream.duration * stream.time_base) or None
    # A container's length is that of its longest stream.
    return container.duration / 1e6 if container.duration and len(container.streams) == 1 else None


def _frames(container: Any, stream: Any, story: _Story) -> Iterator[Any]:
    """Decode packet by packet, passing over what cannot be decoded."""
    import av

    failures = 0
    expected: float | None = None
    packets, tick = container.demux(stream), float(stream.time_base)
    while failures < _FAILURES:
        try:
            packet = next(packets, None)
            frames = packet.decode() if packet is not None else None
        except (av.error.FFmpegError, ValueError) as error:
            _reraise_system(error)
            story.note_break()
            failures += 1
            packets = container.demux(stream)  # goes on behind what could not be read
            continue
        if frames is None:
            return
        failures = 0
        for frame in frames:
            if frame.pts is not None:
                begins = frame.pts * tick
                if expected is not None and begins - expected > _GAP:
                    story.note_break()
                expected = begins + frame.samples / frame.sample_rate
            story.heard += frame.samples / frame.sample_rate
            yield frame


def _blocks(frames: Iterator[Any]) -> Iterator[Block]:
    """Turn frames into blocks of 32-bit floats, full scale being 1."""
    from av.audio.fifo import AudioFifo
    from av.audio.resampler import AudioResampler

    def key(frame: Any) -> tuple[int, int, str]:
        """Describe what all frames of a block have alike."""
        return frame.sample_rate, frame.layout.nb_channels, frame.format.name

    for (rate, channels, _), alike in itertools.groupby(frames, key):
        fifo = AudioFifo()
        # To interleaved samples, since PyAV reads beyond the end of a list of eight planes.
        convert = AudioResampler(format="flt")
        for frame in itertools.chain(alike, [None]):
            if frame is not None:
                frame.pts = None  # gaps were seen to
                fifo.write(frame)
            if fifo.samples and (frame is None or fifo.samples >= BLOCK_FRAMES):
                for block in convert.resample(fifo.read()):
                    yield rate, block.to_ndarray().astype(np.float32, copy=False).reshape(-1, channels)


def _reraise_system(error: Exception) -> None:
    """Raise again what the system says of a file that cannot be read any more."""
    if isinstance(error, OSError) and error.errno in _SYSTEM:
        raise OSError(error.errno, os.strerror(error.errno)) from error
