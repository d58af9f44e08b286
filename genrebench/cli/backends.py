"""``genrebench backends``: what is installed."""

import click

from genrebench.backend.registry import BackendEntry, list_backends
from genrebench.cli.options import examples
from genrebench.cli.output import echo
from genrebench.report.document import Table
from genrebench.report.terminal import show
from genrebench.system.files import escaped


@click.command(
    help="List the installed backends: versions, devices, what each can do. No framework is imported.",
    epilog=examples("genrebench backends"),
)
def backends() -> None:
    """List the installed backends."""
    entries = list_backends()
    show(Table(("Backend", "Framework", "Devices", "Trains", "Status"), [_row(entry) for entry in entries]))
    for entry in entries:
        if entry.problem:
            echo(f"{escaped(entry.name)}: {escaped(entry.problem)}")
        elif not entry.distributions[0].startswith("genrebench "):
            echo(f"{escaped(entry.name)}: from {escaped(entry.distributions[0])}")


def _row(entry: BackendEntry) -> tuple[str, ...]:
    """Describe a backend."""
    info = entry.info
    if info is None:
        return entry.name, "", "", "", "broken"
    engine = f" on {', '.join(info.requires)}" if info.requires else ""
    framework = f"{info.framework} {entry.framework_version or ''}".rstrip() + engine
    status = "unavailable" if entry.problem else "ready"
    return entry.name, framework, ", ".join(info.devices), "yes" if info.can_train else "no", status
