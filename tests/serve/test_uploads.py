"""Uploads that stop, that never end, and names that are no names."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")

from fastapi import HTTPException, Request

from genrebench.serve.guard import Guard
from genrebench.serve.limits import Limits
from genrebench.serve.metrics import Metrics
from genrebench.serve.uploads import receive_upload, shown_name

_BEGUN = b'--x\r\nContent-Disposition: form-data; name="file"; filename="song.wav"\r\n\r\nabc'
_SCOPE = {
    "type": "http",
    "method": "POST",
    "path": "/predict",
    "headers": [(b"host", b"localhost"), (b"content-type", b"multipart/form-data; boundary=x")],
}


class Client:
    """Sends the beginning of a form, and then something else or nothing."""

    def __init__(self, then: dict[str, Any] | None) -> None:
        """Take what comes after the beginning."""
        self._messages = [{"type": "http.request", "body": _BEGUN, "more_body": True}, then]

    async def receive(self) -> dict[str, Any]:
        """Give the next message, or let the server wait for it for ever."""
        message = self._messages.pop(0)
        if message is None:
            await asyncio.Event().wait()
        assert message is not None
        return message


def test_an_upload_that_never_ends_is_given_up(tmp_path: Path) -> None:
    """Status 408, once its time is over."""
    request = Request(_SCOPE, Client(None).receive)
    with pytest.raises(HTTPException, match=r"expected an upload within 0\.01 s") as refused:
        asyncio.run(receive_upload(request, tmp_path / "upload", Limits(upload_seconds=0.01)))
    assert refused.value.status_code == 408


def test_a_client_that_leaves_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is answered, nothing is logged as unforeseen, and the place is free again."""
    sent: list[Any] = []
    metrics = Metrics(lambda: 0)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        """Take the upload."""
        await receive_upload(Request(scope, receive), tmp_path / "upload", Limits())

    async def send(message: Any) -> None:
        """Note what is answered."""
        sent.append(message)

    with caplog.at_level(logging.WARNING):
        asyncio.run(Guard(app, metrics, ("localhost",))(_SCOPE, Client({"type": "http.disconnect"}).receive, send))
    assert sent == []
    assert caplog.records == []
    assert b'genrebench_requests_total{path="/predict",status="0"} 1.0' in metrics.text()


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("song.mp3", "song.mp3"),
        ("../../etc/passwd", "passwd"),
        ("C:\\music\\a song.mp3", "a song.mp3"),
        ("/", "recording"),
        ("..", "recording"),
        ("", "recording"),
        ("a\nb\x1b[2J.mp3", r"a\nb\x1b[2J.mp3"),
        ("x" * 1000, "x" * 120),
        ("музыка.mp3", "музыка.mp3"),
    ],
)
def test_a_name_is_shown_without_folders(sent: str, shown: str) -> None:
    """On one line, and not too long."""
    assert shown_name(sent) == shown
