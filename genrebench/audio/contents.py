"""What a file is by its first bytes, whatever its name says."""

from io import BufferedReader

# As many bytes as are looked at.
HEAD = 65536

# Container formats of plain PCM, by where their marks stand.
_PLAIN_PCM = (
    (b"RIFF", b"WAVE"),
    (b"RIFX", b"WAVE"),
    (b"RF64", b"WAVE"),
    (b"FORM", b"AIFF"),
    (b"FORM", b"AIFC"),
)
_W64 = bytes.fromhex("726966662e91cf11")
_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"BM", "a picture (BMP)"),
    (b"II*\0", "a picture (TIFF)"),
    (b"MM\0*", "a picture (TIFF)"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"MThd", "MIDI, notes without sound"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3", "a database"),
    (b"#EXTM3U", "a playlist"),
    (b"[playlist]", "a playlist"),
    (b"ffconcat", "a playlist"),
    (b"version https://git-lfs", "a pointer to a file in Git LFS, which git lfs pull fetches"),
)
_DAMAGED: tuple[tuple[bytes, str], ...] = (
    (b"RIFF", "a WAV file"),
    (b"RIFX", "a WAV file"),
    (b"RF64", "a WAV file"),
    (b"FORM", "an AIFF file"),
    (b"fLaC", "a FLAC file"),
    (b"OggS", "an Ogg file"),
    (b"ID3", "an MP3 file"),
    (b".snd", "an AU file"),
    (b"caff", "a CAF file"),
    (b"wvpk", "a WavPack file"),
    (b"\x30\x26\xb2\x75", "a WMA file"),
    (b"\x1a\x45\xdf\xa3", "a Matroska or WebM file"),
    (_W64, "a W64 file"),
)
# Kilobits per second of MPEG audio, by the number in its frames' headers.
_LAYER_3 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_LOW_RATES = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_BIT_RATES = {
    (3, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 3): _LAYER_3,
    **{(version, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256) for version in (0, 2)},
    **{(version, layer): _LOW_RATES for version in (0, 2) for layer in (2, 3)},
}
# Its sample rates in Hz, by the number of the version: 3 is MPEG 1, 2 is MPEG 2, 0 is MPEG 2.5.
_SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_AC3_BIT_RATES = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
# So many frames in a row are no accident.
_IN_A_ROW = 4
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<body")


def is_plain_pcm(head: bytes) -> bool:
    """Return whether a file is of a format that mostly holds plain PCM: WAV, RF64, W64, AIFF, AU, CAF."""
    marks = head[:4], head[8:12]
    return marks in _PLAIN_PCM or head[:4] in {b".snd", b"caff"} or head.startswith(_W64)


def content(head: bytes) -> str:
    """Say what a file is that cannot be decoded.

    Parameters
    ----------
    head : bytes
        Its first bytes.

    Examples
    --------
    >>> content(b"Hello, world")
    'text, not audio'
    >>> content(b"fLaC")
    'a FLAC file, damaged or cut short'
    """
    if not head.strip(b"\0"):
        return "nothing but zeros, not audio"
    if head[8:12] == b"WEBP":
        return "a picture (WebP), not audio"
    for mark, name in _KINDS:
        if head.startswith(mark):
            return f"{name}, not audio"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    if start.startswith(_PAGES):
        return "a web page, not audio"
    for mark, name in _DAMAGED:
        if head.startswith(mark):
            return f"{name}, damaged or cut short"
    if head[4:8] == b"ftyp":
        return "an MPEG-4 file, damaged or cut short"
    if _is_text(head):
        return "a web page or XML, not audio" if start.startswith((b"<?xml", b"<svg")) else "text, not audio"
    return "of no format that is known"


def _is_text(head: bytes) -> bool:
    """Return whether bytes read as text in one of the usual encodings."""
    for encoding in ("utf-8", "utf-16") if head[:2] in {b"\xff\xfe", b"\xfe\xff"} else ("utf-8", "cp1252"):
        try:
            text = head[: len(head) - 4 if len(head) > 64 else len(head)].decode(encoding)
        except UnicodeDecodeError:
            continue
        if sum(character.isprintable() or character.isspace() for character in text) > 0.99 * len(text):
            return True
    return False


