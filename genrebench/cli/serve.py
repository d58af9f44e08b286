"""``genrebench serve``: a page on which recordings are classified, and a JSON API."""

import socket
from pathlib import Path

import click

from genrebench.cli.options import COUNT, Amount, Name, examples, model_option, runner_options
from genrebench.errors import ConfigError, shown
from genrebench.model.model import Model
from genrebench.model.newest import newest_model
from genrebench.serve.limits import Limits

# Requests at a time, those for the page included; more are answered with 503 before anything is read of them.
_CONNECTIONS = 200
_LOCAL = "127.0.0.1"
# Seconds in which what is being classified may come to its end.
_GRACE = 10


@click.command(
    help="Open a page to try a model on: drop or record audio, see genre, probabilities and timeline, hear each "
    "segment. Programs use POST /predict, described in /openapi.json; /health and /metrics say how it is.\n\n"
    "It is for this machine alone unless --host says otherwise. Ctrl-C ends it.",
    epilog=examples(
        "genrebench serve",
        "genrebench serve --model results/gtzan --port 9000",
        "curl -F file=@song.mp3 http://127.0.0.1:8000/predict",
    ),
)
@model_option
@click.option("--host", default=_LOCAL, show_default=True, help="Address to listen on; 0.0.0.0 is every one.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option(
    "--allow-host",
    "hosts",
    type=Name(),
    multiple=True,
    metavar="NAME",
    help="Name by which a browser may ask for it; may be given more than once.  "
    "[default: this machine's own with the default --host, or else any]",
)
@click.option("--workers", type=COUNT, default=Limits.workers, show_default=True, help="Recordings classified at once.")
@click.option(
    "--waiting",
    type=click.IntRange(0, 10_000),
    default=Limits.waiting,
    show_default=True,
    help="Recordings that may wait besides; more are answered with 429.",
)
@click.option(
    "--max-megabytes", type=COUNT, default=Limits.max_megabytes, show_default=True, help="Size of a recording's file."
)
@click.option(
    "--max-seconds",
    type=Amount(min=0, min_open=True),
    default=Limits.max_seconds,
    show_default=True,
    help="Length of a recording.",
)
@click.option(
    "--timeout",
    type=Amount(min=0, min_open=True),
    default=Limits.timeout,
    show_default=True,
    help="Seconds that decoding a recording may take.",
)
@runner_options
def serve(
    *,
    model: Path | None,
    host: str,
    port: int,
    hosts: tuple[str, ...],
    workers: int,
    waiting: int,
    max_megabytes: int,
    max_seconds: float,
    timeout: float,
    backend: str,
    device: str,
) -> None:
    """Serve a model.

    Parameters
    ----------
    hosts : tuple of str
        Names by which it may be asked for.

    Raises
    ------
    ConfigError
        If a limit is none, the address cannot be listened on, or packages of the extra ``web`` are not installed.
    """
    from genrebench.cli.output import echo
    from genrebench.system.files import escaped
    from genrebench.system.memory import keep_freed_memory

    limits = Limits(
        workers=workers,
        waiting=waiting,
        max_megabytes=max_megabytes,
        max_seconds=max_seconds,
        timeout=timeout,
    )
    try:
        import uvicorn

        from genrebench.serve.app import create_app
        from genrebench.serve.guard import LOCAL_HOSTS
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"expected the packages of the page, {error.name} is missing; pip install 'genrebench[web]'"
        ) from error
    keep_freed_memory()
    listening = _listen(host, port)
    model = newest_model(Path("results")) if model is None else model
    chosen = Model.load(model, backend=backend, device=device)
    allowed = hosts or (LOCAL_HOSTS if host in LOCAL_HOSTS else ("*",))
    app = create_app(chosen, limits, hosts=allowed)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE,
    )
    with listening:
        name = f"[{host}]" if ":" in host else host
        where = f"http://{name}:{listening.getsockname()[1]}"
        echo(f"{escaped(where)} classifies with {escaped(model)}; Ctrl-C ends it")
        uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    """Take an address, before anything is loaded for it.

    Raises
    ------
    ConfigError
        If it is taken, or no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(
            f"--host {shown(host)} --port {port}: expected a free address of this machine ({error.strerror}); "
            "choose another --port"
        ) from error
