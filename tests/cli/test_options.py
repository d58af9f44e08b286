"""Types of options: paths from home, words, sizes."""

from pathlib import Path

import click
import pytest

from genrebench.cli.options import PATH, Size, Word, check_output, examples
from genrebench.errors import ConfigError
from genrebench.system import remote
from genrebench.system.remote import as_path
from tests.cli.commands import run


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
    check_output(tmp_path / "file", is_file=True)
    with pytest.raises(ConfigError, match=r"--picture .*: expected a folder to write to, received file, a file"):
        check_output(tmp_path / "file" / "a.png", option="--picture", is_file=True)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder in which nobody may make files")
def test_a_folder_is_tried_and_not_its_rights_read() -> None:
    """Nobody may make a file there, root with all rights neither."""
    for path, is_file in ((Path("/proc/report"), False), (Path("/proc/a.csv"), True)):
        with pytest.raises(ConfigError, match="received one that cannot be written to"):
            check_output(path, is_file=is_file)


def test_a_store_is_tried_by_an_empty_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is gone afterwards; where the store refuses it, its reason is told."""
    pytest.importorskip("fsspec")
    store = remote._filesystem("memory")
    check_output(as_path("memory://bucket/rows.csv"), is_file=True)
    assert store.find("/bucket") == []

    def refuse(*_: object) -> None:
        """Take nothing."""
        raise PermissionError(13, "Access Denied", "bucket")

    monkeypatch.setattr(store, "pipe_file", refuse)
    with pytest.raises(ConfigError, match=r"--output memory://bucket/rows.csv: .*cannot be written to \(Access Denied"):
        check_output(as_path("memory://bucket/rows.csv"), is_file=True)


@pytest.mark.parametrize("words", ["infer a.wav --cluster", "serve --allow-host"])
def test_an_empty_name_is_refused(words: str) -> None:
    """It may be an unset variable of the shell, and would count as none."""
    result = run(*words.split(), "")
    assert result.exit_code == 2
    assert "expected a name, received ''" in result.stderr


def test_examples_keep_their_lines() -> None:
    """A line each, which click is told not to wrap."""
    assert examples("genrebench a", "genrebench b") == "\b\nExamples:\n  genrebench a\n  genrebench b"
