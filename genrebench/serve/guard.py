"""What surrounds every answer: who may ask, headers that keep a page to itself, and a line for what nobody foresaw."""

import logging
import time
from collections.abc import Collection
from urllib.parse import urlsplit

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from genrebench.serve.metrics import Metrics
from genrebench.serve.page import policy

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cache-Control": "no-cache",
}
# Names by which a browser on this machine asks for it. Another one is a stranger's page that got its own name to lead
# here, to read what is answered.
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
_log = logging.getLogger("genrebench.serve")


class Guard:
    """The outermost part of the server.

    Parameters
    ----------
    app : ASGIApp
        What answers.
    metrics : Metrics
        Counts the answers.
    hosts : collection of str
        Names by which it may be asked for; ``*`` stands for any.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, hosts: Collection[str]) -> None:
        """Keep what is needed."""
        self._app, self._metrics, self._hosts = app, metrics, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.monotonic(), 0

        async def answer(message: Message) -> None:
            """Send on, with the headers."""
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in {"Content-Security-Policy": policy(), **_HEADERS}.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            refusal = self._refusal(Headers(scope=scope))
            await (refusal or self._app)(scope, receive, answer)
        except ClientDisconnect:
            _log.info("a client left before its recording was here")
        except Exception as error:
            _log.exception("unforeseen")
            if not status:
                line = f"{type(error).__name__} (unforeseen; the server's log shows where)"
                await JSONResponse({"error": line}, 500)(scope, receive, answer)
        finally:
            self._metrics.count(scope["path"], status, time.monotonic() - begun)

    def _refusal(self, headers: Headers) -> JSONResponse | None:
        """Refuse a request in which a page from elsewhere has a part."""
        host = urlsplit(f"//{headers.get('host', '')}")
        if "*" not in self._hosts and host.hostname not in self._hosts:
            return JSONResponse({"error": f"expected one of {', '.join(self._hosts)} as host; see --allow-host"}, 421)
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host.netloc:
            return JSONResponse({"error": "expected a request of this server's own page"}, 403)
        return None
