"""``genrebench port``: somebody's Keras file to PyTorch's source, with its weights and a proof."""

from pathlib import Path
from typing import Any

import click

from genrebench.cli.options import COUNT, PATH, REPLACE, Amount, check_output, examples, typed_command

# What is left out of a command line that is recorded, since it says where, not what.
_NOT_RECORDED = ("output", "timeout", "overwrite")


@click.command(
    help="Write the network of a Keras file (.keras, .h5) of any version as a module of PyTorch, prove in float64 that "
    "it computes the same, and keep both: network.py, weights.safetensors, architecture.json, the report "
    "(parity.json, .md, .html) and a README.md.\n\n"
    "The file is read without Keras; if Keras is installed and opens it, it is asked, too. The status is 0 if every "
    "gate of the proof holds, 1 if one does not or the file cannot be ported: genrebench inspect says why.",
    epilog=examples(
        "genrebench port model.h5 --output ported",
        "genrebench port weights.h5 --config model.json --output ported",
        "genrebench port model.h5 --replace scale='x / 255 - 0.5' --output ported",
        "genrebench port model.keras --output ported --overwrite --no-proof",
    ),
)
@click.argument("model", type=PATH)
@click.option("--output", type=PATH, required=True, help="Folder to write; it appears as a whole or not at all.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier port in that folder; other files stay.")
@click.option("--no-proof", is_flag=True, help="Write the files without proving anything; the README says so.")
@click.option("--no-keras", is_flag=True, help="Do not ask Keras as a third witness.")
@click.option("--config", type=PATH, help="The model's configuration in JSON, for a file that has weights only.")
@click.option("--replace", type=REPLACE, multiple=True, help=REPLACE.help)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
              help="Seed of the numbers that the proof computes with.")  # fmt: skip
@click.option("--threads", type=COUNT, default=1, show_default=True, help="Threads of each process.")
@click.option("--timeout", type=Amount(1), default=900, show_default=True,
              help="Seconds after which a process is ended.")  # fmt: skip
@click.pass_context
def port(ctx: click.Context, /, **options: Any) -> None:
    """Write a file's network for PyTorch."""
    from rich.console import Console

    from genrebench.cli.output import echo_err, is_quiet
    from genrebench.parity.document import show_report, stage_line
    from genrebench.porting.port import FILES, check_place, read_keras
    from genrebench.porting.port import port as write_port
    from genrebench.porting.proof.options import ProofOptions

    output: Path = options["output"]
    check_output(output)
    check_place(output.absolute(), overwrite=options["overwrite"])
    console = Console()
    model = read_keras(options["model"], config=options["config"], replace=dict(options["replace"]))
    how = ProofOptions(
        seed=options["seed"],
        threads=options["threads"],
        timeout=options["timeout"],
        command=typed_command(ctx, without=_NOT_RECORDED),
        on_stage=lambda stage: (
            None if is_quiet() else console.print(stage_line(stage), soft_wrap=not console.is_terminal)
        ),
    )
    ported = write_port(
        model,
        output,
        how,
        overwrite=options["overwrite"],
        proof=not options["no_proof"],
        keras=not options["no_keras"],
    )
    if ported.report is not None:
        show_report(ported.report, console)
    else:
        console.print("Not proved.")
    echo_err(f"{output}: {', '.join(name for name in FILES if (output / name).exists())}")
    if not ported.passed:
        raise click.exceptions.Exit(1)
