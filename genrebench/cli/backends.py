"""``genrebench backends``: what is installed."""

from collections.abc import Container

import click

from genrebench.backend.registry import PLUGIN_TIMEOUT, BackendEntry, list_backends
from genrebench.cli.options import Amount, examples
from genrebench.cli.output import echo
from genrebench.report.document import Column, Table
from genrebench.report.terminal import show
from genrebench.system.environment import absent_devices
from genrebench.system.files import escaped


@click.command(
    help="List the installed backends: versions, devices that are there, what each can do. No framework is imported; "
    "plugins of others are asked in processes of their own.",
    epilog=examples("genrebench backends"),
)
@click.option(
    "--timeout",
    type=Amount(0),
    default=PLUGIN_TIMEOUT,
    show_default=True,
    help="Seconds after which a plugin is given up.",
)
def backends(timeout: float) -> None:
    """List the installed backends."""
    entries = list_backends(timeout)
    absent = absent_devices()
    titles = ("Backend", "Framework", Column("On", optional=True), "Devices", "Trains", "Status")
    show(Table(titles, [_row(entry, absent) for entry in entries]))
    for entry in entries:
        if entry.problem:
            echo(f"{escaped(entry.name)}: {escaped(entry.problem)}")
        elif not entry.distributions[0].startswith("genrebench "):
            echo(f"{escaped(entry.name)}: from {escaped(entry.distributions[0])}")


def _row(entry: BackendEntry, absent: Container[str]) -> tuple[str, ...]:
    """Describe a backend, without the devices that this machine lacks."""
    info = entry.info
    if info is None:
        return entry.name, "", "", "", "", "broken"
    status = "unavailable" if entry.problem else "ready"
    return (
        entry.name,
        f"{info.framework} {entry.framework_version or ''}".rstrip(),
        ", ".join(info.requires),
        ", ".join(each for each in info.devices if each not in absent),
        "yes" if info.can_train else "no",
        status,
    )
