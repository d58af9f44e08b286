"""The server: a page, ``POST /predict``, ``/health`` and ``/metrics``."""

import functools
import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from genrebench import __version__
from genrebench.errors import ModelError
from genrebench.model.model import Model
from genrebench.serve.answers import Answer, Health, Problem, classify_upload, model_name
from genrebench.serve.decoding import IMPORTS
from genrebench.serve.guard import LOCAL_HOSTS, Guard
from genrebench.serve.limits import Limits
from genrebench.serve.metrics import Metrics
from genrebench.serve.page import NONCE, STATIC, policy, render_page
from genrebench.serve.pool import Pool
from genrebench.serve.uploads import receive_upload
from genrebench.system.apart import preload
from genrebench.system.temporary import temporary_folder

_WHERE = (
    "Recordings go to this server only, and are removed as soon as they are classified. "
    '<a href="openapi.json">API</a> &middot; <a href="metrics">figures</a>'
)
_WITHOUT_SCRIPT = "Without it: <code>curl -F file=@song.mp3 http://127.0.0.1:8000/predict</code>"
_TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary", "description": "one recording"}},
                }
            }
        },
    }
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "No form with one file"},
    408: {"model": Problem, "description": "The upload took too long"},
    413: {"model": Problem, "description": "The file is too large, or the recording too long"},
    415: {"model": Problem, "description": "No form"},
    422: {"model": Problem, "description": "Nothing in it that can be classified"},
    429: {"model": Problem, "description": "All places are taken; Retry-After says when to come again"},
    503: {"model": Problem, "description": "Waited too long; Retry-After says when to come again"},
    504: {"model": Problem, "description": "Decoding it took too long"},
}


def create_app(model: Model, limits: Limits = Limits(), *, hosts: Collection[str] = LOCAL_HOSTS) -> FastAPI:  # noqa: B008 - frozen
    """Make the server of a model.

    Parameters
    ----------
    model : Model
        What classifies. It is built and used once before the first request is taken.
    limits : Limits
        What is taken of recordings.
    hosts : collection of str
        Names by which it may be asked for; ``*`` stands for any.

    Returns
    -------
    FastAPI
        An ASGI application, for any server of these.

    Raises
    ------
    ModelError
        If the model does not know how recordings become its inputs.
    BackendError
        If the backend is unavailable.
    """
    if model.mel is None:
        raise ModelError("expected a model that takes recordings, received one of spectrograms", path=model.folder)
    _warm_up(model)
    pool = Pool(limits)
    metrics = Metrics(lambda: pool.taken)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        """Have everything ready, and leave no upload behind."""
        preload(IMPORTS)
        with temporary_folder("serve") as folder:
            app.state.folder = folder
            try:
                yield
            finally:
                pool.close()

    app = FastAPI(
        title="genrebench",
        version=__version__,
        description="Genre of a recording, with calibrated probabilities and a timeline.",
        lifespan=lifespan,
        docs_url=None,  # those pages load from elsewhere
        redoc_url=None,
    )
    app.add_middleware(Guard, metrics=metrics, hosts=hosts)
    app.add_exception_handler(HTTPException, _problem)
    _add_prediction(app, model, pool, limits)
    _add_figures(app, model, pool, limits, metrics)
    _add_page(app)
    return app


def _warm_up(model: Model) -> None:
    """Have everything imported and built that the network needs."""
    model.log_probabilities(np.zeros((1, *model.architecture.input_shape), dtype=np.float32))


def _problem(_request: Request, error: Exception) -> Response:
    """Answer an error as JSON of one line."""
    assert isinstance(error, HTTPException)
    line = error.detail
    if line == HTTPStatus(error.status_code).phrase:  # of the router, which says no more
        line = f"{line}: expected GET /, /health, /metrics or /openapi.json, or POST /predict"
    return JSONResponse(Problem(error=line).model_dump(), error.status_code, error.headers)


def _add_prediction(app: FastAPI, model: Model, pool: Pool, limits: Limits) -> None:
    """Add what classifies."""

    @app.post("/predict", response_model=Answer, responses=_PROBLEMS, openapi_extra=_FORM)
    async def predict(request: Request) -> Answer:
        """Classify a recording: a form with one file, in any format, sample rate and number of channels."""
        with pool.place():
            path: Path = request.app.state.folder / secrets.token_hex(16)
            try:
                name = await receive_upload(request, path, limits)
                return await pool.run(functools.partial(classify_upload, model, path, name, limits))
            finally:
                path.unlink(missing_ok=True)


def _add_figures(app: FastAPI, model: Model, pool: Pool, limits: Limits, metrics: Metrics) -> None:
    """Add what says how the server is."""

    @app.get("/health")
    async def health() -> Health:
        """Say what answers, and within which limits."""
        return Health(
            model=model_name(model),
            backend=model.backend,
            genres=list(model.genres),
            max_megabytes=limits.max_megabytes,
            max_seconds=limits.max_seconds,
            busy=pool.taken,
            places=limits.places,
        )

    @app.get("/metrics", response_class=Response)
    async def figures() -> Response:
        """Give figures in Prometheus' text format."""
        return Response(metrics.text(), media_type=_TEXT_FORMAT)


def _add_page(app: FastAPI) -> None:
    """Add the page and its files."""
    page = render_page(where=_WHERE, without_script=_WITHOUT_SCRIPT)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def index() -> HTMLResponse:
        """Give the page. Its nonce admits the one style sheet that wavesurfer.js puts into its own element."""
        nonce = secrets.token_urlsafe(16)
        return HTMLResponse(page.replace(NONCE, nonce), headers={"Content-Security-Policy": policy(nonce)})
