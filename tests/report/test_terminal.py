"""What a terminal shows fits, what a pipe gets stands on whole lines, and nothing controls the terminal."""

import io

import pytest
from rich.console import Console

from genrebench.report.document import (
    Block,
    Cell,
    Code,
    Column,
    Document,
    Figure,
    Fold,
    Heading,
    Item,
    Items,
    Table,
    Text,
)
from genrebench.report.terminal import line, show
from tests.report.hostile import HOSTILE, document_of

BACKENDS = ("torch", "keras", "jax")
LAYERS = Table(
    ("layer", Column("kind", optional=True), *(
        column for name in BACKENDS
        for column in (Column(name, name), Column("isolated", name, optional=True), Column("cumulative", name))
    )),
    [
        (layer, "Kind", *(cell for _ in BACKENDS for cell in (
            Cell("DIVERGES", "bad"), Cell("1.0e-16", numeric=True), Cell("2.0e-16", numeric=True)
        )))
        for layer in ("conv2d", "batch_normalization_1")
    ],
)  # fmt: skip


def shown(what: Document | Block, width: int | None = None, *, color: bool = False) -> str:
    """Show something in a terminal of some width, or in a pipe."""
    stream = io.StringIO()
    terminal = {"force_terminal": True, "color_system": "standard" if color else None, "width": width}
    show(what, Console(file=stream, **terminal) if width else Console(file=stream))  # type: ignore[arg-type]
    return stream.getvalue()


def test_code_is_indented_and_never_broken() -> None:
    """In a terminal of any width; control characters are escaped."""
    assert shown(Code("$ genrebench train --name x\n\x1b"), 20) == "  $ genrebench train --name x\n  \\x1b\n"


def test_a_document_is_shown_block_by_block() -> None:
    """With an empty line between blocks, and without pictures."""
    blocks: list[Block] = [
        Heading("Part"),
        Text("All is well.", "good"),
        Items([Item("one", ["a fact"]), Item("two")], numbered=True),
        Table(("", ""), [("key", "value")], caption="A table"),
        Fold("More", [Text("inside")], Cell("passed", "good")),
    ]
    assert shown(Document("Title", blocks)) == (
        "Title\n\nPart\n\nAll is well.\n\n1. one\n   a fact\n\n2. two\n\nA table\nkey  value\n\nMore: passed\ninside\n"
    )
    assert shown(Figure("<svg></svg>", "nothing")) == ""
    assert shown(Items([Item("one"), Item("two")])) == "- one\n- two\n"


def test_a_wide_terminal_shows_all_columns() -> None:
    """Numbers stand to the right, below their heading."""
    lines = shown(LAYERS, 140).splitlines()
    assert len(lines) == 3
    assert lines[0].split() == [
        "layer",
        "kind",
        *(word for each in BACKENDS for word in (each, *"isolated cumulative".split())),
    ]
    assert lines[0].index("cumulative") + len("cumulative") == lines[1].index("2.0e-16") + len("2.0e-16")


def test_a_narrow_terminal_leaves_out_and_splits() -> None:
    """Optional columns go in their order, then groups stand below each other, each behind the layers' names."""
    without_kind = shown(LAYERS, 120)
    assert "kind" not in without_kind
    assert without_kind.count("isolated") == len(BACKENDS)
    without_isolated = shown(LAYERS, 100)
    assert "isolated" not in without_isolated
    assert without_isolated.count("layer") == 1
    for width, parts in ((80, 2), (60, 3), (44, 3)):
        text = shown(LAYERS, width)
        assert text.count("layer") == text.count("conv2d") == parts
        assert text.count("cumulative") == len(BACKENDS)
        assert max(map(len, text.splitlines())) <= width


NAMES = Table(
    ("Backend", "Framework", "Devices", "Status"),
    [("keras-torch", "keras 3.15.1", "cpu", Cell("unavailable", "bad")), ("onnx", "onnxruntime 1.32.0", "", "ready")],
)


@pytest.mark.parametrize("width", [12, 20, 30, 40, 45, 46, 60, 80])
def test_a_table_tears_no_word_that_fits(width: int) -> None:
    """Columns give way down to their longest word; where that is not enough, each row is a list."""
    text = shown(NAMES, width)
    words = [word for row in NAMES.cells for cell in row for word in cell.text.split() if len(word) <= width - 2]
    assert not set(words) - set(text.split())
    assert max(map(len, text.splitlines())) <= width
    is_table = "Backend" in text
    assert is_table == (width >= 46)
    if not is_table and width > 30:
        assert text.splitlines()[:2] == ["keras-torch", "  Framework: keras 3.15.1"]
        assert "Devices" not in text.partition("onnx\n")[2]


def test_a_table_of_many_rows_in_a_cell_is_a_list_in_a_narrow_terminal_only() -> None:
    """Prose in a cell is read in a wide one."""
    table = Table(("cause", "why"), [("epsilon", " ".join(["word"] * 20))])
    assert shown(table, 60).splitlines()[0].split() == ["cause", "why"]
    assert [each.rstrip() for each in shown(table, 50).splitlines()[:2]] == ["epsilon", "  why:" + 8 * " word"]


def test_long_text_is_broken_in_a_terminal_only() -> None:
    """A pipe gets whole lines, without blanks at their ends."""
    words = " ".join(["word"] * 60)
    what = Document("", [Text(words), Items([Item(words)]), Table(("a", "b"), [("x", words), ("y", "z")])])
    assert shown(what).splitlines()[::2] == [words, f"- {words}", "a  b", "y  z"]
    for text in (shown(what, 80), shown(what, 30)):
        assert text.split().count("word") == 180
        assert "…" not in text
    assert "\n  word" in shown(what.blocks[1], 30)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("width", [None, 12, 80])
def test_nothing_controls_the_terminal(text: str, width: int | None) -> None:
    """Everything printed can be printed, no line is longer than the terminal, and markup of rich is text."""
    output = shown(document_of(text), width)
    assert all(character.isprintable() for character in output.replace("\n", ""))
    if width:
        assert max(map(len, output.splitlines())) <= width
    else:
        assert "[bold red]" in output or "[bold red]" not in text


def test_styles_are_colors() -> None:
    """Each word has one, and text without a style has none."""
    found = {style: shown(Text("x", style), 20, color=True) for style in ("good", "bad", "warn", "quiet", "")}
    assert found == {
        "good": "\x1b[32mx\x1b[0m\n",
        "bad": "\x1b[1;31mx\x1b[0m\n",
        "warn": "\x1b[33mx\x1b[0m\n",
        "quiet": "\x1b[2mx\x1b[0m\n",
        "": "x\n",
    }


def test_cells_make_a_line() -> None:
    """Escaped, in their styles."""
    made = line("stage ", Cell("passed", "good"), " \x1b[1m")
    assert made.plain == r"stage passed \x1b[1m"
    assert [(span.start, span.end, span.style) for span in made.spans] == [(6, 12, "green")]