def mp3_states_length(file: BufferedReader, head: bytes) -> bool:
    """Return whether an MP3 states how long it is, in a header that LAME and others write into the first frame."""
    if head.startswith(b"ID3") and len(head) > 10:  # the tag's length, seven bits in each byte
        length = 10 + sum((byte & 127) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        if file.seekable():
            file.seek(length)
            head = file.read(4096)
            file.seek(0)
        else:
            head = head[length:]
    return any(mark in head[:4096] for mark in (b"Xing", b"Info", b"VBRI"))


def ends_within_a_frame(file: BufferedReader, demuxer: str) -> bool:
    """Return whether a stream of frames that say how long they are is cut; a cut between two leaves no trace.

    Parameters
    ----------
    demuxer : str
        FFmpeg's name of the format; for others than MPEG audio, AC-3 and E-AC-3 nothing is found.
    """
    if demuxer not in _FRAMES:
        return False
    sync, size, length_of = _FRAMES[demuxer]
    file.seek(max(0, file.seek(0, 2) - HEAD))
    tail = file.read()
    if tail[-128:].startswith(b"TAG"):
        tail = tail[:-128]
    place = frames = 0
    while 0 <= place < len(tail):
        head = tail[place : place + size]
        length = length_of(head) if len(head) == size else 0
        is_header = length > 0 or (len(head) < size and head[0] == sync)
        if is_header and frames >= _IN_A_ROW and place + max(size, length) > len(tail):
            return True
        frames = frames + 1 if length else 0
        place = place + length if length else tail.find(bytes([sync]), place + 1)
    return False


def _mpeg_frame(head: bytes) -> int:
    """Read the length of a frame of MPEG audio from its first four bytes; 0 if it is none, or does not say."""
    if head[0] != 0xFF or head[1] < 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bit_rate, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or bit_rate in (0, 15) or rate == 3:
        return 0
    bits, hertz = 1000 * _BIT_RATES[version, layer][bit_rate - 1], _SAMPLE_RATES[version][rate]
    if layer == 1:
        return 4 * (12 * bits // hertz + padding)
    samples = 576 if layer == 3 and version != 3 else 1152
    return samples // 8 * bits // hertz + padding


def _ac3_frame(head: bytes) -> int:
    """Read the length of a frame of AC-3 or E-AC-3 from its first six bytes; 0 if it is none."""
    if head[:2] != b"\x0b\x77" or head[5] >> 3 > 16:
        return 0
    if head[5] >> 3 > 10:
        return 2 * ((head[2] & 7) << 8 | head[3]) + 2
    rate, code = head[4] >> 6, head[4] & 63
    if rate == 3 or code >= 2 * len(_AC3_BIT_RATES):
        return 0
    bits = _AC3_BIT_RATES[code >> 1]
    return 2 * (2 * bits, bits * 320 // 147 + code % 2, 3 * bits)[rate]


# The first byte of a frame, how many tell its length, and what does, by FFmpeg's name of the format.
_FRAMES = {"mp3": (0xFF, 4, _mpeg_frame), "ac3": (0x0B, 6, _ac3_frame), "eac3": (0x0B, 6, _ac3_frame)}


def ogg_is_whole(file: BufferedReader) -> bool:
    """Return whether an Ogg file ends with a page that is whole and marked as the last one."""
    end = file.seek(0, 2)
    file.seek(max(0, end - HEAD - 282))
    tail = file.read()
    page = tail.rfind(b"OggS")
    if page < 0 or len(tail) < page + 27:
        return False
    lengths = tail[page + 27 : page + 27 + tail[page + 26]]
    return bool(tail[page + 5] & 4) and len(tail) >= page + 27 + len(lengths) + sum(lengths)


def caf_is_cut(head: bytes, size: int) -> bool:
    """Return whether a CAF file of some bytes is shorter than its header says."""
    place = head.find(b"data")
    return place >= 0 and size < place + 12 + int.from_bytes(head[place + 4 : place + 12], "big", signed=True)
