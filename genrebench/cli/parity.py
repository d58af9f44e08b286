"""``genrebench parity``: the proof that backends build the same network, or the first layer where they do not."""

import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from genrebench.cli.options import COUNT, PATH, Size, check_output, examples
from genrebench.errors import ConfigError

_PIPE_WIDTH = 200
FILES = ("parity.json", "parity.md", "parity.html")


def _interpreters(
    ctx: click.Context,  # noqa: ARG001 - the signature of click's callbacks
    param: click.Parameter,
    values: tuple[str, ...],
) -> dict[str, Path]:
    """Read ``--python BACKEND=PATH``."""
    pairs = [value.partition("=")[::2] for value in values]
    for name, path in pairs:
        if not name or not path:
            raise click.BadParameter(f"expected BACKEND=PATH, received {name!r}", param=param)
    return {name: Path(path) for name, path in pairs}


@click.command(
    short_help="Prove that backends build the same network.",
    help="Compare the networks that backends build, in float64: layer by layer, gradient by gradient, step by step, "
    "with the definitions in NumPy and with each other; name the first layer where one is off, and the cause.\n\n"
    "Each backend runs in a process of its own. The status is 0 if every gate holds, 1 if one does not, 2 if the "
    "comparison could not be run. parity.json, parity.md and parity.html are written into --output.",
    epilog=examples(
        "genrebench parity",
        "genrebench parity --backend torch --backend mine --model results/gtzan --data dataset",
        "genrebench parity --architecture mine.json --steps 20 --output results/mine",
        "genrebench parity --from results/parity/parity.json",
    ),
)
@click.option("--backend", "backends", multiple=True, help="Repeat for several.  [default: torch and keras]")
@click.option("--reference", default="numpy", show_default=True, help="Backend that the others are compared with.")
@click.option("--model", type=PATH, help="Folder of a trained model, whose network and weights are compared.")
@click.option("--architecture", type=PATH, help="Architecture in JSON, as in a model.json; weights are drawn.")
@click.option("--input-shape", type=Size(), help="n_mels x frames of the genre network.  [default: 128x130]")
@click.option("--data", type=PATH, help="Spectrogram tree to take inputs from, instead of random ones.")
@click.option("--steps", type=COUNT, default=12, show_default=True, help="Steps of the short training run.")
@click.option("--batch-size", type=click.IntRange(min=2), default=4, show_default=True, help="Inputs in a batch.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of weights and inputs.")
@click.option("--threads", type=COUNT, default=1, show_default=True, help="Threads of each backend.")
@click.option("--python", "pythons", multiple=True, metavar="BACKEND=PATH", callback=_interpreters,
              help="Interpreter of the environment that has a backend.")  # fmt: skip
@click.option("--output", type=PATH, help="Folder of the report.  [default: results/parity]")
@click.option("--from", "source", type=PATH, help="Render a parity.json again, without running anything.")
def parity(*, source: Path | None, output: Path | None, **options: Any) -> None:
    """Compare backends.

    Parameters
    ----------
    source : Path, optional
        A report to render again.
    """
    from rich.console import Console

    from genrebench.parity.rendering.terminal import show_report
    from genrebench.parity.report import load_report, save_report
    from genrebench.system.files import write_atomically

    # A pipe has no width; whatever reads it wants whole lines.
    console = Console() if sys.stdout.isatty() else Console(width=_PIPE_WIDTH)
    if source is not None:
        context = click.get_current_context()
        asked = [each for each in options if context.get_parameter_source(each) is not ParameterSource.DEFAULT]
        if asked:
            flag = next(each.opts[0] for each in context.command.params if each.name == asked[0])
            raise ConfigError(f"--from renders a report and runs nothing; expected no {flag} beside it")
        report = load_report(source)
        output = output or source.parent
        check_output(output)
    else:
        from genrebench.parity.request import Request, run

        output = output or Path("results/parity")
        check_output(output)
        report = run(Request(**options), console)
    rendered = _rendered(report)
    output.mkdir(parents=True, exist_ok=True)
    if source is None or (output / "parity.json").resolve() != source.resolve():
        save_report(output / "parity.json", report)
    for name, content in rendered.items():
        write_atomically(output / name, content)
    show_report(report, console)
    _say_where(output)
    if not report.passed:
        raise click.exceptions.Exit(1)


def _rendered(report: Any) -> dict[str, bytes]:
    """Make the readable forms of a report, before any of its files is written."""
    from genrebench.parity.rendering.markdown import markdown
    from genrebench.parity.rendering.page import page

    return {"parity.md": markdown(report).encode(), "parity.html": page(report).encode()}


def _say_where(folder: Path) -> None:
    """Say what was written."""
    from genrebench.cli.output import echo_err

    echo_err(f"{folder}: {', '.join(FILES)}")
