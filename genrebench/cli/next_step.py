"""``genrebench`` alone: what to do next, by what lies in the working folder."""

import shlex
from pathlib import Path

from genrebench import __version__
from genrebench.cli.output import echo
from genrebench.system.files import escaped

_DATASET, _RESULTS = Path("dataset"), Path("results")
# Where to look for spectrograms and recordings: GTZAN's and Kaggle's folders among them.
_TREES = (_DATASET / "genres_mel_npz",)
_ORIGINALS = tuple(_DATASET / name for name in ("genres_original", "genres", "Data/genres_original"))


def show_next_step() -> None:
    """Print the next sensible step and why, and where all commands are."""
    echo(f"genrebench {__version__}: the genre of music, by a network that several frameworks build alike.\n")
    for why, command in next_steps():
        echo(f"{why}\n  {command}\n")
    echo("All commands: genrebench --help")


def next_steps() -> list[tuple[str, str]]:
    """Find what can be done next, the most sensible first.

    Returns
    -------
    list of (str, str)
        What is there, and the command for it.
    """
    steps: list[tuple[str, str]] = []
    unfinished, finished = _runs()
    if unfinished:
        command = shlex.join(["genrebench", "train", "--name", unfinished.name, "--resume"])
        steps.append((f"{escaped(unfinished)} is not finished. To go on:", command))
    if finished:
        from genrebench.training.folder import REPORT_FILE

        steps.append(("There is a trained model. To use it:", "genrebench infer song.mp3"))
        steps.append((f"What it is worth is in {escaped(finished / REPORT_FILE)}. All runs:", "genrebench runs"))
        return steps
    if unfinished:
        return steps
    if any(tree.is_dir() for tree in _TREES):
        return [(f"{_TREES[0]} has spectrograms. To train:", "genrebench train --dataset dataset --name first")]
    if place := next((each for each in _ORIGINALS if each.is_dir()), None):
        return [(f"{place} has recordings. To turn them into spectrograms:", "genrebench preprocess --dataset dataset")]
    if _DATASET.is_dir():
        return [("There is a folder dataset. If genre folders are in it:", "genrebench preprocess --dataset dataset")]
    return [
        ("To print the genre of a recording, with the model that comes along:", "genrebench infer song.mp3"),
        ("To see the whole way on music that the program makes itself:", "genrebench demo"),
        (
            "To train on recordings of your own, in dataset/genres_original/<genre>/:",
            "genrebench preprocess --dataset dataset",
        ),
    ]


def _runs() -> tuple[Path | None, Path | None]:
    """Find the newest run that was stopped, and the newest that was finished."""
    if not _RESULTS.is_dir():
        return None, None
    from genrebench.model.storage import read_document
    from genrebench.training.runs import list_runs

    # An example, which came with a clone of the project, is not what infer takes.
    runs = [run for run in list_runs(_RESULTS)[0] if not read_document(run.folder).get("example")]
    stopped = [run.folder for run in runs if run.status == "interrupted"]
    finished = [run.folder for run in runs if run.status == "finished"]
    return next(iter(stopped), None), next(iter(finished), None)
