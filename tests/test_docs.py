"""What the pages promise is there: files, commands, options with their defaults, and names of the library."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import genrebench
from genrebench.cli.main import main
from tests.test_rows import ROWS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "results").rglob("*.md"))]
CONTEXT = click.Context(main)
COMMANDS = {name: main.get_command(CONTEXT, name) for name in main.list_commands(CONTEXT)}
DEFAULTS = r"^\| option of `genrebench (\w+)` \| default \|.*\n\|[ -|]*\n((?:\|.*\n)+)"
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def options_of(command: click.Command | None) -> dict[str, str]:
    """List the options of a command with their help."""
    assert command is not None
    parameters = [each for each in command.get_params(CONTEXT) if isinstance(each, click.Option)]
    return {name: (each.get_help_record(CONTEXT) or ("", ""))[1] for each in parameters for name in each.opts}


OPTIONS = {name: options_of(command) for name, command in COMMANDS.items()}


def command_lines(text: str) -> Iterator[list[str]]:
    """Find the command lines of genrebench in code blocks and in the text."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    for block in blocks:
        for line in re.findall(r"^(?:\$ )?genrebench (.*)$", block, flags=re.MULTILINE):
            yield shlex.split(line, comments=True)
    for line in re.findall(r"`genrebench ([^`\n]+)`", text):
        yield shlex.split(line)


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    """To a file of this repository; pictures too."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s#]+)", text):
        assert "://" in target or (page.parent / target).exists(), target


@every_page
def test_named_files_exist(page: Path) -> None:
    """What the text names as a path of this repository."""
    for name in re.findall(
        r"`((?:genrebench|backends|docs|experiments|\.ci)/[a-z_./-]*)`", page.read_text(encoding="utf-8")
    ):
        assert (ROOT / name).exists(), name


@every_page
def test_commands_and_their_options_exist(page: Path) -> None:
    """Each command line could be typed as it stands; an option that stands alone belongs to some command."""
    text = page.read_text(encoding="utf-8")
    for words in command_lines(text):
        while words and words[0] in options_of(main):
            words.pop(0)
        assert not words or words[0] in OPTIONS or words[0].isupper(), f"genrebench {shlex.join(words)}"
        unknown = {word for word in words[1:] if word.startswith("--")} - OPTIONS.get(words[0], {}).keys()
        assert not unknown, f"genrebench {shlex.join(words)}"
    known = {name for options in OPTIONS.values() for name in options} | options_of(main).keys()
    assert set(re.findall(r"`(--[a-z-]+)[^`]*`", text)) <= known | {"--help", "--version"}


@every_page
def test_defaults_are_those_of_the_commands(page: Path) -> None:
    """A table ``option of `genrebench COMMAND` | default`` says what the command's help says."""
    for command, rows in re.findall(DEFAULTS, page.read_text(encoding="utf-8"), flags=re.MULTILINE):
        for option, default in re.findall(r"^\| `(--[a-z-]+)` \| (.*?) \|", rows, flags=re.MULTILINE):
            found = re.search(r"\[default: ([^\];]+)", OPTIONS[command][option])
            assert found, f"genrebench {command} {option} tells no default"
            assert found[1] == default, f"genrebench {command} {option}"


def test_the_pages_have_commands_and_tables_of_defaults() -> None:
    """Otherwise the tests above would pass on nothing."""
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    found = {command for text in texts for command, _ in re.findall(DEFAULTS, text, flags=re.MULTILINE)}
    assert found == {"preprocess", "train", "parity", "bench", "serve"}
    assert {words[0] for text in texts for words in command_lines(text) if words} >= OPTIONS.keys() - {"demo"}


@every_page
def test_names_of_the_library_are_public(page: Path) -> None:
    """Every ``gb.name`` is in ``genrebench.__all__``, and Python blocks are Python."""
    text = page.read_text(encoding="utf-8")
    used = set(re.findall(r"\bgb\.([A-Za-z_]+)", text))
    assert used <= set(getattr(genrebench, "__all__", ()))
    for block in re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        compile(block, str(page), "exec")


def test_the_first_page_is_short() -> None:
    """It begins with what a user wants: install, one command, three lines of Python."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("\n") <= 150
    assert re.search(r"pip install[\s\S]*genrebench infer song\.mp3[\s\S]*import genrebench as gb", text[:1200])


def test_the_house_names_every_room() -> None:
    """In the table of rows, from the top down to the ground."""
    text = (ROOT / "docs" / "house.md").read_text(encoding="utf-8")
    table = text.partition("## Where to put what")[0]
    plugins = {"genrebench_torch", "genrebench_keras", "genrebench_onnx", "__main__"}
    places = {room: table.find(f"`genrebench/{room}") for row in ROWS for room in row - plugins}
    assert min(places.values()) > 0, places
    lowest = [min(places[room] for room in row - plugins) for row in ROWS]
    assert lowest == sorted(lowest, reverse=True)
