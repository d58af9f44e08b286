"""``genrebench runs``: what lies in the folder of all runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genrebench.cli.options import PATH, examples
from genrebench.errors import ConfigError
from genrebench.training.config import default

if TYPE_CHECKING:
    from genrebench.training.runs import Run

_PARTS = ("test", "validation")
# What runs are sorted by; figures and times from the highest on.
_KEYS: dict[str, Callable[["Run"], Any]] = {
    "created": lambda run: run.document.created,
    "name": lambda run: run.name,
    "data": lambda run: run.data,
    "backend": lambda run: run.document.backend,
    "epochs": lambda run: run.document.epochs_done,
    "status": lambda run: run.status,
    **{part: lambda run, part=part: run.accuracy(part) or 0.0 for part in _PARTS},  # type: ignore[misc]
}
_FALLING = frozenset({"created", "epochs", *_PARTS})


@click.command(
    help="List the runs in RESULTS: what was trained on what, and its accuracy by track with the 95 % interval. "
    "Folders that cannot be read are named on standard error.",
    epilog=examples("genrebench runs", "genrebench runs --sort test", "genrebench runs --json"),
)
@click.option("--results", type=PATH, default=default("results"), show_default=True, help="Folder of all runs.")
@click.option("--sort", type=click.Choice(list(_KEYS)), default="created", show_default=True, help="Sort by.")
@click.option("--reverse", is_flag=True, help="The other way round.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def runs(results: Path, sort: str, reverse: bool, as_json: bool) -> None:
    """List runs."""
    from genrebench.cli.output import echo, note
    from genrebench.report.terminal import show
    from genrebench.system.files import escaped
    from genrebench.training.runs import list_runs

    if results.exists() and not results.is_dir():
        raise ConfigError("expected the folder of all runs, received a file", path=results)
    found, problems = list_runs(results)
    found.sort(key=_KEYS["name"])
    found.sort(key=_KEYS[sort], reverse=(sort in _FALLING) != reverse)
    for problem in problems.values():
        note(problem)
    if as_json:
        print(json.dumps([_described(run) for run in found], indent=2, allow_nan=False))
    elif found:
        show(runs_table(found))
    else:
        echo(f"{escaped(results)}: no runs yet; genrebench train makes them")


def runs_table(found: "list[Run]") -> Any:
    """Tabulate runs."""
    from genrebench.report.document import Cell, Column, Table

    titles = [
        Column("run"),
        Column("begun", optional=True),
        Column("data", optional=True),
        Column("backend", optional=True),
        Column("epochs", optional=True),
        *(Column(part) for part in _PARTS),
        Column("status", optional=True),
    ]
    rows: list[tuple[str | Cell, ...]] = [
        (
            run.name,
            run.document.created[:10],
            run.data,
            run.document.backend,
            Cell(str(run.document.epochs_done), numeric=True),
            *(Cell(_figure(run, part), numeric=True) for part in _PARTS),
            run.status,
        )
        for run in found
    ]
    return Table(titles, rows, caption="Accuracy by track, and its 95 % interval")


def _figure(run: "Run", part: str) -> str:
    """Format an accuracy with its interval."""
    accuracy, interval = run.accuracy(part), run.interval(part)
    if accuracy is None:
        return "-"
    bounds = " ({:.0f} to {:.0f})".format(*(100 * bound for bound in interval)) if interval else ""
    return f"{100 * accuracy:.1f} %{bounds}"


def _described(run: "Run") -> dict[str, Any]:
    """Describe a run in plain JSON types."""
    from genrebench.training.commands import changed_settings

    document = run.document
    return {
        "name": run.name,
        "folder": str(run.folder),
        "created": document.created,
        "status": run.status,
        "data": run.data,
        "backend": document.backend,
        "seed": document.seed,
        "epochs": document.epochs_done,
        "saved_epoch": document.weights.epoch,
        "weights_sha256": document.weights.sha256,
        "genres": document.genres,
        "protocol": document.data.proof.get("protocol"),
        "leaky": document.data.proof.get("leaky"),
        "parts": {
            part: {
                "tracks": document.metrics[part].get("tracks"),
                "track_accuracy": run.accuracy(part),
                "track_interval": run.interval(part),
                "segment_accuracy": document.metrics[part].get("segment_accuracy"),
            }
            for part in _PARTS
            if part in document.metrics
        },
        "settings": changed_settings(run.experiment) if run.experiment else {},
    }
