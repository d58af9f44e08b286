"""A zoo of recordings: every format, rate, number of channels, cut, damaged, with headers that lie, and no audio.

Each is made here, by PyAV's encoders, by libsndfile, and by changing bytes.
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 22050
SECONDS = 6.0
PCM_RATES = (8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000)
# Name of the extension: muxer, encoder, sample rates.
ENCODERS: dict[str, tuple[str, str, tuple[int, ...]]] = {
    "mp3": ("mp3", "libmp3lame", (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)),
    "mp2": ("mp2", "mp2", (16000, 22050, 24000, 32000, 44100, 48000)),
    "aac": ("adts", "aac", (8000, 16000, 22050, 24000, 44100, 48000, 96000)),
    "m4a": ("ipod", "aac", (8000, 22050, 44100, 48000)),
    "mp4": ("mp4", "aac", (44100,)),
    "flac": ("flac", "flac", PCM_RATES),
    "oga": ("oga", "flac", (44100,)),
    "opus": ("opus", "libopus", (48000,)),
    "webm": ("webm", "libopus", (48000,)),
    "mka": ("matroska", "aac", (44100,)),
    "wma": ("asf", "wmav2", (22050, 44100)),
    "wv": ("wv", "wavpack", (8000, 44100, 96000, 192000)),
    "tta": ("tta", "tta", (44100,)),
    "ac3": ("ac3", "ac3", (32000, 44100, 48000)),
    "alac.m4a": ("ipod", "alac", (44100,)),
    "amr": ("amr", "libopencore_amrnb", (8000,)),
}
CHANNELS = {"flac": range(1, 9), "m4a": range(1, 7), "wv": (1, 2), "mp3": (1, 2), "opus": (1, 2), "ac3": (1, 2, 6)}
LAYOUTS = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
PCM_SUBTYPES = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM")
PCM_FORMATS = {"aiff": "AIFF", "aifc": "AIFF", "au": "AU", "snd": "AU", "caf": "CAF", "w64": "W64", "rf64": "RF64"}
NO_AUDIO = {
    "text": b"These are the liner notes of an album, and no music at all.\n" * 200,
    "page": b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>Not Found</body></html>" * 20,
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde" + bytes(500),
    "jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(range(256)) * 40,
    "zeros": bytes(50_000),
    "noise": np.random.default_rng(0).bytes(50_000),
    "zip": b"PK\x03\x04" + bytes(range(256)) * 10,
    "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
    "concat": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "one byte": b"R",
    "tag": b"ID3\x03\0\0\0\0\x10\0" + bytes(5000),
}


@dataclass(frozen=True)
class Specimen:
    """One file of the zoo.

    Attributes
    ----------
    name : str
        Its file name.
    content : bytes
        Its bytes, or what makes them.
    heard : bool or None
        Whether it can be classified; None where either will do, as long as it is said.
    seconds : float or None
        How much can be heard of it, within a second; None where that is not known.
    noted : bool
        Whether there is something to remark on it.
    """

    name: str
    content: bytes | partial[bytes]
    heard: bool | None = True
    seconds: float | None = SECONDS
    noted: bool = False


def music(rate: int = RATE, channels: int = 1, seconds: float = SECONDS) -> NDArray[np.float32]:
    """Make a sweep in noise [shape=(samples, channels)], each channel another."""
    rng = np.random.default_rng(channels)
    t = np.arange(round(seconds * rate)) / rate
    tones = [0.3 * np.sin(2 * np.pi * (200 + 50 * channel) * t * (1 + t / 10)) for channel in range(channels)]
    return (np.stack(tones, axis=1) + 0.05 * rng.standard_normal((len(t), channels))).astype(np.float32)


def pcm(samples: NDArray[Any], rate: int = RATE, kind: str = "WAV", subtype: str | None = None) -> bytes:
    """Write samples by libsndfile."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def encoded(extension: str, rate: int, channels: int = 1, seconds: float = SECONDS, **options: str) -> bytes:
    """Write music by one of FFmpeg's encoders."""
    import av

    muxer, encoder, _ = ENCODERS[extension]
    buffer = io.BytesIO()
    muxing = {key: options.pop(key) for key in ("write_xing", "id3v2_version") if key in options}
    writing: Any = av.open
    with writing(buffer, "w", format=muxer, options=muxing) as container:
        stream: Any = container.add_stream(encoder, rate=rate, options=options)
        stream.layout = LAYOUTS[channels - 1]
        if encoder == "wmav2":
            stream.bit_rate = 128_000
        samples = music(rate, channels, seconds).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="flt", layout=LAYOUTS[channels - 1])
        frame.sample_rate, frame.pts = rate, 0
        resampler = av.AudioResampler(format=stream.format, layout=LAYOUTS[channels - 1], rate=rate)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            for packet in stream.encode(part):
                container.mux(packet)
        for packet in stream.encode(None):
            if packet.dts is not None:
                container.mux(packet)
    return buffer.getvalue()


