"""``genrebench evaluate``: what a saved model is worth, or what a protocol says over seeds and folds."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genrebench.cli.completion import complete_setting
from genrebench.cli.options import COUNT, PATH, RUN, check_output, examples, list_options, typed_command
from genrebench.cli.settings import set_option, setting, settings_of
from genrebench.errors import ConfigError
from genrebench.training.config import EXPERIMENT_FILE, Experiment, load_experiment

if TYPE_CHECKING:
    from genrebench.evaluation.measure import Measured
    from genrebench.model.model import Model


@click.command(
    help="Score a saved model, or train by a protocol over seeds and folds.\n\n"
    "With --model alone, the parts of its own split are measured again, and must give what its run logged. With "
    "--dataset, all tracks of a spectrogram tree or of genre folders with recordings are, or those of --tracks. "
    "--intervene measures changed copies of the recordings, one change at a time.\n\n"
    "With --protocol or --experiment, a network is trained for each of --seeds and --folds, into RESULTS/NAME-..., and "
    "mean and deviation of the figures are kept in RESULTS/NAME. Runs that are finished are not repeated, and those "
    "that were stopped go on.",
    epilog=examples(
        "genrebench evaluate --model results/gtzan",
        "genrebench evaluate --model results/gtzan --dataset recordings --intervene gain=-12,highpass=20,mp3=64",
        "genrebench evaluate --protocol artist --artists artists.csv --dataset dataset --seeds 5 --name honest",
        "genrebench evaluate --protocol track --folds 5 --experiment experiments/gtzan.toml --name folds",
    ),
)
@click.option("--model", type=RUN, help="Folder of a model, or its name in results/.")
@click.option("--dataset", type=PATH, help="Spectrogram tree, or genre folders with recordings.")
@click.option("--tracks", type=PATH, help="File with the tracks that count, one per line.  [default: all]")
@click.option("--intervene", metavar="NAME=VALUE,...", help="gain, highpass, lowpass, mp3, noise, resample, pitch.")
@click.option("--protocol", help="track, artist, lists, or segment (leaky: inflates accuracy).",
              shell_complete=complete_setting("split.protocol"))  # fmt: skip
@click.option("--seeds", type=COUNT, default=1, show_default=True, help="Number of runs, with seeds from the first on.")
@setting("--validation", "Share that validates.", type=float)
@setting("--test", "Share that tests.", type=float)
@click.option("--folds", type=int, help="Test each track once, in so many runs.")
@list_options("for lists")
@click.option("--artists", type=PATH, help="CSV of tracks and artists.")
@click.option("--experiment", "file", type=PATH, help="Experiment file in TOML, for what is trained.")
@setting("--epochs", "Passes through the training part.", type=int)
@setting("--batch-size", "Segments in a step.", type=int)
@click.option("--name", help="Name of the runs.  [default: the file's name, or run-DATE-TIME]")
@setting("--results", "Folder of all runs.", type=PATH, is_eager=True)
@setting("--backend", "Framework.")
@setting("--device", "auto, or a device of the backend.")
@set_option
@click.option("--output", type=PATH, help="Folder for evaluation.json, evaluation.md and pictures.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def evaluate(
    context: click.Context,
    /,
    *,
    model: Path | None,
    tracks: Path | None,
    intervene: str | None,
    seeds: int,
    file: Path | None,
    output: Path | None,
    as_json: bool,
    assignments: tuple[str, ...],
    **options: Any,
) -> None:
    """Evaluate a model or a protocol."""
    from rich.console import Console

    from genrebench.cli.output import echo_err
    from genrebench.evaluation.pages import evaluation_document
    from genrebench.report.terminal import show
    from genrebench.system.files import escaped

    if output is not None:
        check_output(output)
    if model is not None:
        _refuse_training_options(
            seeds=seeds if seeds > 1 else None, experiment=file, set=assignments or None, **options
        )
        evaluation = _score(model, options, tracks, intervene)
    else:
        if tracks is not None or intervene is not None:
            raise ConfigError("--tracks and --intervene are about a saved model: expected --model, received none")
        if file is None and options["protocol"] is None:
            raise ConfigError(
                "expected --model NAME to score, or --protocol or --experiment to train, received neither"
            )
        experiment = load_experiment(file, settings_of(options, assignments))
        check_output(experiment.folder)
        evaluation = _train_all(experiment, seeds, console=Console(stderr=as_json))
        output = output or experiment.folder
    evaluation["command"] = typed_command(context, without={"output"})
    if as_json:
        print(json.dumps(evaluation, indent=2, allow_nan=False))
    else:
        show(evaluation_document(evaluation, genres=len(evaluation["parts"]) == 1))
    if output is not None:
        echo_err(f"{escaped(output)}: {', '.join(_write(output, evaluation))}")
    if evaluation.get("failures"):
        raise click.exceptions.Exit(1)


def _refuse_training_options(**options: Any) -> None:
    """Refuse, beside a saved model, what only training reads."""
    only = {"dataset", "backend", "device", "results"}
    given = [name for name, value in options.items() if value is not None and name not in only]
    if given:
        raise ConfigError(f"--{given[0].replace('_', '-')}: is about training; leave it out, or leave out --model")


def _score(folder: Path, options: Mapping[str, Any], tracks: Path | None, intervene: str | None) -> dict[str, Any]:
    """Score a saved model."""
    from genrebench.evaluation.interventions import read_interventions
    from genrebench.evaluation.measure import is_tree, labeled_recordings, measure_tree
    from genrebench.model.model import Model
    from genrebench.system.memory import keep_freed_memory

    keep_freed_memory()
    changes = () if intervene is None else read_interventions(intervene)
    chosen = {name: options[name] for name in ("backend", "device") if options[name] is not None}
    model = Model.load(folder, **chosen)
    data = options["dataset"]
    if data is None:
        if tracks is not None or changes:
            raise ConfigError("expected --dataset with --tracks or --intervene, received none")
        return _score_own_parts(folder, chosen)
    changed: list[dict[str, Any]] = []
    if is_tree(data) and not changes:
        measured = measure_tree(model, data, tracks=tracks)
    else:
        measured, changed = _score_recordings(model, labeled_recordings(data, model.genres, tracks=tracks), changes)
    return {
        "name": folder.resolve().name,
        "dataset": data.name,
        "parts": {"all": measured.scores()},
        "failures": measured.failures,
        "interventions": changed,
        "notes": _overlap(model, measured),
    }


def _overlap(model: "Model", measured: "Measured") -> list[str]:
    """Note how many of the tracks, by their names, the model may have been trained on."""
    held = model.document.get("data")
    held_out = {*held.get("validation_tracks", ()), *held.get("test_tracks", ())} if isinstance(held, dict) else set()
    names = set(measured.tracks.tolist())
    if not held_out & names or names <= held_out:
        return []
    note = (
        f"{len(names - held_out)} of {len(names)} tracks are not among those that the model's run held out: it may "
        "have been trained on them; name the others with --tracks, or leave out --dataset"
    )
    return [note]


def _score_own_parts(folder: Path, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Measure the parts of a run's own split again; they must give what it logged."""
    from genrebench.data.splits import remarks
    from genrebench.training.scoring import score_saved_model
    from genrebench.training.state import load_training_data

    where = {"name": folder.resolve().name, "results": str(folder.resolve().parent)}
    experiment = load_experiment(folder / EXPERIMENT_FILE, {**where, **chosen}, of_run=True)
    data = load_training_data(experiment)
    return {
        "name": folder.resolve().name,
        "dataset": experiment.dataset.name,
        "protocol": experiment.split.protocol,
        "parts": score_saved_model(experiment, data),
        "proof": data.split.proof,
        "notes": [*_leaky(experiment), *remarks(data.split)],
    }


