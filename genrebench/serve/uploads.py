"""Uploads: the file of a form, written to disk as it arrives, and never more than may be."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from fastapi import HTTPException, Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from genrebench.serve.limits import Limits
from genrebench.system.files import escaped

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

# What a form may have around its file: boundaries and headers.
_FORM_BYTES = 65536
_LONGEST_NAME = 120
_EXPECTED = "expected a form (multipart/form-data) with one recording as its file"


async def receive_upload(request: Request, path: Path, limits: Limits) -> str:
    """Write a form's file to disk while it arrives.

    Parameters
    ----------
    path : Path
        Where to; a name of the server's, since the one that is sent may be anything.

    Returns
    -------
    str
        The name that was sent, without folders, fit to be shown.

    Raises
    ------
    HTTPException
        With status 400, 408, 413 or 415: what was sent is no such form, too slow, too large, or no form at all.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise HTTPException(415, f"{_EXPECTED}, received {escaped(kind.decode('latin-1'))[:80] or 'none'}")
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > limits.max_bytes + _FORM_BYTES:
        raise _too_large(limits)
    with path.open("xb") as file:
        form = _Form(file, limits)
        try:
            with _parsing():
                parser = MultipartParser(options[b"boundary"], form.callbacks())
            async with asyncio.timeout(limits.upload_seconds):
                async for chunk in request.stream():
                    form.count(len(chunk))
                    # Pieces are small, and the system writes them when it likes; a thread for each would cost more.
                    with _parsing():
                        parser.write(chunk)
        except TimeoutError:
            seconds = f"{limits.upload_seconds:g}"
            raise HTTPException(408, f"expected an upload within {seconds} s; send a smaller file") from None
    if not form.is_whole or form.name is None:
        raise HTTPException(400, f"{_EXPECTED}, received {'none' if form.is_whole else 'a part of a form'}")
    return form.name


@contextmanager
def _parsing() -> Iterator[None]:
    """Answer a form that is none with one line."""
    try:
        yield
    except MultipartParseError as error:
        raise HTTPException(400, f"{_EXPECTED}, received a broken one ({error})"[:300]) from error


def shown_name(name: str) -> str:
    r"""Take the last part of a name that somebody sent, fit for a line.

    Returns
    -------
    str
        ``song.mp3`` for ``../../etc/song.mp3`` and for ``C:\music\song.mp3``; a name for what has none.
    """
    last = escaped(name.replace("\\", "/").rstrip("/").rpartition("/")[2].strip())
    return last[:_LONGEST_NAME] if last.strip(".") else "recording"


def _too_large(limits: Limits) -> HTTPException:
    """Refuse a file by its size."""
    return HTTPException(413, f"expected a file of at most {limits.max_megabytes} MB, received a larger one")


class _Form:
    """What has arrived of a form, whose file goes to disk.

    Attributes
    ----------
    name : str or None
        Of the file, once it has begun.
    is_whole : bool
        Whether the form has ended.
    """

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        """Begin a form."""
        self._file, self._limits = file, limits
        self._received = 0
        self._field = self._value = b""
        self._headers = Message()
        self._is_file = False
        self.name: str | None = None
        self.is_whole = False

    def callbacks(self) -> "MultipartCallbacks":
        """Say what the parser is to call."""
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._add_field,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._begin_data,
            "on_part_data": self._write,
            "on_end": self._end,
        }

    def count(self, size: int) -> None:
        """Refuse a form that grows too large, whatever its header said of its length."""
        self._received += size
        if self._received > self._limits.max_bytes + _FORM_BYTES:
            raise _too_large(self._limits)

    def _begin_part(self) -> None:
        """Forget the headers of the part before."""
        self._headers = Message()
        self._is_file = False

    def _add_field(self, data: bytes, start: int, end: int) -> None:
        """Take a piece of a header's name."""
        self._field += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        """Take a piece of a header's value."""
        self._value += data[start:end]

    def _end_header(self) -> None:
        """Note what a part says of itself."""
        if self._field.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            sent = options.get(b"filename")
            if sent is not None:
                self._is_file = True
                if self.name is not None:
                    raise HTTPException(400, f"{_EXPECTED}, received several; send one request for each")
                self.name = shown_name(sent.decode("utf-8", "replace"))
        self._field = self._value = b""

    def _begin_data(self) -> None:
        """Refuse what cannot be the recording."""
        if not self._is_file:
            raise HTTPException(400, f"{_EXPECTED}, received a field that is no file")

    def _write(self, data: bytes, start: int, end: int) -> None:
        """Write a piece of the file, as long as it is no larger than it may be."""
        if self._file.tell() + end - start > self._limits.max_bytes:
            raise _too_large(self._limits)
        self._file.write(data[start:end])

    def _end(self) -> None:
        """Note that nothing is missing."""
        self.is_whole = True
