"""``genrebench inspect``: what is in somebody's Keras file, read without Keras."""

import json
from pathlib import Path

import click

from genrebench.cli.options import PATH, REPLACE, examples
from genrebench.cli.output import echo
from genrebench.reading.graph import Call
from genrebench.reading.inspection import describe, sentence
from genrebench.reading.keras_file import KerasModel, read_keras
from genrebench.reading.kinds.base import Shape
from genrebench.report.document import Block, Cell, Column, Document, Heading, Item, Items, Table, Text
from genrebench.report.terminal import show
from genrebench.system.files import escaped


@click.command(
    help="Print what is in a Keras file (.keras, .h5) of any version, read without Keras and without trusting it: "
    "layers, shapes, parameters, where a port to another framework usually goes wrong, and what cannot be read "
    "and why.\n\n"
    "The status is 0 if all of it is understood, else 1.",
    epilog=examples(
        "genrebench inspect model.h5",
        "genrebench inspect weights.h5 --config model.json",
        "genrebench inspect model.h5 --replace scale='x / 255 - 0.5' --replace mine=layers.json",
        "genrebench inspect model.keras --json | jq .parameters",
    ),
)
@click.argument("model", type=PATH)
@click.option("--config", type=PATH, help="The model's configuration in JSON, for a file that has weights only.")
@click.option("--replace", type=REPLACE, multiple=True, help=REPLACE.help)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.pass_context
def inspect(
    ctx: click.Context, *, model: Path, config: Path | None, replace: tuple[tuple[str, str], ...], as_json: bool
) -> None:
    """Print what is in a file.

    Parameters
    ----------
    model : Path
        The file.
    config : Path, optional
        File of the model's configuration.
    replace : tuple of (str, str)
        Names of layers, and what stands in their place.
    as_json : bool
        Whether to print JSON.
    """
    found = read_keras(model, config=config, replace=dict(replace))
    if as_json:
        click.echo(json.dumps(describe(found), indent=2))
    else:
        show(Document("", _blocks(found)))
        echo("")
        count = len(found.problems)
        echo(
            "All of it is understood." if not count else f"Not understood: {count} thing{'s' * (count > 1)}, see above."
        )
    ctx.exit(int(bool(found.problems)))


def _blocks(model: KerasModel) -> list[Block]:
    """Lay out what was found."""
    graph = model.graph
    keras = f"Keras {model.version.text}" if model.version.text else "an unknown version of Keras"
    blocks: list[Block] = [Text(f"{model.path.name}: .{model.container} of {keras}")]
    if graph.calls:
        rows = [_row(call) for call in graph.calls.values()]
        titles = (
            "Layer (type)",
            "Output Shape",
            Column("Reads", optional=True),
            "Param #",
            Column("Trained", optional=True),
        )
        total, trained = graph.parameters, graph.trainable_parameters
        totals = f"Parameters: {total:,}, of which {trained:,} are trained"
        loss = [f"Loss: {model.loss['name']}"] if model.loss else []
        blocks += [Table(titles, rows), Text("\n".join([totals])), *(Text(line) for line in loss)]
    traps = [Item(f"{trap.id}: {sentence(trap.text, names)}") for trap, names in graph.traps().items()]
    notes = [Item(note) for note in model.notes]
    problems = [Item(str(problem)) for problem in model.problems]
    for title, items in (("Traps of a port", traps), ("Notes", notes), ("Not understood", problems)):
        if items:
            blocks += [Heading(title), Items(items)]
    return blocks


def _row(call: Call) -> tuple[Cell, ...]:
    """Format a call as a row of the table."""
    layer = call.layer
    reads = ", ".join(each.call + (f"[{each.output}]" if each.output else "") for each in call.inputs)
    shape = " ".join(map(_axes, call.output_shapes)) if call.output_shapes else "?"
    trained = "" if not layer.parameters else "yes" if layer.trainable_parameters else "no"
    cells = [f"{call.name} ({layer.class_name})", shape, reads]
    count = Cell(f"{layer.parameters:,}" if layer.has_shapes else "?", numeric=True)
    return (*(Cell(escaped(text)) for text in cells), count, Cell(trained))


def _axes(shape: Shape) -> str:
    """Format a shape behind the batch axis."""
    return f"({', '.join(map(str, (None, *shape)))})"
