"""``genrebench parity``: the proof that backends build the same network, or the first layer where they do not."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from genrebench.cli.completion import complete_backends
from genrebench.cli.options import COUNT, PATH, REPLACE, RUN, Size, check_output, examples, typed_command, worker_limits
from genrebench.errors import ConfigError
from genrebench.network.genre_cnn import genre_cnn
from genrebench.parity.request import ParityRequest

if TYPE_CHECKING:
    from rich.console import Console

    from genrebench.parity.report import Report
    from genrebench.parity.run import Progress

_OUTPUT = Path("parity-report")
_SHAPE = "{}x{}".format(*genre_cnn().input_shape)
# What is left out of a command line that is recorded, since it says where, not what.
_NOT_RECORDED = ("pythons", "output", "timeout", "max_reply")
_OF_KERAS = ("keras_file", "config", "replace", "against", "weights", "mapping")
_NOT_WITH_KERAS = ("reference", "model", "architecture", "input_shape", "data", "steps", "pythons", "max_reply")


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


def _given(ctx: click.Context) -> list[click.Parameter]:
    """List the options that were typed."""
    sources = {param: ctx.get_parameter_source(param.name or "") for param in ctx.command.params}
    return [param for param, source in sources.items() if source is not ParameterSource.DEFAULT]


@click.command(
    short_help="Prove that backends build the same network.",
    help="Compare the networks that backends build, in float64: layer by layer, gradient by gradient, step by step, "
    "with the definitions in NumPy and with each other; name the first layer where one is off, and the cause.\n\n"
    "With --keras the network is that of somebody's Keras file, of any version: the definitions, the PyTorch module "
    "that genrebench port writes, and Keras itself if it opens the file; or, with --against, somebody's own PyTorch "
    "port, matched module by module: the first layer that differs, and why.\n\n"
    "Each backend runs in a process of its own. The status is 0 if every gate holds, 1 if one does not, 2 if the "
    "comparison could not be run. parity.json, parity.md and parity.html are written into --output.",
    epilog=examples(
        "genrebench parity",
        "genrebench parity --backend torch --backend mine --model results/gtzan --data dataset",
        "genrebench parity --architecture mine.json --steps 20 --output results/mine",
        f"genrebench parity --from {_OUTPUT}/parity.json",
        "genrebench parity --keras model.h5",
        "genrebench parity --keras model.h5 --against mine.py:Network --weights mine.pt",
    ),
)
@click.option("--backend", "backends", multiple=True, default=ParityRequest.backends, shell_complete=complete_backends,
              help=f"Repeat for several.  [default: {' and '.join(ParityRequest.backends)}]")  # fmt: skip
@click.option("--reference", default=ParityRequest.reference, show_default=True, shell_complete=complete_backends,
              help="Backend that the others are compared with.")  # fmt: skip
@click.option("--model", type=RUN, help="Folder of a trained model, or its name in results/, whose network and weights "
              "are compared.")  # fmt: skip
@click.option("--architecture", type=PATH, help="Architecture in JSON, as in a model.json; weights are random.")
@click.option("--input-shape", type=Size(), help=f"n_mels x frames of the genre network.  [default: {_SHAPE}]")
@click.option("--data", type=PATH, help="Spectrogram tree to take inputs from, instead of random ones.")
@click.option("--steps", type=COUNT, default=ParityRequest.steps, show_default=True,
              help="Steps of the short training run.")  # fmt: skip
@click.option("--batch-size", type=click.IntRange(min=2), default=ParityRequest.batch_size, show_default=True,
              help="Inputs in a batch.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=ParityRequest.seed, show_default=True,
              help="Seed of weights and inputs.")  # fmt: skip
@click.option("--threads", type=COUNT, default=ParityRequest.threads, show_default=True,
              help="Threads of each backend.")  # fmt: skip
@click.option("--python", "pythons", multiple=True, metavar="BACKEND=PATH", callback=_interpreters,
              help="Interpreter of the environment that has a backend.")  # fmt: skip
@click.option("--keras", "keras_file", type=PATH, help="Keras file (.keras, .h5) whose network is compared.")
@click.option("--config", type=PATH, help="With --keras, the model's configuration in JSON.")
@click.option("--replace", type=REPLACE, multiple=True, help=f"With --keras: {REPLACE.help}")
@click.option("--against", metavar="FILE.py:CLASS", help="With --keras, somebody's PyTorch port: a class or function.")
@click.option("--weights", type=PATH, help="With --against, the port's weights: .safetensors, .pt or .pth.")
@click.option("--mapping", type=PATH, help="With --against, JSON that names modules by layers.")
@worker_limits
@click.option("--output", type=PATH, help=f"Folder of the report.  [default: {_OUTPUT}]")
@click.option("--from", "source", type=PATH, help="Render a parity.json again, without running anything.")
@click.pass_context
def parity(ctx: click.Context, /, *, source: Path | None, output: Path | None, **options: Any) -> None:
    """Compare backends."""
    from rich.console import Console

    from genrebench.cli.output import echo_err
    from genrebench.parity.document import show_report
    from genrebench.parity.report import load_report

    console = Console()
    if source is not None:
        others = [param.opts[0] for param in _given(ctx) if param.name not in ("source", "output")]
        if others:
            raise ConfigError(f"--from renders a report and runs nothing; expected no {others[0]} beside it")
        report = load_report(source)
        output = output or source.parent
        check_output(output)
    elif options["keras_file"] is not None:
        output = output or _OUTPUT
        check_output(output)
        report = _of_keras_file(ctx, console, options)
    else:
        _refuse(ctx, ("config", "replace", "against", "weights", "mapping"), "only with --keras")
        from genrebench.parity.run import run_parity

        output = output or _OUTPUT
        check_output(output)
        with _shown(console) as progress:
            asked = {name: value for name, value in options.items() if name not in _OF_KERAS}
            report = run_parity(ParityRequest(**asked, command=typed_command(ctx, without=_NOT_RECORDED)), progress)
    _write(report, output, source)
    show_report(report, console)
    echo_err(f"{output}: parity.json, parity.md, parity.html")
    if not report.passed:
        raise click.exceptions.Exit(1)


def _refuse(ctx: click.Context, names: Collection[str], when: str) -> None:
    """Refuse options that say nothing here."""
    if wrong := [param.opts[0] for param in _given(ctx) if param.name in names]:
        raise ConfigError(f"{wrong[0]}: expected {when}")


def _of_keras_file(ctx: click.Context, console: "Console", options: dict[str, Any]) -> "Report":
    """Compare the network of a Keras file."""
    from genrebench.parity.document import stage_line
    from genrebench.porting.against.run import compare_port
    from genrebench.porting.against.subject import read_port
    from genrebench.porting.port import prove_file, read_keras
    from genrebench.porting.proof.options import ProofOptions

    _refuse(ctx, _NOT_WITH_KERAS, "no --keras beside it")
    _refuse(ctx, () if options["against"] else ("weights", "mapping"), "only with --against")
    _refuse(ctx, ("backends",) if options["against"] else (), "no --against beside it")
    port = read_port(options["against"], options["weights"], options["mapping"]) if options["against"] else None
    model = read_keras(options["keras_file"], config=options["config"], replace=dict(options["replace"]))
    how = ProofOptions(
        batch=options["batch_size"],
        seed=options["seed"],
        threads=options["threads"],
        timeout=options["timeout"],
        command=typed_command(ctx, without=_NOT_RECORDED),
        on_stage=lambda stage: console.print(stage_line(stage), soft_wrap=not console.is_terminal),
    )
    if port is not None:
        return compare_port(model, port, how)
    return prove_file(model, options["backends"], how)


@contextmanager
def _shown(console: "Console") -> "Iterator[Progress]":
    """Show how far a run is, and each stage as it is known."""
    from genrebench.parity.document import stage_line
    from genrebench.parity.run import Progress
    from genrebench.report.terminal import line

    waiting: list[str] = []
    with console.status("") as status:

        def update() -> None:
            """Name those who have not answered yet."""
            status.update(line(f"waiting for {', '.join(waiting)}" if waiting else "comparing"))

        def on_start(names: Any) -> None:
            """Begin to wait."""
            waiting.extend(names)
            update()

        def on_answer(name: str, seconds: float) -> None:
            """Print who has answered."""
            waiting.remove(name)
            console.print(line(f"{name} answered after {seconds:.1f} s of computing"), soft_wrap=True)
            update()

        yield Progress(
            on_start, on_answer, lambda stage: console.print(stage_line(stage), soft_wrap=not console.is_terminal)
        )


def _write(report: "Report", folder: Path, source: Path | None) -> None:
    """Write all forms of a report, made before any of its files is written."""
    from genrebench.parity.document import parity_document
    from genrebench.parity.report import save_report
    from genrebench.report.html import page
    from genrebench.report.markdown import markdown
    from genrebench.system.files import write_atomically

    rendered = {
        "parity.md": markdown(parity_document(report)).encode(),
        "parity.html": page(parity_document(report, every_row=True)).encode(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    if source is None or os.path.realpath(folder / "parity.json") != os.path.realpath(source):
        save_report(folder / "parity.json", report)
    for name, content in rendered.items():
        write_atomically(folder / name, content)
