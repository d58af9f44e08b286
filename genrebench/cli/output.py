"""Plain lines and tables; light enough for commands that must answer at once.

Results go to standard output and can be piped; notes and errors go to standard error.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from genrebench.backend.registry import BackendEntry
from genrebench.network.architecture import Architecture
from genrebench.system.files import escaped
from genrebench.testing import CheckResult, summarize


def echo(line: str, *, to: Console | None = None) -> None:
    """Print one line as it is: no markup, no wrapping.

    Parameters
    ----------
    to : Console, optional
        Where; by default standard output.
    """
    (to or Console()).print(Text(line), soft_wrap=True, highlight=False)


def echo_err(line: str) -> None:
    """Print one line to standard error."""
    echo(escaped(line), to=Console(stderr=True))


def show_summary(architecture: Architecture) -> None:
    """Print the layer table of a network as Keras does."""
    table = Table()
    table.add_column("Layer (type)", no_wrap=True)
    table.add_column("Output Shape", no_wrap=True)
    table.add_column("Param #", justify="right", no_wrap=True)
    rows = architecture.walk()
    for row in rows:
        shape = ", ".join(map(str, ("None", *row.output_shape)))
        table.add_row(Text(f"{row.name} ({row.kind})"), Text(f"({shape})"), f"{row.parameters:,}")
    total, trainable = sum(row.parameters for row in rows), sum(row.trainable_parameters for row in rows)
    height, width, channels = architecture.input_shape
    echo(f"Input: (None, {height}, {width}, {channels})")
    Console().print(table)
    echo(f"Total params: {total:,}")
    echo(f"Trainable params: {trainable:,}")
    echo(f"Non-trainable params: {total - trainable:,}")


def show_outcomes(outcomes: Sequence[CheckResult], report: Mapping[str, Any]) -> bool:
    """Print what the conformance kit found.

    Parameters
    ----------
    report : mapping
        What the worker says of itself.
    """
    seen = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    echo(f"backend {report['backend']}: {escaped(seen)}")
    width = max(len(outcome.name) for outcome in outcomes)
    for outcome in outcomes:
        echo(f"  {outcome.name:<{width}}  {outcome.status:<8}  {escaped(outcome.message)}".rstrip())
    line, passed = summarize(outcomes)
    echo(f"{line}; {report['seconds']['check']:.1f} s")
    if not passed:
        names = ", ".join(outcome.name for outcome in outcomes if outcome.is_fault)
        echo_err(f"Error: backend {report['backend']} does not conform: {names}")
    return passed


def show_backends(entries: Iterable[BackendEntry]) -> None:
    """Print the table of installed backends."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("Backend", "Framework", "Devices", "Trains", "Status"):
        table.add_column(column, no_wrap=True)
    notes = []
    for entry in entries:
        if entry.problem:
            notes.append(f"{escaped(entry.name)}: {escaped(entry.problem)}")
        elif not entry.distributions[0].startswith("genrebench "):
            notes.append(f"{escaped(entry.name)}: from {escaped(entry.distributions[0])}")
        if entry.info is None:
            table.add_row(Text(entry.name), "", "", "", "broken")
            continue
        engine = f" on {', '.join(entry.info.requires)}" if entry.info.requires else ""
        framework = Text(f"{entry.info.framework} {entry.framework_version or ''}".rstrip() + engine)
        trains = "yes" if entry.info.can_train else "no"
        status = "unavailable" if entry.problem else "ready"
        table.add_row(Text(entry.name), framework, ", ".join(entry.info.devices), trains, status)
    console = Console()
    # A pipe has no width; whatever reads it wants whole lines.
    console.print(table, width=None if console.is_terminal else 200)
    for line in notes:
        echo(line)
