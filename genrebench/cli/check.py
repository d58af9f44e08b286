"""``genrebench check``: the conformance kit, in a process of its own."""

from pathlib import Path

import click

from genrebench.backend.jobs import run_check
from genrebench.cli.options import PATH, examples
from genrebench.cli.output import show_outcomes


@click.command(
    help="Run the conformance kit on a backend, in a process of its own, and print what each check found.\n\n"
    "Values are compared with the NumPy reference in float64. The status is 0 if every required check ran and passed.",
    epilog=examples(
        "genrebench check torch",
        "genrebench check keras --python /opt/tensorflow/bin/python",
        'genrebench check mine --expect "float32=the device rounds sums to bfloat16"',
    ),
)
@click.argument("name", metavar="BACKEND")
@click.option("--python", type=PATH, help="Interpreter of the environment that has the backend.  [default: this one]")
@click.option("--timeout", type=click.FloatRange(min=1), default=600.0, show_default=True, help="Seconds it may take.")
@click.option("--expect", "expected", multiple=True, metavar="CHECK=REASON", help="A failure that is known, and why.")
def check(*, name: str, python: Path | None, timeout: float, expected: tuple[str, ...]) -> None:
    """Run the conformance kit.

    Parameters
    ----------
    python : Path, optional
        Interpreter of the environment that has the backend.
    """
    reasons = dict(each.partition("=")[::2] for each in expected)
    outcomes, report = run_check(name, reasons, python=python, timeout=timeout)
    if not show_outcomes(outcomes, report):
        raise click.exceptions.Exit(1)
