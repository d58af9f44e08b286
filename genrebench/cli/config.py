"""``genrebench config``: an experiment file, resolved and checked."""

from pathlib import Path
from typing import Any

import click

from genrebench.cli.options import PATH, examples
from genrebench.cli.settings import assigned, set_option


@click.command(
    help="Print an experiment file with every setting, what it means, and its value: of FILE, with --set in its "
    "place, or all defaults. A key that does not exist, or a value that is wrong, is an error; no data is looked at. "
    "Where a value is a list, genrebench train makes a run of each; the runs are named on standard error.",
    epilog=examples(
        "genrebench config",
        "genrebench config experiments/gtzan.toml",
        "genrebench config experiments/gtzan.toml --set training.epochs=50",
    ),
)
@click.argument("file", type=PATH, required=False)
@set_option
def config(file: Path | None, assignments: tuple[str, ...]) -> None:
    """Print an experiment file."""
    from genrebench.cli.output import echo_err
    from genrebench.training.commands import commented_toml
    from genrebench.training.sweep import load_sweep, swept, written_name

    settings: dict[str, Any] = assigned(assignments)
    experiments = load_sweep(file, settings)
    others = swept(file, settings)
    # A file of another name is another run; one that names itself keeps its name.
    others["name"] = settings.get("name", written_name(file))
    click.echo(commented_toml(experiments[0], others), nl=False)
    if len(experiments) > 1:
        echo_err(f"{len(experiments)} runs: {', '.join(each.name for each in experiments)}")