def _pcm(rate: int, channels: int, kind: str = "WAV") -> bytes:
    """Write music by libsndfile."""
    return pcm(music(rate, channels), rate, kind)


def formats() -> Iterator[Specimen]:
    """Make whole files of every format, rate and number of channels."""
    for subtype in PCM_SUBTYPES:
        yield Specimen(f"{subtype}.wav", partial(pcm, music(), subtype=subtype))
    for rate in PCM_RATES:
        yield Specimen(f"{rate}.wav", partial(_pcm, rate, 1))
        yield Specimen(f"{rate} stereo.wave", partial(_pcm, rate, 2))
        yield Specimen(f"{rate}.aiff", partial(_pcm, rate, 1, "AIFF"))
        if rate <= 48000:
            yield Specimen(f"{rate}.ogg", partial(_pcm, rate, 1, "OGG"))
    for extension, kind in PCM_FORMATS.items():
        for subtype in ("PCM_16", "FLOAT"):
            yield Specimen(f"{subtype}.{extension}", partial(pcm, music(), RATE, kind, subtype))
    for channels in range(1, 9):
        yield Specimen(f"{channels} channels.wav", partial(_pcm, RATE, channels))
        yield Specimen(f"{channels} channels.ogg", partial(_pcm, RATE, channels, "OGG"))
    for extension, (_, _, rates) in ENCODERS.items():
        for rate in rates:
            yield Specimen(f"{rate}.{extension}", partial(encoded, extension, rate))
        for channels in CHANNELS.get(extension, ()):
            yield Specimen(f"{channels} channels.{extension}", partial(encoded, extension, 48000, channels))


def originals() -> dict[str, bytes]:
    """Make a file of each format that is cut and damaged."""
    whole = {extension: encoded(extension, rates[-1]) for extension, (_, _, rates) in ENCODERS.items()}
    whole["flac"], whole["wv"] = encoded("flac", 44100), encoded("wv", 44100)
    whole |= {"wav": pcm(music()), "ogg": pcm(music(), RATE, "OGG"), "aiff": pcm(music(), RATE, "AIFF")}
    return whole | {"au": pcm(music(), RATE, "AU"), "caf": pcm(music(), RATE, "CAF"), "w64": pcm(music(), RATE, "W64")}


# These neither say how long they are nor mark their end, so that a cut between two frames cannot be known.
ENDLESS = frozenset({"mp2", "aac", "ac3", "amr"})
# The index of these stands at the end.
INDEX_LAST = frozenset({"m4a", "mp4", "alac.m4a"})


