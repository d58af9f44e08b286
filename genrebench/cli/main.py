"""The command line. Every command imports what it needs when it runs, so that ``--help`` answers at once."""

import io
import sys
from pathlib import Path
from typing import Any

import click

from genrebench import __version__
from genrebench.cli.bench import bench
from genrebench.cli.options import COUNT, PATH, Size, examples
from genrebench.cli.parity import parity
from genrebench.errors import ConfigError, GenrebenchError

_INTERRUPTED = 130
_STATUS_1_IS_A_FINDING = frozenset({"parity"})


class _CannotRun(click.ClickException):
    """An error in a command whose status 1 says what it found."""

    exit_code = 2


class _Commands(click.Group):
    """A group of commands that turns every failure into one line and an exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command.

        Raises
        ------
        ClickException
            For every error, unless ``--debug`` was given: then the error itself.
        """
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a file name must not end a run where the terminal lacks a letter
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(_INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if ctx.params["debug"]:
                raise
            failure = _CannotRun if ctx.invoked_subcommand in _STATUS_1_IS_A_FINDING else click.ClickException
            raise failure(_one_line(error)) from error


def _one_line(error: Exception) -> str:
    """Say in one line what went wrong.

    Returns
    -------
    str
        For an error that genrebench foresees its message; for others what is known, and how to learn more.
    """
    from genrebench.system.files import escaped

    if isinstance(error, GenrebenchError):
        message = str(error)
    elif isinstance(error, OSError) and error.strerror:
        message = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, MemoryError):
        message = "out of memory; use less data, or a smaller --batch-size"
    else:
        message = f"{type(error).__name__}: {error} (unforeseen; genrebench --debug COMMAND shows where)"
    return escaped(" ".join(message.split()))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Classify music by genre from Mel spectrograms, with one network that several frameworks build.",
    epilog=examples(
        "genrebench preprocess --dataset dataset",
        "genrebench train --backend torch --dataset dataset --name gtzan",
        "genrebench infer song.mp3 --model results/gtzan",
    ),
)
@click.version_option(__version__)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Run the command line.

    Parameters
    ----------
    debug : bool
        Whether errors keep their traceback; `_Commands` reads it.
    """


@main.command(
    short_help="Turn recordings into spectrograms.",
    help="Turn dataset/genres_original/<genre>/<track>.wav into dataset/genres_mel_npz/<genre>/<track>-<i>.npz.\n\n"
    "Each track gives --segments Mel spectrograms in dB, each an .npz with the key 'spectrogram'. wav, au, flac, ogg "
    "and mp3 of any sample rate, mono or stereo, are read. What is there is skipped; a run that was stopped goes on.",
    epilog=examples(
        "genrebench preprocess --dataset dataset",
        "genrebench preprocess --dataset music --output music/coarse --n-mels 64 --hop-length 1024",
    ),
)
@click.option("--dataset", type=PATH, default=Path("dataset"), show_default=True, help="Folder with genres_original/.")
@click.option("--output", type=PATH, help="Tree to write.  [default: DATASET/genres_mel_npz]")
@click.option("--segments", type=int, default=10, show_default=True, help="Segments a track is split into.")
@click.option("--track-duration", type=float, default=30.0, show_default=True, help="Seconds used of each track.")
@click.option("--sample-rate", type=int, default=22050, show_default=True, help="Samples a second.")
@click.option("--n-fft", type=int, default=2048, show_default=True, help="Samples in an FFT window.")
@click.option("--hop-length", type=int, default=512, show_default=True, help="Samples between two frames.")
@click.option("--n-mels", type=int, default=128, show_default=True, help="Mel bands.")
@click.option("--jobs", type=COUNT, help="Processes.  [default: one per core]")
def preprocess(dataset: Path, output: Path | None, jobs: int | None, **settings: Any) -> None:
    """Preprocess a dataset."""
    from genrebench.audio.mel import MelConfig
    from genrebench.cli.progress import show_preprocessing

    report = show_preprocessing(dataset, MelConfig(**settings), output=output, jobs=jobs)
    if not report.written and not report.skipped:
        raise ConfigError("no recording could be processed; see the reasons above")


@main.command(
    short_help="Train the network and save it.",
    help="Train the network on a spectrogram tree and save it in results/NAME.\n\n"
    "Defaults are 300 epochs, Adam with a learning rate of 0.001, batches of 64, split by track. An experiment file "
    "says the same in TOML; options override it. Ctrl-C ends the run and keeps what was learned.",
    epilog=examples(
        "genrebench train --backend torch --dataset dataset --name gtzan",
        "genrebench train --backend torch --experiment experiments/gtzan.toml --epochs 50 --name short",
    ),
)
@click.option("--backend", help="Framework that trains; genrebench backends lists them.  [default: torch]")
@click.option("--experiment", "file", type=PATH, help="Experiment file in TOML.")
@click.option("--dataset", type=PATH, help="Folder with genres_mel_npz/, or such a tree.  [default: dataset]")
@click.option("--name", help="Folder of the run in RESULTS.  [default: the file's name, or run-DATE-TIME]")
@click.option("--results", type=PATH, help="Folder of all runs.  [default: results]")
@click.option("--epochs", type=int, help="Passes through the training part.  [default: 300]")
@click.option("--learning-rate", type=float, help="Step size of Adam.  [default: 0.001]")
@click.option("--batch-size", type=int, help="Segments in a step.  [default: 64]")
@click.option("--precision", help="float32, or bfloat16 where the processor has it.  [default: float32]")
@click.option("--split", help="track, or segment (too good to be true).  [default: track]")
@click.option("--seed", type=int, help="Seed of everything random.  [default: 0]")
@click.option("--device", help="auto, or a device of the backend.  [default: auto]")
@click.option("--overwrite", is_flag=True, help="Replace a run of the same name.")
def train(
    *,
    file: Path | None,
    overwrite: bool,
    epochs: int | None,
    learning_rate: float | None,
    batch_size: int | None,
    precision: str | None,
    split: str | None,
    **options: Any,
) -> None:
    """Train a network.

    Parameters
    ----------
    overwrite : bool
        Whether a run of the same name may be replaced.
    epochs, learning_rate, batch_size, precision : int, float or str, optional
        Hyperparameters that stand above the file's.
    split : str, optional
        Protocol that stands above the file's.
    **options : object, optional
        Other settings that stand above the file's.
    """
    from datetime import datetime

    from genrebench.cli.progress import show_training
    from genrebench.training.config import load_experiment

    if file is None and options["name"] is None:
        options["name"] = f"run-{datetime.now():%Y%m%d-%H%M%S}"
    overrides = {
        **options,
        "split.protocol": split,
        "training.epochs": epochs,
        "training.learning_rate": learning_rate,
        "training.batch_size": batch_size,
        "training.precision": precision,
    }
    run = show_training(load_experiment(file, overrides), overwrite=overwrite)
    if run.status == "interrupted":
        raise click.exceptions.Exit(_INTERRUPTED)


@main.command(
    short_help="Print the genre of recordings.",
    help="Print the genre of recordings, and its probability.\n\n"
    "Folders are searched for recordings. Every segment of a recording is heard; their probabilities are joined by the "
    "mean log-probability. The preprocessing is that of the model's training.",
    epilog=examples(
        "genrebench infer song.mp3",
        "genrebench infer albums/ --model results/gtzan --top-k 3",
        "genrebench infer song.mp3 --json",
    ),
)
@click.argument("paths", metavar="FILE_OR_FOLDER...", type=PATH, nargs=-1, required=True)
@click.option("--model", type=PATH, help="Folder of a model.  [default: the newest in results/]")
@click.option("--top-k", type=COUNT, default=1, show_default=True, help="Genres printed for each recording.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.option("--backend", default="torch", show_default=True, help="Framework that runs the network.")
@click.option("--device", default="auto", show_default=True, help="auto, or a device of the backend.")
def infer(paths: tuple[Path, ...], *, model: Path | None, top_k: int, as_json: bool, backend: str, device: str) -> None:
    """Classify recordings.

    Parameters
    ----------
    top_k : int
        How many genres to print for each recording.
    backend : str
        Framework that runs the network.
    """
    from genrebench.audio.recordings import find_recordings
    from genrebench.cli.output import note
    from genrebench.cli.progress import show_predictions
    from genrebench.model.classifier import GenreClassifier
    from genrebench.model.saved import load_model, newest_model
    from genrebench.system.files import escaped

    recordings = list(find_recordings(paths))
    if model is None:
        model = newest_model(Path("results"))
        note(f"model: {escaped(model)} (the newest in results/)")
    classifier = GenreClassifier(load_model(model), backend=backend, device=device)
    predictions = show_predictions(classifier, recordings, top_k=top_k, as_json=as_json)
    if len(predictions) < len(recordings):
        raise click.exceptions.Exit(1)


@main.command(
    short_help="Print the network's layer table.",
    help="Print the layer table of the network: output shapes and parameters.",
    epilog=examples("genrebench summary", "genrebench summary --input-shape 96x34 --genres 8"),
)
@click.option("--model", type=PATH, help="Folder of a model, whose network is shown.")
@click.option("--input-shape", type=Size(), default="128x130", show_default=True, help="n_mels x frames.")
@click.option("--genres", type=COUNT, default=10, show_default=True, help="Number of genres.")
def summary(*, model: Path | None, input_shape: tuple[int, int], genres: int) -> None:
    """Print the layer table.

    Parameters
    ----------
    model : Path, optional
        Folder of a model, whose network is shown.
    input_shape : tuple of int
        (n_mels, frames), without a model.
    genres : int
        Number of genres, without a model.
    """
    from genrebench.cli.output import show_summary
    from genrebench.network.genre_cnn import genre_cnn

    if model is None:
        show_summary(genre_cnn(input_shape, genres))
    else:
        from genrebench.model.saved import load_model

        show_summary(load_model(model).spec.architecture)


@main.command(
    short_help="List the installed backends.",
    help="List the installed backends: versions, devices, what each can do. No framework is imported.",
    epilog=examples("genrebench backends"),
)
def backends() -> None:
    """List the installed backends."""
    from genrebench.backend.registry import list_backends
    from genrebench.cli.output import show_backends

    show_backends(list_backends())


@main.command(
    short_help="Check that a backend builds what it should.",
    help="Run the conformance kit on a backend, in a process of its own, and print what each check found.\n\n"
    "Values are compared with the NumPy referee in float64. The status is 0 if every required check ran and passed.",
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
    from genrebench.backend.jobs import run_check
    from genrebench.cli.output import show_outcomes

    reasons = dict(each.partition("=")[::2] for each in expected)
    outcomes, report = run_check(name, reasons, python=python, timeout=timeout)
    if not show_outcomes(outcomes, report):
        raise click.exceptions.Exit(1)


@main.command(
    short_help="Go the whole way on synthetic audio.",
    help="Go the whole way on synthetic audio: make it, preprocess it, train on it, name the genre of held-out "
    "recordings. Takes about a minute and a half on two cores.",
    epilog=examples("genrebench demo", "genrebench demo --folder /tmp/demo"),
)
@click.option("--folder", type=PATH, default=Path("genrebench-demo"), show_default=True, help="Where everything goes.")
def demo(folder: Path) -> None:
    """Run the demonstration."""
    from genrebench.cli.demo import run_demo

    run_demo(folder)


main.add_command(parity)
main.add_command(bench)
