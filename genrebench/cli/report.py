"""``genrebench report``: a run as one page, made again."""

from pathlib import Path

import click

from genrebench.cli.options import PATH, RUN, examples
from genrebench.cli.output import echo
from genrebench.errors import ConfigError
from genrebench.model.description import BUILTIN
from genrebench.training.config import default


@click.command(
    help="Make the report of a run again: RUN/report.html, one page with curves, confusion matrix, figures by genre, "
    "calibration, the recordings that it is most surely wrong about with their spectrograms, the proof of its split, "
    "and how it was made. RUN is a folder, or a name in RESULTS. Training makes it, too; this is for runs of earlier "
    "versions, and after a run was renamed.",
    epilog=examples("genrebench report gtzan", "genrebench report results/gtzan"),
)
@click.argument("run", type=RUN)
@click.option("--results", type=PATH, default=default("results"), show_default=True, is_eager=True,
              help="Folder of all runs.")  # fmt: skip
def report(run: Path, results: Path) -> None:  # noqa: ARG001 - RUN has read it
    """Make a report."""
    from genrebench.system.files import escaped
    from genrebench.training.results import write_results
    from genrebench.training.runs import read_run

    if run == Path(BUILTIN):
        raise ConfigError(f"{BUILTIN}: comes with genrebench, expected a run of your own; genrebench runs lists them")
    for path in write_results(read_run(run)):
        echo(escaped(path))
