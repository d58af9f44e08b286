"""``genrebench train``: a training run, with a line per epoch."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genrebench.backend.group import number_of_processes, rank_of_process, started_together
from genrebench.cli.completion import complete_runs, complete_setting
from genrebench.cli.options import PATH, Word, examples, list_options
from genrebench.cli.settings import set_option, setting, settings_of
from genrebench.errors import ConfigError, GenrebenchError
from genrebench.training.commands import resume_command
from genrebench.training.config import EXPERIMENT_FILE, Experiment, default, load_experiment
from genrebench.training.sweep import load_sweep, swept

if TYPE_CHECKING:
    from rich.console import Console

    from genrebench.training import TrainingRun

# So many recordings are named at the end.
_CONFUSED = 3
# Of the hash by which two runs can be held against each other.
_DIGITS = 12
# What the epoch is whose weights are the model.
_KEPT = {
    "best-track": "the best on the validation part, by track",
    "best": "the best on the validation part, by segment",
    "best-loss": "of the lowest loss on the validation part",
    "last": "the last",
}


@click.command(
    help="Train the network on a spectrogram tree and save it in RESULTS/NAME.\n\n"
    f"Defaults are {default('training.epochs')} epochs, Adam with a learning rate of "
    f"{default('training.learning_rate')}, batches of {default('training.batch_size')}, split by "
    f"{default('split.protocol')}. An experiment file says the same in TOML; options override the file. Ctrl-C ends "
    "the run and keeps what was learned; --resume goes on, also after a crash, or to more --epochs. A list in the "
    "place of a value is a sweep: a run for each value, in all combinations, and a table of them at the end.",
    epilog=examples(
        "genrebench train --backend torch --dataset dataset --name gtzan",
        "genrebench train --backend torch --experiment experiments/gtzan.toml --epochs 50 --name short",
        "genrebench train --architecture mine.json --dataset dataset --name mine",
        "genrebench train --name rates --set training.learning_rate=[0.001,0.0003] --set seed=[0,1]",
        "genrebench train --name gtzan --resume",
    ),
)
@setting("--backend", "Framework that trains; genrebench backends lists them.")
@click.option("--experiment", "file", type=PATH, help="Experiment file in TOML.")
@setting("--dataset", "Folder with genres_mel_npz/, such a tree, or a packed copy.", type=PATH)
@setting("--read-from", "memory, packed (a copy made by genrebench pack), or auto: by what fits.")
@click.option("--architecture", type=PATH, help="Network in JSON, or a model.json.  [default: the genre network]")
@click.option("--name", help="Folder of the run in RESULTS.  [default: the file's name, or run-DATE-TIME]",
              shell_complete=complete_runs)  # fmt: skip
@setting("--results", "Folder of all runs.", type=PATH)
@setting("--epochs", "Passes through the training part.", type=int)
@setting("--learning-rate", "Step size of Adam.", type=float)
@setting("--batch-size", "Segments in a step.", type=int)
@setting("--precision", "float32, or bfloat16 where the processor has it.")
@setting("--patience", "Epochs without a better one after which training ends; 0 is never.", type=int)
@setting("--split", "track, artist, lists, or segment (leaky: inflates accuracy).")
@setting("--validation", "Share of the tracks that chooses the saved weights.", type=float)
@setting("--test", "Share that is measured once, at the end.", type=float)
@click.option("--folds", type=int, help="Number of test parts instead of a share, for track and artist.")
@click.option("--fold", type=int, help="Which of the folds is tested, from 1.")
@list_options("for lists")
@click.option("--artists", type=PATH, help="CSV of tracks and artists: for artist, and for the proof of the others.")
@setting("--seed", "Seed of everything random.", type=int)
@setting("--device", "auto, or a device of the backend.", type=Word())
@click.option("--logger", "loggers", multiple=True,
              help="tensorboard, mlflow or wandb, beside log.csv; repeat for several.",
              shell_complete=complete_setting("loggers"))  # fmt: skip
@set_option
@click.option("--overwrite", is_flag=True, help="Replace a run of the same name.")
@click.option("--resume", is_flag=True, help="Go on with a run of that name, with its settings.")
def train(*, file: Path | None, overwrite: bool, resume: bool, assignments: tuple[str, ...], **options: Any) -> None:
    """Train a network.

    Parameters
    ----------
    overwrite : bool
        Whether a run of the same name may be replaced.
    resume : bool
        Whether to go on with it.
    assignments : tuple of str
        What ``--set`` says; options of their own go before it.
    """
    options["loggers"] = list(options["loggers"]) or None
    settings = settings_of(options, assignments)
    with _one_voice():
        _train(file, settings, overwrite=overwrite, resume=resume)


@contextmanager
def _one_voice() -> Iterator[None]:
    """Have one of the processes that train together say what ends them."""
    try:
        yield
    except (GenrebenchError, KeyboardInterrupt) as error:
        from genrebench.training.distributed import speaks

        if speaks(error):
            raise
        raise click.exceptions.Exit(1) from error


def _train(file: Path | None, settings: dict[str, Any], *, overwrite: bool, resume: bool) -> None:
    """Train once, or the runs of a sweep."""
    from genrebench.system.interrupts import interrupted_status

    if swept(file, settings):
        if started_together():
            raise ConfigError("expected one run with several processes, received a sweep; start its runs one by one")
        _train_sweep(load_sweep(file, settings), overwrite=overwrite)
        return
    experiment = load_experiment(file, settings, resume=resume)
    if run_training(experiment, overwrite=overwrite, resume=resume).status == "interrupted":
        raise click.exceptions.Exit(interrupted_status())


def _train_sweep(experiments: "list[Experiment]", *, overwrite: bool) -> None:
    """Train some runs, but for those that are there and finished, and list them by what they are worth."""
    from genrebench.cli.output import echo
    from genrebench.cli.runs import runs_table
    from genrebench.report.terminal import show
    from genrebench.training.runs import read_run

    for number, experiment in enumerate(experiments, 1):
        echo(f"[{number}/{len(experiments)}] {experiment.name}")
        train_or_read(experiment, overwrite=overwrite)
    found = [read_run(experiment.folder) for experiment in experiments]
    show(runs_table(sorted(found, key=lambda run: run.accuracy("validation") or 0.0, reverse=True)))


def train_or_read(
    experiment: Experiment, *, overwrite: bool = False, console: "Console | None" = None
) -> dict[str, Any]:
    """Train, go on with a run that was stopped, or read the scores of a finished one that was told the same.

    Raises
    ------
    Exit
        If Ctrl-C ends it.
    """
    from genrebench.cli.output import echo
    from genrebench.model.storage import read_document
    from genrebench.system.interrupts import interrupted_status

    try:
        same = not overwrite and load_experiment(experiment.folder / EXPERIMENT_FILE, {}, of_run=True) == experiment
        document = read_document(experiment.folder) if same else {}
    except GenrebenchError:
        document = {}
    if document.get("status") == "finished" and isinstance(document.get("metrics"), dict):
        echo("is there and finished", to=console)
        return dict(document["metrics"])
    run = run_training(experiment, overwrite=overwrite, resume=bool(document), console=console)
    if run.status != "finished":
        raise click.exceptions.Exit(interrupted_status())
    return run.metrics


def run_training(
    experiment: Experiment, *, overwrite: bool = False, resume: bool = False, console: "Console | None" = None
) -> "TrainingRun":
    """Train, show a bar and a line per epoch, and report the outcome.

    Parameters
    ----------
    overwrite : bool
        Whether a run of the same name may be replaced.
    resume : bool
        Whether to go on with it.
    console : Console, optional
        Where the lines are printed; by default standard output.
    """
    from genrebench.cli.output import echo
    from genrebench.cli.progress import EpochLines, display
    from genrebench.system.files import escaped
    from genrebench.system.memory import keep_freed_memory
    from genrebench.training import train as run
    from genrebench.training.runs import read_run

    keep_freed_memory()
    if rank_of_process():  # the first of several tells
        return run(experiment, overwrite=overwrite, resume=resume)
    with display("loading", "batches", console=console) as bar:
        done = run(experiment, overwrite=overwrite, resume=resume, callbacks=[EpochLines(bar)])
    if done.status == "interrupted":
        echo("Interrupted; what was learned so far is kept.", to=console)
        again = resume_command(experiment, processes=number_of_processes())
        echo(f"Go on with: {again}", to=console)
    kept = f"weights of epoch {done.best.epoch}, {_KEPT[experiment.training.keep]}"
    sha256 = read_run(done.folder).document.weights.sha256
    echo(f"{escaped(done.folder)}: {kept} (SHA-256 {sha256[:_DIGITS]})", to=console)
    for part, scores in done.metrics.items():
        low, high = (f"{100 * limit:.1f} %" for limit in scores["track_interval"])
        echo(
            f"{part}: {100 * scores['segment_accuracy']:.1f} % of {scores['segments']} segments, "
            f"{100 * scores['track_accuracy']:.1f} % of {scores['tracks']} tracks (95 % interval {low} to {high})"
            + (", leaky" if experiment.split.protocol == "segment" else ""),
            to=console,
        )
    _name_confused(done, console)
    return done


def _name_confused(done: "TrainingRun", console: "Console | None") -> None:
    """Name the recordings that the model is most surely wrong about, and where they can be looked at."""
    from genrebench.cli.output import echo
    from genrebench.evaluation.confusions import most_confused
    from genrebench.system.files import escaped
    from genrebench.training.folder import REPORT_FILE

    if found := most_confused(done.metrics, _CONFUSED):
        echo("Most surely wrong:", to=console)
    for each in found:
        words = f"{escaped(each.track)} ({each.part}) taken for {escaped(each.taken_for)}"
        echo(f"  {words}, {100 * each.probability:.1f} %", to=console)
    echo(f"Curves, confusions and spectrograms: {escaped(done.folder / REPORT_FILE)}", to=console)
