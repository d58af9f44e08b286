"""What a run leaves for people, made from its folder when it ends, and again by ``genrebench report``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from genrebench.errors import GenrebenchError
from genrebench.system.files import escaped, write_atomically
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
    note : callable
        Called with a line that the user should read.
    """

    def __init__(self, run: RunDirectory, note: Callable[[str], None]) -> None:
        """Write nothing yet."""
        self._run, self._note = run, note

    def on_end(self, state: LoopState, status: str, scores: dict[str, Any]) -> None:
        """Write them. A picture that cannot be drawn is no reason to call a run that is saved a failure."""
        try:
            write_results(read_run(self._run.current))
        except (GenrebenchError, OSError):
            raise
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            again = f"genrebench report {self._run.path.name} tries again"
            self._note(f"the report could not be made ({escaped(reason)[:300]}); the model is saved, and {again}")


def write_results(run: Run) -> list[Path]:
    """Write all that is made from a run, and return the files; a card that somebody wrote stays."""
    files = []
    if run.history:
        files.append(run.folder / CURVES_FILE)
        write_atomically(files[0], training_curves(run.history, title=run.name, facts=run.facts))
    card = write_card(run)
    return [*files, write_report(run), *([card] if card else [])]
