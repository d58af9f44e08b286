"""Types of options: paths from home, words, sizes."""

from pathlib import Path

import click
import pytest

from genrebench.cli.main import COMMANDS, main
from genrebench.cli.options import PATH, RUN, Size, Word, check_output, examples
from genrebench.errors import ConfigError
from genrebench.system import remote
from genrebench.system.remote import as_path
from tests.cli.commands import refused, run
from tests.training.made import run_in


def test_a_path_may_begin_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A shell does not expand what stands after an equals sign."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert PATH.convert("~/x", None, None) == tmp_path / "x"
    assert PATH.convert("~nobody-of-that-name/x", None, None) == Path("~nobody-of-that-name/x")
    assert PATH.convert(Path("a"), None, None) == Path("a")


# What is typed where a run is asked for; train --name names one in results/ in any case.
WITH_RUN = {
    "infer": "infer song.wav --model {}",
    "serve": "serve --model {}",
    "evaluate": "evaluate --model {}",
    "report": "report {}",
    "compare": "compare {} {}",
    "export": "export {} --format onnx --output x.onnx",
    "bench": "bench inference --model {}",
    "doctor": "doctor music --model {}",
    "summary": "summary --model {}",
    "parity": "parity --model {}",
}


def runs_of(words: str) -> list[str]:
    """Name the folders of runs that a command was given, without running it."""
    name, *arguments = words.split()
    context = click.Context(main)
    command = main.get_command(context, name)
    assert command is not None
    params = command.make_context(name, arguments, parent=context).params
    return [str(params[each.name]) for each in command.params if each.type is RUN and each.name]


def test_every_command_that_takes_a_run_is_tried() -> None:
    """None is left out below; where runs lie is read before the run's name."""
    found = [command for name in COMMANDS if (command := main.get_command(click.Context(main), name)) is not None]
    taking = {command.name: command for command in found if any(each.type is RUN for each in command.params)}
    assert taking.keys() == WITH_RUN.keys()
    assert all(each.is_eager for command in taking.values() for each in command.params if each.name == "results")


@pytest.mark.parametrize("words", WITH_RUN.values(), ids=list(WITH_RUN))
def test_a_folder_that_is_no_run_hides_none(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name means the run here, or else the run in results/; what has a separator is a path."""
    run_in(tmp_path / "results" / "mine")
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert set(runs_of(words.format("mine", "mine"))) == {"results/mine"}
    run_in(tmp_path / "results" / "builtin")
    for path in ("./mine", "mine/", f"{tmp_path}/mine", "results/mine", ".", "nothing"):
        assert set(map(Path, runs_of(words.format(path, path)))) == {Path(path)}
    assert set(runs_of(words.format("builtin", "builtin"))) == {"builtin"}
    assert set(runs_of(words.format("./builtin", "./builtin"))) == {str(tmp_path / "builtin")}
    if "report" in words or "export" in words or "evaluate" in words:
        run_in(tmp_path / "others" / "mine")
        assert runs_of(f"{words.format('mine')} --results others") == ["others/mine"]
    run_in(tmp_path / "here").folder.joinpath("model.json").rename(tmp_path / "mine" / "model.json")
    assert set(runs_of(words.format("mine", "mine"))) == {"mine"}


def test_training_goes_on_in_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else has the run's name."""
    run_in(tmp_path / "results" / "mine")
    run_in(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    refused(run("train", "--name", "mine", "--resume"), "results/mine: expected a run with a checkpoint, found none")


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
