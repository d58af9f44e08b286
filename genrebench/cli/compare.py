"""``genrebench compare``: whether one run is better than another, and what changed."""

import json
from pathlib import Path

import click

from genrebench.cli.completion import complete_words
from genrebench.cli.options import RUN, examples


@click.command(
    help="Compare two runs, or two evaluations, track by track. RUN is a folder, or a name in results/.\n\n"
    "McNemar's exact test says whether the difference may be chance. Listed are the settings in which the runs differ, "
    "the genres, and the tracks with other answers.",
    epilog=examples(
        "genrebench compare results/gtzan results/longer",
        "genrebench compare results/gtzan results/longer --part validation --json",
    ),
)
@click.argument("first", metavar="RUN", type=RUN)
@click.argument("second", metavar="RUN", type=RUN)
@click.option("--part", help="Part that is compared.  [default: test, or what both have]",
              shell_complete=complete_words("test", "validation"))  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(*, first: Path, second: Path, part: str | None, as_json: bool) -> None:
    """Compare two runs.

    Parameters
    ----------
    part : str, optional
        Which part.
    """
    from genrebench.evaluation.comparison import compare_runs, read_evaluation
    from genrebench.evaluation.pages import comparison_document
    from genrebench.report.terminal import show

    comparison = compare_runs(read_evaluation(first), read_evaluation(second), part=part)
    if as_json:
        print(json.dumps(comparison, indent=2, allow_nan=False))
    else:
        show(comparison_document(comparison))
