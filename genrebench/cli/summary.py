"""``genrebench summary``: the layer table of a network."""

from pathlib import Path

import click
from click.core import ParameterSource

from genrebench.cli.options import COUNT, PATH, RUN, Size, examples
from genrebench.cli.output import echo
from genrebench.errors import ConfigError
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.load import load_architecture
from genrebench.report.document import Cell, Column, Table
from genrebench.report.terminal import show

_DEFAULT = genre_cnn()


@click.command(
    help="Print the layer table of the network: output shapes and parameters.",
    epilog=examples(
        "genrebench summary",
        "genrebench summary --input-shape 96x34 --genres 8",
        "genrebench summary --architecture mine.json",
    ),
)
@click.option("--model", type=RUN, help="Folder of a model, or its name in results/, whose network is shown.")
@click.option("--architecture", type=PATH, help="Network in JSON, or a model.json.")
@click.option(
    "--input-shape",
    type=Size(),
    default="{}x{}".format(*_DEFAULT.input_shape),
    show_default=True,
    help="n_mels x frames of the genre network.",
)
@click.option("--genres", type=COUNT, default=_DEFAULT.classes, show_default=True, help="Number of its genres.")
@click.pass_context
def summary(
    ctx: click.Context,
    *,
    model: Path | None,
    architecture: Path | None,
    input_shape: tuple[int, int],
    genres: int,
) -> None:
    """Print the layer table."""
    if model is not None and architecture is not None:
        raise ConfigError("expected --model or --architecture, received both")
    sizes = [name for name in ("input_shape", "genres") if ctx.get_parameter_source(name) != ParameterSource.DEFAULT]
    if (model or architecture) and sizes:
        raise ConfigError(f"expected no --{sizes[0].replace('_', '-')} beside a network that has its size")
    if architecture is not None:
        network = load_architecture(architecture)
    elif model is not None:
        from genrebench.model.model import Model

        network = Model.load(model).architecture
    else:
        network = genre_cnn(input_shape, genres)
    _show(network)


def _show(network: Architecture) -> None:
    """Print the layer table as Keras does."""
    layers = network.walk()
    rows = [
        (layer.name, layer.kind, f"({_axes(layer.output_shape)})", Cell(f"{layer.parameters:,}", numeric=True))
        for layer in layers
    ]
    total, trainable = sum(layer.parameters for layer in layers), sum(layer.trainable_parameters for layer in layers)
    echo(f"Input: ({_axes(network.input_shape)})")
    show(Table(("Layer", Column("Type", optional=True), "Output Shape", "Param #"), rows))
    echo(f"Total params: {total:,}")
    echo(f"Trainable params: {trainable:,}")
    echo(f"Non-trainable params: {total - trainable:,}")


def _axes(shape: tuple[int, ...]) -> str:
    """Format a shape behind the batch axis."""
    return ", ".join(map(str, ("None", *shape)))
