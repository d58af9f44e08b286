"""``genrebench backends``: what is installed."""

import click

from genrebench.backend.registry import list_backends
from genrebench.cli.options import examples
from genrebench.cli.output import show_backends


@click.command(
    help="List the installed backends: versions, devices, what each can do. No framework is imported.",
    epilog=examples("genrebench backends"),
)
def backends() -> None:
    """List the installed backends."""
    show_backends(list_backends())
