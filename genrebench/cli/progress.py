"""A progress bar in a terminal, plain lines elsewhere.

Results go to standard output and can be piped; notes and errors go to standard error.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from genrebench.backend.protocol import BatchMetrics
from genrebench.cli.output import echo, echo_err, is_quiet
from genrebench.system.files import escaped
from genrebench.training import Callback, EpochMetrics, LoopState
from genrebench.training.history import settling_steps

# In so few columns a bar is short, and has neither units nor rates.
_NARROW = 60


class Display:
    """A bar that lines are written above.

    Parameters
    ----------
    progress : Progress
        The bar; disabled where there is no terminal, and not begun yet: it stands in for the streams while it lasts.
    results : Console
        Where results go.
    """

    def __init__(self, progress: Progress, description: str, total: int | None, results: Console) -> None:
        """Show an empty bar."""
        self._progress, self._results = progress, results
        self._is_terminal, self._errors_in_terminal = sys.stdout.isatty(), sys.stderr.isatty()
        self._task = progress.add_task(description, total=total, status="")

    def update(self, **changes: Any) -> None:
        """Move the bar."""
        self._progress.update(self._task, **changes)

    def echo(self, line: str) -> None:
        """Print a result."""
        echo(line, to=self._results)

    def write(self, content: bytes) -> None:
        """Print a piece of a result at once: to a terminal without what would move its cursor, to a pipe as it is."""
        if not content:
            return
        if self._is_terminal:
            lines = "\n".join(map(escaped, content.decode().replace("\t", " ").split("\n")))
            console = Console() if self._progress.console.stderr else self._progress.console
            console.print(Text(lines), end="", soft_wrap=True, highlight=False)
            return
        sys.stdout.write(content.decode())
        sys.stdout.flush()

    def on_the_way(self, line: str) -> None:
        """Print a line that is no result yet, but for ``--quiet``."""
        if not is_quiet():
            self.echo(line)

    def note(self, line: str) -> None:
        """Print what the user should know, but for ``--quiet``."""
        if not is_quiet():
            self.echo_err(f"Note: {line}")

    def echo_err(self, line: str) -> None:
        """Print a note or an error, without tearing a bar that stands in the same terminal."""
        if self._progress.disable or not self._errors_in_terminal:
            echo_err(line)
        else:
            echo(escaped(line), to=self._progress.console)


@contextmanager
def display(
    description: str,
    unit: str,
    *,
    total: int | None = None,
    console: Console | None = None,
    results: Console | None = None,
    rate: bool = False,
) -> Iterator[Display]:
    """Show a bar for as long as the context lasts.

    Parameters
    ----------
    total : int, optional
        How many there are, if that is known already.
    console : Console, optional
        Where; by default standard output if that is a terminal, or else standard error.
    results : Console, optional
        Where results go; by default to `console`, or to standard output if that is not given.
    rate : bool
        Whether to show how many there are in a second.

    Yields
    ------
    Display
        The bar, and a way to print beside it.
    """
    results = results or console or Console()
    console = console or (results if sys.stdout.isatty() else Console(stderr=True))
    narrow = console.width < _NARROW
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=4 if narrow else 12),
        Done("" if narrow else unit),
        *([Rate()] if rate and not narrow else []),
        TimeRemainingColumn(),
        # What is worked on gets the room that is left; whatever its name is, the figures stay readable.
        Left(table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
    )
    # A pipe gets its results, though the bar stands in a terminal.
    progress = Progress(
        *columns,
        console=console,
        disable=is_quiet() or not console.is_terminal,
        transient=True,
        expand=True,
        redirect_stdout=sys.stdout.isatty(),
        redirect_stderr=sys.stderr.isatty(),
    )
    shown = Display(progress, description, total, results)
    with progress:
        yield shown


class Done(MofNCompleteColumn):
    """How many are done of how many, once that is known.

    Parameters
    ----------
    unit : str
        What is counted; empty where there is no room for it.
    """

    def __init__(self, unit: str) -> None:
        """Keep the unit."""
        super().__init__(table_column=Column(no_wrap=True))
        self._unit = f" {unit}" if unit else ""

    def render(self, task: Task) -> Text:
        """Format both numbers, or the one that is known."""
        if task.total is None:
            return Text(f"{task.completed:g}{self._unit}," if task.completed else "")
        return super().render(task) + Text(f"{self._unit},")


class Left(ProgressColumn):
    """The word behind the time, where there is one, and what is worked on."""

    def render(self, task: Task) -> Text:
        """Format them."""
        return Text(("" if task.total is None else "left ") + task.fields["status"])


class Rate(ProgressColumn):
    """How many there are in a second, or in a minute if that takes long."""

    def render(self, task: Task) -> Text:
        """Format the rate of late."""
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        return Text(f"{speed:.1f}/s," if speed >= 1 else f"{60 * speed:.0f}/min,")


class EpochLines(Callback):
    """A line per epoch above a bar that moves with each step.

    Parameters
    ----------
    bar : Display
        Where it is shown.
    """

    def __init__(self, bar: Display) -> None:
        """Show nothing yet."""
        self._bar = bar
        self._told = False

    def on_start(self, state: LoopState) -> None:
        """Print what is trained on."""
        data, settings = state.data, state.experiment.training
        split, shape = data.split, data.dataset.spectrograms.shape
        sizes = f"{len(split.train)} train, {len(split.validation)} validate, {len(split.test)} test"
        protocol = state.experiment.split.protocol
        self._bar.on_the_way(
            f"{len(data.dataset.genres)} genres, {shape[0]} segments of {shape[1]} x {shape[2]}: {sizes} "
            f"(split by {protocol}{', leaky' if protocol == 'segment' else ''})"
        )
        for note in data.dataset.notes:
            self._bar.note(note)
        if data.leaking:
            self._bar.note(f"{data.leaking} tracks stand on both sides of the split, which inflates accuracy")
        total = settings.epochs * -(-len(split.train) // settings.batch_size)
        epoch = min(state.epoch + 1, settings.epochs)
        self._bar.update(total=total, completed=state.steps, description=f"epoch {epoch}/{settings.epochs}")

    def on_note(self, state: LoopState, text: str) -> None:
        """Print a note."""
        self._bar.note(text)

    def on_step(self, state: LoopState, metrics: BatchMetrics) -> None:
        """Move the bar."""
        self._bar.update(advance=1, status=f"loss {metrics.loss:.3f} acc {metrics.correct / metrics.size:.2f}")

    def on_epoch(self, state: LoopState, metrics: EpochMetrics) -> None:
        """Print the epoch's line, and once what early validation figures are worth."""
        epochs = state.experiment.training.epochs
        self._bar.on_the_way(epoch_line(metrics, epochs))
        self._bar.update(description=f"epoch {min(metrics.epoch + 1, epochs)}/{epochs}")
        if not self._told and state.steps < settling_steps(state.architecture):
            self._bar.note(settling_note(state))
        self._told = True


def epoch_line(metrics: EpochMetrics, epochs: int) -> str:
    """Format one epoch in 80 columns: cross-entropy and accuracy of both parts, time, and whether it was saved."""
    return (
        f"epoch {metrics.epoch:>{len(str(epochs))}}/{epochs}  "
        f"train {metrics.train_loss:.4f} {metrics.train_accuracy:6.1%}  "
        f"validation {metrics.validation_loss:.4f} {metrics.validation_accuracy:6.1%}  "
        f"{metrics.seconds:.1f} s" + ("  saved" if metrics.saved else "")
    ).replace("%", " %")


def settling_note(state: LoopState) -> str:
    """Explain why validation stands near chance in the first epochs of a run on few data."""
    steps, epochs = settling_steps(state.architecture), state.experiment.training.epochs
    per_epoch = state.steps // len(state.history)
    settled = -(-steps // per_epoch)
    when = (
        f"until epoch {settled}"
        if settled <= epochs
        else f"and this run has {epochs * per_epoch} in all; use more --epochs or a smaller --batch-size"
    )
    return (
        f"validation may stand near chance for the first {steps} steps, which batch normalization's running "
        f"statistics take to settle, {when}"
    )