def _leaky(experiment: Experiment) -> list[str]:
    """Say beside the figures of a leaky protocol that they are."""
    leaky = experiment.split.protocol == "segment"
    return ["leaky: segments of one track are on both sides of the split, which inflates accuracy"] * leaky


def _score_recordings(model: "Model", recordings: Any, changes: Any) -> "tuple[Measured, list[dict[str, Any]]]":
    """Score recordings, and changed copies of them."""
    from rich.console import Console

    from genrebench.cli.progress import display
    from genrebench.evaluation.measure import measure_recordings
    from genrebench.evaluation.runs import compare_changed
    from genrebench.system.files import escaped

    total = len(recordings) * (1 + len(changes))
    with display("measuring", "recordings", total=total, console=Console(stderr=True)) as bar:

        def on_recording(recording: Any) -> None:
            """Move the bar."""
            bar.update(advance=1, status=escaped(recording.path.name))

        measured = measure_recordings(model, recordings, on_recording=on_recording)
        usable = [each for each in recordings if each.source not in measured.failures]
        changed = [
            compare_changed(
                measured, measure_recordings(model, usable, change=each, on_recording=on_recording), str(each)
            )
            for each in changes
        ]
    return measured, changed


def _train_all(experiment: Experiment, seeds: int, *, console: Any) -> dict[str, Any]:
    """Train for each seed and fold, and summarize the runs."""
    from genrebench.cli.output import echo
    from genrebench.cli.train import train_or_read
    from genrebench.evaluation.runs import pool_folds, summarize

    runs: dict[str, Any] = {}
    folds = range(1, (experiment.split.folds or 1) + 1)
    for seed in range(experiment.seed, experiment.seed + seeds):
        for fold in folds:
            suffix = f"-seed{seed}" * (seeds > 1) + f"-fold{fold}" * (len(folds) > 1)
            one = experiment.override(
                {"name": f"{experiment.name}{suffix or '-run'}", "seed": seed, "split.fold": fold}
            )
            echo(f"{one.name}:", to=console)
            runs[one.name] = train_or_read(one, console=console)
    summary = summarize(runs)
    if len(folds) > 1:
        each = list(runs.values())
        starts = range(0, len(each), len(folds))
        summary["pooled"] = [pool_folds(each[start : start + len(folds)]) for start in starts]
    single = len(runs) == 1
    parts = {part if single else f"{name} {part}": scores for name, run in runs.items() for part, scores in run.items()}
    return {
        "name": experiment.name,
        "protocol": experiment.split.protocol,
        "dataset": experiment.dataset.name,
        "parts": parts,
        "runs": summary,
        "notes": _leaky(experiment),
    }


def _write(folder: Path, evaluation: Mapping[str, Any]) -> list[str]:
    """Write all forms of an evaluation, made before any of its files is written."""
    from genrebench.evaluation.comparison import EVALUATION_FILE
    from genrebench.evaluation.figures import confusion_figure, reliability_figure
    from genrebench.evaluation.pages import evaluation_document
    from genrebench.report.figures import png
    from genrebench.report.markdown import markdown
    from genrebench.system.files import write_atomically, write_json

    shown = dict(list(evaluation["parts"].items())[:6])
    files = {
        "evaluation.md": markdown(evaluation_document(evaluation)).encode(),
        "reliability.png": png(reliability_figure(shown, evaluation["name"])),
    }
    for part, scores in shown.items():
        figure = confusion_figure(scores, f"{evaluation['name']}, {part}")
        files[f"confusion-{part.replace(' ', '-')}.png"] = png(figure)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / EVALUATION_FILE, evaluation)
    for name, content in files.items():
        write_atomically(folder / name, content)
    return [EVALUATION_FILE, *files]
