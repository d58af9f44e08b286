"""``genrebench export``: a trained model for other programs, checked before it is there."""

from pathlib import Path
from typing import Any

import click

from genrebench.cli.options import PATH, RUN, Amount, check_output, examples
from genrebench.system.process import TIMEOUT
from genrebench.training.config import default

# Written out here, since importing the exporter takes as long as all the rest.
_FORMATS = ("onnx", "keras", "torch", "web")


@click.command(
    help="Write a trained model for other programs. RUN is a folder, or a name in RESULTS.\n\n"
    "onnx is one file that takes spectrograms in dB, or with --with-frontend audio, and has genres, Mel settings and "
    "calibration in its metadata. keras is a .keras file of the network, torch a folder with network.py, which needs "
    "nothing but PyTorch, and weights.safetensors; what else is to be known lies beside them as JSON. web is a folder "
    "for any web server: the page of genrebench serve, which runs the model in the browser by onnxruntime-web.\n\n"
    "Before a file is in its place, it is run where it is for, on segments of recordings, and compared with the "
    "reference: logits must agree within 1e-5 of their norm, spectrograms with librosa's within 1e-4 dB.",
    epilog=examples(
        "genrebench export gtzan --format onnx --output gtzan.onnx",
        "genrebench export gtzan --format onnx --with-frontend --output gtzan.onnx --check song.mp3",
        "genrebench export results/gtzan --format keras --output gtzan.keras",
        "genrebench export results/gtzan --format torch --output gtzan_torch",
        "genrebench export builtin --format web --output site",
    ),
)
@click.argument("run", type=RUN)
@click.option("--format", "format_", type=click.Choice(_FORMATS), required=True, help="What it becomes.")
@click.option("--output", type=PATH, required=True, help="File to write; of torch and web a folder.")
@click.option("--with-frontend", is_flag=True, help="onnx: take audio instead of spectrograms.")
@click.option("--one-recording", is_flag=True, help="onnx, of a model that standardizes by the recording: have the "
              "graph do that, over a batch that is the segments of one.")  # fmt: skip
@click.option("--runtime", type=PATH, help="web: folder with the files of onnxruntime-web.  [default: "
              "node_modules/onnxruntime-web/dist, where npm install onnxruntime-web puts it]")  # fmt: skip
@click.option("--check", multiple=True, type=PATH, help="Recording to try it on; repeat for several.  [default: "
              "synthetic music]")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace what is there.")
@click.option("--results", type=PATH, default=default("results"), show_default=True, is_eager=True,
              help="Folder of all runs.")  # fmt: skip
@click.option("--timeout", type=Amount(1), default=round(TIMEOUT), show_default=True,
              help="Seconds after which a worker is ended.")  # fmt: skip
def export(
    run: Path,
    results: Path,  # noqa: ARG001 - RUN has read it
    format_: Any,
    output: Path,
    **options: Any,
) -> None:
    """Write a model for other programs."""
    from genrebench.cli.output import echo
    from genrebench.model.model import Model
    from genrebench.porting.export.run import FOLDERS, export_model
    from genrebench.system.files import escaped

    check_output(output, is_file=format_ not in FOLDERS)
    exported = export_model(Model.load(run), output, format=format_, **options)
    for check in exported.checks:
        echo(check.label)
    for name, tensors in exported.ends.items():
        echo(f"{name}: {', '.join(f'{tensor} ({_axes(shape)})' for tensor, shape in tensors.items())}")
    echo(escaped(exported.path))


def _axes(shape: list[int | str]) -> str:
    """Format a shape."""
    return ", ".join(map(str, shape))
