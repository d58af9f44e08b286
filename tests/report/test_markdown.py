"""Markdown says the text, the whole text, and nothing but the text; and can be read as it stands."""

import random
import string

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from genrebench.report.document import (
    Cell,
    Code,
    Column,
    Document,
    Figure,
    Fold,
    Heading,
    Item,
    Items,
    Source,
    Table,
    Text,
)
from genrebench.report.markdown import markdown, plain
from genrebench.system.files import escaped
from tests.report.hostile import HOSTILE, document_of

BLOCKS = {
    "heading",
    "paragraph",
    "ordered_list",
    "bullet_list",
    "list_item",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
}


def parsed(text: str) -> list[Token]:
    """Read Markdown as GitHub does, HTML included."""
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)


def texts(tokens: list[Token]) -> list[str]:
    """List the texts, and check that nothing else is there."""
    assert {token.type.removesuffix("_open").removesuffix("_close") for token in tokens} <= {*BLOCKS, "inline"}
    inlines = [token for token in tokens if token.type == "inline"]
    for inline in inlines:
        assert {child.type for child in inline.children or ()} <= {"text", "text_special"}, inline.content
    return ["".join(child.content for child in inline.children or ()) for inline in inlines]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_markup(text: str) -> None:
    """Wherever it stands, a text is read as itself, and the document keeps its form."""
    found = texts(parsed(markdown(document_of(text))))
    said = escaped(" ".join(text.split()))
    assert found.count(said) >= 15
    assert set(found) - {said} <= {"plain", "x", "y", "z", "a fact", f"b {said}", f"{said}: {said}"}


def test_no_mixture_of_marks_is_markup() -> None:
    """Whatever stands beside whatever, in paragraphs and in cells."""
    chosen = random.Random(0)
    marks = [*string.punctuation, *" ,a,1,b_c,**,__,&amp;,</b>,\\|,](,~~,``,https://a.b/_c_".split(",")]
    for _ in range(500):
        text = "".join(chosen.choices(marks, k=chosen.randint(1, 12)))
        text = " ".join(text.split())
        document = Document("t", [Text(text), Table(("a", "b"), [("c", text)])])
        assert texts(parsed(markdown(document))) == ["t", *([text] if text else []), "a", "b", "c", text], text


def test_what_needs_no_escape_has_none() -> None:
    """Names of layers, comparisons and addresses read as plain text."""
    for text in (
        "batch_normalization_1/gamma",
        "relative <= 1e-11, a > b, R&D",
        "see https://keras.io/api/layers/#max_pooling2d_layer, section 3.1",
        r"C:\data",
    ):
        assert plain(text) == text


def test_a_document_keeps_its_parts() -> None:
    """Titles name the group of their column; numbers are aligned to the right; folds are sections."""
    table = Table(
        ("layer", Column("torch", "torch"), Column("error", "torch")),
        [
            ("conv2d", Cell("equal", "good"), Cell("0", numeric=True)),
            ("a|b", "rounding", Cell("1.5e-16", numeric=True)),
        ],
        caption="Errors",
    )
    items = Items([Item("first", ["why"]), Item("second")], numbered=True)
    fold = Fold("More", [Text("inside")], Cell("passed"))
    document = Document("Title", [Heading("Part"), items, Items(()), table, fold, Figure(b"", "a curve")])
    assert markdown(document) == (
        "# Title\n\n## Part\n\n1. first\n   - why\n2. second\n\nErrors\n\n"
        "| layer  | torch    | torch error |\n"
        "| ------ | -------- | ----------: |\n"
        "| conv2d | equal    |           0 |\n"
        "| a\\|b   | rounding |     1.5e-16 |\n"
        "\n### More: passed\n\ninside\n\n(a curve)\n"
    )


def test_addresses_of_sources_are_links() -> None:
    """In angle brackets; what stands between them is text."""
    fact = Source("x [y]: https://a.example/b_c.html#d; https://b.example/ *z*")
    text = markdown(Document("a", [Items([Item("one", [fact])])]))
    assert r"  - x \[y]: <https://a.example/b_c.html#d>; <https://b.example/> \*z\*" in text


def test_code_stands_between_fences() -> None:
    """Which no line of it ends; control characters are escaped."""
    assert markdown(Document("a", [Code("$ x\n```\n\x1b", "console")])) == "# a\n\n````console\n$ x\n```\n\\x1b\n````\n"
