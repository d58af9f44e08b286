"""What a run leaves for people, made from its folder when it ends, and again by ``genrebench report``."""

from pathlib import Path
from typing import Any

from genrebench.system.files import write_atomically
from genrebench.training.card import write_card
from genrebench.training.curves import training_curves
from genrebench.training.folder import CURVES_FILE, RunDirectory
from genrebench.training.report import write_report
from genrebench.training.runs import Run, read_run
from genrebench.training.state import Callback, LoopState


class Results(Callback):
    """Writes curves, report and card at the end of a run, once its model is saved.

    Parameters
    ----------
    run : RunDirectory
        Where they are written.
    """

    def __init__(self, run: RunDirectory) -> None:
        """Write nothing yet."""
        self._run = run

    def on_end(self, state: LoopState, status: str, scores: dict[str, Any]) -> None:
        """Write them."""
        write_results(read_run(self._run.current))


def write_results(run: Run) -> list[Path]:
    """Write all that is made from a run, and return the files; a card that somebody wrote stays."""
    files = []
    if run.history:
        files.append(run.folder / CURVES_FILE)
        write_atomically(files[0], training_curves(run.history, title=run.name, facts=run.facts))
    card = write_card(run)
    return [*files, write_report(run), *([card] if card else [])]
