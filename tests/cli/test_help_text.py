"""Help texts in terminals of any width."""

import re
import sys
from itertools import pairwise

import pytest
from rich.cells import cell_len

from genrebench.cli.help_text import Context
from genrebench.cli.main import COMMANDS, main
from tests.cli.commands import run
from tests.cli.test_output import rows_of


def help_of(name: str) -> str:
    """Write the help text of a command, or of all if the name is empty."""
    context = Context(main, info_name="genrebench")
    command = main.get_command(context, name) if name else None
    return Context(command, info_name=name, parent=context).get_help() if command else context.get_help()


@pytest.mark.parametrize("width", [40, 60, 80])
def test_no_word_is_torn_and_no_row_too_wide(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of any command; what is longer than a row, as the examples are, ends its rows between words."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for name in ("", *COMMANDS):
        lines = help_of(name).split("\n")
        assert len(lines) > 5
        for line in lines:
            for row, after in pairwise(rows_of(line, width)):
                torn = row[-1] != " " and after[0] != " "
                assert not torn or cell_len(row.split(" ")[-1] + after.split(" ")[0]) > width, (name, line)


def test_texts_beside_options_keep_half_of_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer names of options have a line of their own."""
    monkeypatch.setenv("COLUMNS", "40")
    lines = help_of("infer").split("\n")
    assert "  --min-confidence PROBABILITY" in lines
    assert all(len(line) - len(line.lstrip()) <= 20 for line in lines)


def test_a_pipe_gets_examples_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line each, without spaces for a terminal."""
    monkeypatch.setenv("COLUMNS", "40")
    assert "\n    genrebench infer albums/ --model results/gtzan --top-k 3\n" in help_of("infer")


def test_bounds_that_nobody_meets_are_not_named() -> None:
    """Help texts name the least of a count, and no billion; what is beyond is refused with the bound."""
    for name in COMMANDS:
        assert not re.search(r"\d{6}", help_of(name).replace("475,594", "")), name
    beyond = run("summary", "--genres", 2**31)
    assert beyond.exit_code == 2
    assert "expected a number of at most 2147483647, received '2147483648'" in beyond.stderr
    for value, message in (("1e10", "at most 1000000000"), ("nan", "expected a finite number"), ("-1", "x>=0")):
        assert message in run("backends", "--timeout", value).stderr
