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
