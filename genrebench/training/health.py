"""Training that goes wrong: what ends it, what is only told, and what to try."""

import numpy as np

from genrebench.data.splits import PARTS, remarks
from genrebench.errors import TrainingError
from genrebench.training.history import last_saved, settling_steps
from genrebench.training.state import LoopState, TrainingData

# Epochs in a row that are no better than guessing before it is told.
PATIENCE = 10
# Share of the loss of guessing that a network comes below that has learned anything.
_LEARNED = 0.98


def went_wrong(state: LoopState, epoch: int, what: str) -> TrainingError:
    """Say at which epoch numbers are no longer finite, what is kept, and what to try."""
    rate = state.experiment.training.learning_rate
    saved = last_saved(row for row in state.history if row.epoch < epoch)
    kept = f"the model of epoch {saved.epoch} is kept" if saved else "there is no model yet"
    return TrainingError(f"epoch {epoch}: {what}; {kept}; train anew with a --learning-rate below {rate:g}")


def guessing_loss(data: TrainingData) -> float:
    """Compute the loss of a network that knows nothing but how frequent each genre is, in nats."""
    _, counts = np.unique(data.dataset.labels[data.split.train], return_counts=True)
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def guessing_note(state: LoopState) -> str | None:
    """Tell, when it has been so for some epochs, that the network learns nothing.

    A learning rate that is far too high seldom gives NaN. It leaves a network whose rectifiers are all off, or whose
    weights have grown so large that nothing moves any more, and the loss stays where guessing is, or above.
    """
    least = _LEARNED * guessing_loss(state.data)
    guesses = [row.train_loss >= least > 0 for row in state.history]
    row = next((count for count, guess in enumerate(reversed(guesses)) if not guess), len(guesses))
    if row != PATIENCE:
        return None
    rate = state.experiment.training.learning_rate
    return (
        f"in {PATIENCE} epochs the training loss has not come below {least:.4f}, where guessing is: the network "
        f"learns nothing; stop, and try a --learning-rate other than {rate:g}, such as 0.001"
    )


def out_of_patience(state: LoopState) -> bool:
    """Return whether validation has not improved for as many epochs as the run was told to wait.

    Epochs before the running statistics of batch normalization have settled do not count: there validation stands near
    chance, however well training goes.
    """
    patience, best = state.experiment.training.patience, state.best
    if not patience or best is None:
        return False
    settled = -(-settling_steps(state.architecture) * state.epoch // state.steps)
    return state.epoch - max(best.epoch, settled) >= patience


def patience_note(state: LoopState) -> str:
    """Tell that a run ends before its last epoch."""
    assert state.best is not None
    patience = state.experiment.training.patience
    return (
        f"ends after epoch {state.epoch} of {state.experiment.training.epochs}: no epoch has been better than "
        f"{state.best.epoch}, and patience is {patience}"
    )


def split_notes(data: TrainingData) -> list[str]:
    """Tell what a user would not expect of the split: genres that a part lacks, and what stands on two sides."""
    notes = remarks(data.split)
    if data.split.proof.get("protocol", "segment") != "segment":  # what has been looked at track by track is noted
        return notes
    for part in PARTS:
        indices = getattr(data.split, part)
        present = set(data.dataset.labels[indices].tolist())
        lacking = [genre for label, genre in enumerate(data.dataset.genres) if label not in present]
        if len(indices) and lacking:
            notes.append(f"the {part} part has no segment of {', '.join(lacking)}{_CONSEQUENCE[part]}")
    return notes


_CONSEQUENCE = {
    "train": ", which the network therefore cannot learn; use another --seed, or --split track",
    "validation": ": validation says nothing of it",
    "test": ": the test says nothing of it",
}
