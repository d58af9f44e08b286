"""A server of Google's protocol for objects on this machine, which can fail now and then as a store does."""

import asyncio
import functools
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest

from genrebench.system import remote


@contextmanager
def google_storage(bucket: str, *, fails_each: int = 0) -> Iterator[Any]:
    """Serve an empty bucket by ``gs://``.

    Parameters
    ----------
    fails_each : int
        Of so many requests the last one is answered with 503; 0 for none.

    Yields
    ------
    Any
        Its file system, of fsspec; its ``counts`` say how many ``requests`` there were, and how many ``failures``.
    """
    with pytest.MonkeyPatch.context() as patch:
        # What it finds out by gRPC of a bucket, its server here does not say; it would be waited for a minute.
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        fsspec, gcsfs = pytest.importorskip("fsspec"), pytest.importorskip("gcsfs")
        emulator = pytest.importorskip("gcp_storage_emulator.server")
        server = emulator.create_server("127.0.0.1", 0, in_memory=True, default_bucket=bucket)
        counts = SimpleNamespace(requests=0, failures=0)
        handler = functools.partial(_steady_or_not(emulator.RequestHandler), counts, fails_each, server._storage)
        patch.setattr(emulator, "RequestHandler", lambda storage, *arguments: handler(*arguments))
        patch.setattr("gcsfs.retry.asyncio", SimpleNamespace(sleep=lambda seconds: asyncio.sleep(0)))
        server.start()
        try:
            url = "http://{}:{}".format(*server._api._httpd.server_address)
            for name, value in (("endpoint_url", url), ("token", "anon")):
                patch.setenv(f"FSSPEC_GS_{name.upper()}", value)  # of other processes
            patch.setitem(fsspec.config.conf, "gs", {"endpoint_url": url, "token": "anon"})
            remote._filesystem.cache_clear()
            store = fsspec.filesystem("gs", use_listings_cache=False)
            store.counts = counts
            yield store
        finally:
            remote._filesystem.cache_clear()
            gcsfs.GCSFileSystem.clear_instance_cache()
            server.stop()


def _steady_or_not(base: Any) -> type:
    """Make what answers requests, some of them with 503, and keeps objects that are to be new from being replaced."""

    class Handler(base):  # type: ignore[misc]
        """Counts what it is asked."""

        def __init__(self, counts: SimpleNamespace, fails_each: int, storage: Any, *arguments: Any) -> None:
            """Know which requests fail."""
            self._counts, self._fails_each = counts, fails_each
            super().__init__(storage, *arguments)

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

        def parse_request(self) -> bool:
            """Read a request, and answer it here if it fails."""
            if not super().parse_request():
                return False
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.rfile: Any = io.BytesIO(sent)
            self._counts.requests += 1
            if self._fails_each and self._counts.requests % self._fails_each == 0:
                self._counts.failures += 1
                self.send_error(HTTPStatus.SERVICE_UNAVAILABLE)
                return False
            if "ifGenerationMatch=0" in self.path and self._is_there(sent):
                self.send_error(HTTPStatus.PRECONDITION_FAILED)
                return False
            return True

        def _is_there(self, sent: bytes) -> bool:
            """Return whether there is an object of the name of one that is to be new."""
            name = re.search(rb'"name": "([^"]+)"', sent)
            assert name is not None, sent
            bucket = self.path.split("/b/")[1].partition("/")[0]
            return name[1].decode() in self.storage.objects.get(bucket, {})

    return Handler