def cuts() -> Iterator[Specimen]:
    """Cut a file of each format at every sixteenth."""
    for extension, content in originals().items():
        for sixteenth in range(1, 16):
            short = content[: len(content) * sixteenth // 16]
            if extension in INDEX_LAST:
                yield Specimen(f"cut {sixteenth}.{extension}", short, heard=False)
                continue
            heard = True if sixteenth >= 5 else None
            noted = heard is True and extension not in ENDLESS
            seconds = SECONDS * sixteenth / 16 if sixteenth >= 5 else None
            yield Specimen(f"cut {sixteenth}.{extension}", short, heard, seconds, noted)


def damaged() -> Iterator[Specimen]:
    """Damage a file of each format: noise, zeros or nothing at some places, or something in front or behind."""
    rng = np.random.default_rng(3)
    for extension, content in originals().items():
        middle, length = len(content) // 2, max(64, len(content) // 20)
        for name, filling in {"noise": rng.bytes(length), "zeros": bytes(length), "hole": b""}.items():
            changed = content[:middle] + filling + content[middle + length :]
            # A hole moves the index of these away from what it points at.
            heard = None if extension in INDEX_LAST and name == "hole" else True
            # PCM that is not what it was is sound, too.
            noted = extension not in {"wav", "aiff", "au", "caf", "w64"} and name == "noise"
            yield Specimen(f"{name}.{extension}", changed, heard, None, noted)
        yield Specimen(f"no head.{extension}", content[200:], None, None)
        yield Specimen(f"trailing.{extension}", content + b"TAG" + bytes(125))


def lies() -> Iterator[Specimen]:
    """Make headers that claim too much, too little, or what cannot be."""
    wav = pcm(music())
    sizes = {"0": 0, "1000": 1000, "odd": 264_601, "2^31": 2**31 - 1, "2^32": 2**32 - 1, "half": 132_300}
    for name, size in sizes.items():
        yield Specimen(f"data {name}.wav", _patched(wav, 40, "<I", size), noted=name in {"0", "1000", "half"})
        yield Specimen(f"riff {name}.wav", _patched(wav, 4, "<I", size), None, None)
    for name, value in {"0": 0, "65535": 65535, "200": 200}.items():
        yield Specimen(f"channels {name}.wav", _patched(wav, 22, "<H", value), None, None)
        yield Specimen(f"bits {name}.wav", _patched(wav, 34, "<H", value), None, None)
        yield Specimen(f"align {name}.wav", _patched(wav, 32, "<H", value), None, None)
        yield Specimen(f"format {name}.wav", _patched(wav, 20, "<H", value), None, None)
    for rate in (0, 1, 999, 2**31 - 1, 2**32 - 1):
        yield Specimen(f"rate {rate}.wav", _patched(wav, 24, "<I", rate), False, None)
    flac = pcm(music(), RATE, "FLAC")
    for name, count in {"0": 0, "1": 1, "2^31": 2**31, "2^36": 2**36 - 1}.items():
        packed = (int.from_bytes(flac[18:26], "big") >> 36 << 36) | count
        changed = flac[:18] + packed.to_bytes(8, "big") + flac[26:]
        yield Specimen(f"samples {name}.flac", changed, noted=name != "0")
    au = pcm(music(), RATE, "AU")
    for name, size in {"0": 0, "unknown": 2**32 - 1, "2^31": 2**31 - 1}.items():
        yield Specimen(f"size {name}.au", _patched(au, 8, ">I", size), None, None)
    yield Specimen("channels 2^31.au", _patched(au, 20, ">I", 2**31), False, None)
    mp3 = encoded("mp3", 44100)
    place = max(mp3.find(b"Xing"), mp3.find(b"Info")) + 8
    for name, frames in {"0": 0, "10": 10, "2^31": 2**31 - 1}.items():
        yield Specimen(f"frames {name}.mp3", _patched(mp3, place, ">I", frames), noted=name == "2^31")


def _patched(content: bytes, offset: int, layout: str, value: int) -> bytes:
    """Write one number into a header."""
    return content[:offset] + struct.pack(layout, value) + content[offset + struct.calcsize(layout) :]


def streams() -> Iterator[Specimen]:
    """Make what encoders leave out at the beginning of a stream, and what is joined late or joined together."""
    for quality in ("2", "4", "9"):
        options: dict[str, Any] = {
            "flags": "+qscale",
            "global_quality": str(118 * int(quality)),
            "write_xing": "0",
            "id3v2_version": "0",
        }
        for rate in (22050, 44100):
            vbr = encoded("mp3", rate, seconds=12.0, **options)
            yield Specimen(f"vbr {quality} {rate}.mp3", vbr, seconds=12.0)
            yield Specimen(f"late {quality} {rate}.mp3", vbr[len(vbr) // 3 + 7 :], None, 8.0)
    for extension in ("mp3", "aac", "mp2", "ac3", "ogg"):
        one = pcm(music(), RATE, "OGG") if extension == "ogg" else encoded(extension, ENCODERS[extension][2][0])
        yield Specimen(f"twice.{extension}", one + one, seconds=2 * SECONDS, noted=extension == "mp3")


def contents() -> Iterator[Specimen]:
    """Make sound that is none, and sound that is easily taken for none."""
    loud = music(seconds=3.0)
    silence = np.zeros((RATE * 35, 1), np.float32)
    yield Specimen("silence then music.wav", pcm(np.concatenate([silence, loud, loud])), seconds=6.0)
    for kind in ("WAV", "FLAC"):
        name = kind.lower()
        yield Specimen(f"silence.{name}", pcm(silence), heard=False)
        yield Specimen(f"constant.{name}", pcm(np.full((44100 * 5, 1), 0.1), 44100, kind), heard=False)
        yield Specimen(f"upside down.{name}", pcm(np.hstack([music(), -music()]), RATE, kind), noted=True)
    yield Specimen("127.wav", pcm(np.full((RATE * 5, 1), -1 / 128), RATE, subtype="PCM_U8"), heard=False)
    for rate in PCM_RATES:
        yield Specimen(f"half a segment {rate}.wav", pcm(music(rate, seconds=1.5), rate), seconds=None)
        yield Specimen(f"short {rate}.wav", pcm(music(rate, seconds=1.4), rate), heard=False)
    for name, value in {"nan": np.nan, "inf": np.inf, "huge": 3e38}.items():
        spoiled = music()
        spoiled[30_000] = value
        yield Specimen(f"{name}.wav", pcm(spoiled, subtype="FLOAT"), heard=False)


def no_audio() -> Iterator[Specimen]:
    """Make files that hold no audio, under the names of some that do."""
    for name, content in NO_AUDIO.items():
        for extension in ("mp3", "wav", "flac", "ogg", "m4a"):
            yield Specimen(f"{name}.{extension}", content, heard=False)
    yield Specimen("empty.mp3", b"", heard=False)


PARTS = (formats, cuts, damaged, lies, streams, contents, no_audio)
