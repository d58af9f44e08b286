"""Lines in a terminal: whole words, and what can be copied."""

import io
from itertools import pairwise

import pytest
from rich.cells import cell_len
from rich.console import Console

from genrebench.cli.output import echo, whole_words
from tests.cli.commands import in_terminal

LINES = [
    "expected one of torch, keras, numpy; received nothing of the kind",
    "  genrebench train --backend torch --dataset dataset --name gtzan",
    "a_path_that_is_longer/than_the_terminal_is_wide/song.mp3: expected a recording",
    "a " * 50,
    "日本語の 曲名 の 長い 一覧 です が 折り返す こと",
    "",
]


def rows_of(text: str, width: int) -> list[str]:
    """Break a line as a terminal does."""
    rows, row = [], ""
    for letter in text:
        if cell_len(row + letter) > width:
            rows.append(row)
            row = ""
        row += letter
    return [*rows, row]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("width", [20, 31, 60])
def test_a_terminal_tears_no_word_that_fits(line: str, width: int) -> None:
    """Where its rows end, words end; a copy has the same words, and is one line."""
    shown = whole_words(line, width)
    assert shown.split() == line.split()
    assert "\n" not in shown
    pieces = [piece for row in rows_of(shown, width) for piece in row.split()]
    assert [word for word in line.split() if cell_len(word) <= width] == [
        piece for piece in pieces if piece in line.split()
    ]


def test_only_a_terminal_gets_spaces() -> None:
    """A pipe has the line as it is."""
    line = "expected one of torch, keras, numpy"
    for terminal, expected in [(True, "expected one of     torch, keras, numpy\n"), (False, f"{line}\n")]:
        console = Console(file=io.StringIO(), force_terminal=terminal, width=20)
        echo(line, to=console)
        assert isinstance(console.file, io.StringIO)
        assert console.file.getvalue() == expected


@pytest.mark.parametrize("arguments", [["config", "there_is/no_such_file.toml"], ["config", "--set", "word=1"]])
def test_an_error_tears_no_word_either(arguments: list[str]) -> None:
    """Neither that of a command nor that of a command line that cannot be read."""
    status, shown = in_terminal(*arguments, columns=30)
    assert status
    (error,) = [line for line in shown.splitlines() if line.startswith("Error: ")]
    assert len(error) > 30
    assert not any(row[-1] != " " and after[0] != " " for row, after in pairwise(rows_of(error, 30)))
