"""``genrebench check``: the conformance kit, in a process of its own."""

from pathlib import Path
from typing import Any

import click

from genrebench.cli.completion import complete_backends
from genrebench.cli.options import PATH, examples, worker_limits
from genrebench.cli.output import echo, echo_err
from genrebench.system.files import escaped
from genrebench.testing import CheckResult, check_names, summarize
from genrebench.testing.job import run_check


@click.command(
    help="Run the conformance kit on a backend, in a process of its own, and print what each check finds.\n\n"
    "Values are compared with the NumPy reference in float64. The status is 0 if every required check ran and passed, "
    "1 if one did not, 2 if the kit could not be run. genrebench --debug check shows where a failure was raised.",
    epilog=examples(
        "genrebench check torch",
        "genrebench check keras --python /opt/tensorflow/bin/python",
        "genrebench check mine --only logits --only gradients",
        'genrebench check mine --expect "float32=the device rounds sums to bfloat16"',
    ),
)
@click.argument("name", metavar="BACKEND", shell_complete=complete_backends)
@click.option("--only", multiple=True, metavar="CHECK", help="A check to run; repeat for several.  [default: all]")
@click.option("--python", type=PATH, help="Interpreter of the environment that has the backend.  [default: this one]")
@click.option("--expect", "expected", multiple=True, metavar="CHECK=REASON", help="A failure that is known, and why.")
@worker_limits
@click.pass_context
def check(
    ctx: click.Context,
    *,
    name: str,
    only: tuple[str, ...],
    python: Path | None,
    expected: tuple[str, ...],
    timeout: float,
    max_reply: float,
) -> None:
    """Run the conformance kit.

    Parameters
    ----------
    python : Path, optional
        Interpreter of the environment that has the backend.
    """
    width = max(map(len, only or check_names()))

    def on_start(_backend: dict[str, Any], versions: dict[str, str]) -> None:
        """Print what the backend runs on."""
        echo(f"backend {name}: {escaped(', '.join(map(' '.join, versions.items())))}")

    def on_result(result: CheckResult) -> None:
        """Print what a check found."""
        echo(f"  {result.name:<{width}}  {result.status:<8}  {escaped(result.message)}".rstrip())
        if ctx.find_root().params["debug"]:
            for line in result.traceback.splitlines():
                echo_err(line)

    run = run_check(
        name,
        expected_failures=dict(each.partition("=")[::2] for each in expected),
        only=only,
        python=python,
        on_start=on_start,
        on_result=on_result,
        timeout=timeout,
        max_reply=max_reply,
    )
    line, passed = summarize(run.results, only)
    echo(f"{line}; {run.report['seconds']:.1f} s")
    if not passed:
        faults = ", ".join(result.name for result in run.results if result.is_fault)
        echo_err(f"Error: backend {name} does not conform: {faults}")
        raise click.exceptions.Exit(1)
