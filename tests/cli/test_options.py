"""Types of options: paths from home, words, sizes."""

from pathlib import Path

import click
import pytest

from genrebench.cli.options import PATH, Size, Word, check_output, examples
from genrebench.errors import ConfigError


def test_a_path_may_begin_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A shell does not expand what stands after an equals sign."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert PATH.convert("~/x", None, None) == tmp_path / "x"
    assert PATH.convert("~nobody-of-that-name/x", None, None) == Path("~nobody-of-that-name/x")
    assert PATH.convert(Path("a"), None, None) == Path("a")


def test_an_empty_path_is_refused() -> None:
    """It is a variable of the shell that was never set, not the working folder."""
    with pytest.raises(click.BadParameter, match="expected a path, received ''"):
        PATH.convert("", None, None)


def test_a_word_may_be_in_capitals() -> None:
    """It is what it is in small letters."""
    assert Word().convert("CPU", None, None) == "cpu"


@pytest.mark.parametrize(
    "text", ["128", "128x", "x128", "128x130x1", "0x1", "-1x2", "axb", "²x3", "9999999999x1", "9" * 5000 + "x1"]
)
def test_a_size_is_two_positive_numbers(text: str) -> None:
    """Everything else is refused with an example."""
    assert Size().convert("96x34", None, None) == Size().convert((96, 34), None, None) == (96, 34)
    with pytest.raises(click.BadParameter, match="expected n_mels x frames such as 128x130"):
        Size().convert(text, None, None)


def test_a_place_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    """A file, or what would lie in one; a folder that is yet to be made is fine."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "report"):
        with pytest.raises(ConfigError, match="expected a folder to write to, received file, a file"):
            check_output(path)
    check_output(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()


def test_examples_keep_their_lines() -> None:
    """A line each, which click is told not to wrap."""
    assert examples("genrebench a", "genrebench b") == "\b\nExamples:\n  genrebench a\n  genrebench b"
