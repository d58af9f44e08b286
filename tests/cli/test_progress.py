"""The bar, the lines beside it, and those of an epoch."""

import io
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from genrebench.cli.progress import Display, Rate, display, epoch_line, settling_note
from genrebench.network.genre_cnn import genre_cnn
from genrebench.training import EpochMetrics

METRICS = EpochMetrics(291, 0.0, 1.0, validation_loss=6.2447, validation_accuracy=0.62, seconds=1.31, saved=True)


class Terminal(io.StringIO):
    """A stream that calls itself one."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_without_a_terminal_there_are_lines_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """There are results on standard output, notes on standard error, no bar."""
    with display("working", "things", total=2) as bar:
        bar.update(advance=1, status="on it")
        bar.echo("result [bold]")
        bar.echo_err("note\n")
    assert capsys.readouterr() == ("result [bold]\n", "note\\n\n")


def test_in_a_terminal_an_error_goes_above_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Written by the console that has the bar, which takes it away for that moment."""
    monkeypatch.setattr("sys.stderr", Terminal())
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with display("working", "things", total=2, console=console) as bar:
        bar.update(advance=1, refresh=True)
        bar.echo_err("Error: it failed")
    assert isinstance(console.file, io.StringIO)
    assert "\x1b[2KError: it failed" in console.file.getvalue()


def test_an_error_that_is_redirected_stays_out_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It goes where standard error goes."""
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with display("working", "things", total=2, console=console) as bar:
        bar.echo_err("Error: it failed")
    assert isinstance(console.file, io.StringIO)
    assert "Error" not in console.file.getvalue()
    assert capsys.readouterr().err == "Error: it failed\n"


def test_a_terminal_shows_progress_though_results_go_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bar of standard error leaves standard output alone: a pipe gets each piece at once, as it is."""
    monkeypatch.setattr("sys.stderr", Terminal())
    console = Console(file=io.StringIO(), stderr=True, force_terminal=True, width=80)
    with display("working", "things", total=2, console=console, results=Console()) as bar:
        bar.update(advance=1, refresh=True)
        bar.write("a\tö\x1b".encode())
        assert capsys.readouterr().out == "a\tö\x1b"
        bar.echo("b")
        assert capsys.readouterr().out == "b\n"
    assert isinstance(console.file, io.StringIO)
    assert "working" in console.file.getvalue()


def test_a_terminal_s_cursor_is_not_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """By no name of a file; a line that is not finished stays so."""
    console = Console(file=io.StringIO(), force_terminal=True, width=20)
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setattr("sys.stderr", Terminal())
    bar = Display(Progress(console=console), "working", 2, console)
    bar.write(b"[bold] a\tb\x1b[2J, and longer than the terminal is wide\nc")
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "[bold] a b\\x1b[2J, and longer than the terminal is wide\nc"


@pytest.mark.parametrize("width", [60, 80])
def test_a_long_name_does_not_hide_how_far_it_is(width: int) -> None:
    """The bar, the count and the time that is left are whole in a narrow terminal; the name is cut."""
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    with display("classifying", "recordings", total=12345, console=console, rate=True) as bar:
        bar.update(advance=3, status="a_very_long_name_of_a_recording_" * 3, refresh=True)
    assert isinstance(console.file, io.StringIO)
    line = console.file.getvalue().split("\x1b[2K")[-2]
    assert re.search(r"classifying +3/12345 recordings, +-:--:-- l", line), line
    assert max(map(len, line.splitlines())) <= width


def test_before_the_number_is_known_there_is_no_question_mark() -> None:
    """A bar that only begins says what it does; then how much was done, and then of how much."""
    console = Console(file=io.StringIO(), force_terminal=True, width=60, color_system=None)
    assert isinstance(console.file, io.StringIO)
    lines = []
    with display("loading", "batches", console=console) as bar:
        for change in ({}, {"completed": 2}, {"total": 8}):
            bar.update(**change, refresh=True)
            lines.append(console.file.getvalue().split("\x1b[2K")[-1].strip("\r\n "))
    assert re.fullmatch(r"loading \S+", lines[0])
    assert re.fullmatch(r"loading \S+ +2 batches,", lines[1])
    assert re.search(r"2/8 batches, -:--:-- left$", lines[2])


@pytest.mark.parametrize(("speed", "text"), [(2.34, "2.3/s"), (0.5, "30/min"), (None, "")])
def test_the_rate_is_told_per_second_or_minute(speed: float | None, text: str) -> None:
    """Whichever gives a number that can be read; nothing before it is known."""
    task: Any = SimpleNamespace(finished_speed=None, speed=speed)
    assert Rate().render(task).plain == (f"{text}," if text else "")


def test_an_epoch_s_line_fits_80_columns() -> None:
    """The longest one of 300 epochs, and one that is aligned with it."""
    line = epoch_line(METRICS, 300)
    assert line == "epoch 291/300  train 0.0000 100.0 %  validation 6.2447  62.0 %  1.3 s  saved"
    longest = replace(METRICS, validation_accuracy=1.0, seconds=999.9, validation_loss=12.3456)
    assert len(epoch_line(longest, 300)) <= 80
    first = replace(METRICS, epoch=1, train_loss=2.3456, train_accuracy=0.098, saved=False)
    assert epoch_line(first, 300) == "epoch   1/300  train 2.3456   9.8 %  validation 6.2447  62.0 %  1.3 s"


@pytest.mark.parametrize(
    ("epochs", "words"),
    [
        (300, "the first 299 steps, which .* take to settle, until epoch 38$"),
        (38, "until epoch 38$"),
        (37, "and this run has 296 in all; use more --epochs or a smaller --batch-size$"),
    ],
)
def test_the_note_on_early_validation_counts_the_run_s_own_steps(epochs: int, words: str) -> None:
    """Eight steps per epoch: 38 epochs are enough, 37 are not."""
    experiment = SimpleNamespace(training=SimpleNamespace(epochs=epochs))
    state: Any = SimpleNamespace(architecture=genre_cnn(), experiment=experiment, history=[METRICS], steps=8)
    assert re.search(words, settling_note(state))


@pytest.mark.parametrize(("width", "pattern"), [
    (40, r"preprocessing [━╸]+ +1/8, 0:00:07 left ro…"),
    (60, r"preprocessing [━╸]+ +1/8 tracks, +0:00:07 left rock/r…"),
    (80, r"preprocessing [━╸]+ +1/8 tracks, +0:00:07 left rock/rock.00001 +"),
])  # fmt: skip
def test_a_bar_is_one_row_whatever_the_width(width: int, pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A narrow one leaves out units and rate, and shortens the name of what is worked on."""
    monkeypatch.setattr("rich.progress.TimeRemainingColumn.render", lambda column, task: Text("0:00:07"))
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    with display("preprocessing", "tracks", total=8, console=console, rate=True) as bar:
        bar.update(advance=1, status="rock/rock.00001", refresh=True)
    assert isinstance(console.file, io.StringIO)
    rows = [row for row in re.split(r"\x1b\[[^a-zA-Z]*[a-zA-Z]|\r|\n", console.file.getvalue()) if row.strip()]
    assert re.fullmatch(pattern, rows[-1]), rows[-1]
    assert all("left" in row and len(row) <= width for row in rows)
