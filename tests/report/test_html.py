"""A page needs nothing else, runs nothing, and shows text as text."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from genrebench.report.document import Block, Cell, Code, Document, Figure, Fold, Item, Items, Source, Table, Text
from genrebench.report.html import page
from genrebench.system.files import escaped
from tests.report.hostile import HOSTILE, LONG, document_of

TAGS = {
    *("html", "head", "meta", "title", "link", "style", "body", "h1", "h2", "p", "span", "ol", "ul", "li", "br"),
    *("div", "table", "thead", "tbody", "tr", "th", "td", "a", "details", "summary"),
}


class Elements(HTMLParser):
    """Collects elements, attributes and texts, and checks that tags are closed in order."""

    def __init__(self, html: str) -> None:
        """Read a page."""
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in ("meta", "link", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Check that the tag closes the last one that was opened."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data

    def handle_comment(self, data: str) -> None:
        """Refuse comments: there are none."""
        raise AssertionError(data)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_markup(text: str) -> None:
    """No element, attribute or address comes from a text; control characters are escaped."""
    found = Elements(page(document_of(text)))
    assert found.tags <= TAGS
    assert {name for name, _ in found.attributes} <= set(
        "lang charset name content rel href class id open data-passed".split()
    )
    assert all(value.startswith(("#", "data:,")) for name, value in found.attributes if name == "href")
    assert found.text.count(escaped(text)) >= 15
    assert all(character.isprintable() for character in found.text.replace("\n", ""))


def test_a_page_has_anchors_and_its_outcome() -> None:
    """Cells lead to blocks; scripts find the outcome at the body."""
    table = Table(("a", "b"), [(Cell("to more", target="more"), Cell("DIVERGES", "bad"))], id="overview")
    html = page(
        Document("Title", [table, Fold("More", [Text("in")], id="more", is_open=True), Items((), id="i")], passed=True)
    )
    for part in (
        *('<table id="overview">', '<a href="#more">to more</a>', '<details id="more" open>', '<ul id="i"></ul>'),
        *('data-passed="true"', '<td class="bad">DIVERGES</td>', "<title>Title</title>"),
    ):
        assert part in html
    assert "data-passed" not in page(Document("Title", ()))
    assert "<thead>" not in page(Document("Title", [Table(("", ""), [("a", "b")])]))


def test_numbers_stay_whole_and_long_words_break() -> None:
    """A number keeps its percent sign and its hyphen; a checksum is broken anywhere; a sentence keeps some width."""
    row = (Cell("1e-16", numeric=True), "torch 3.2e-15, keras 1e-16", LONG, "word " * 10)
    html = page(Document("", [Table("abcd", [row])]))
    assert '<td class="n">' in html
    assert '<span class="one">torch 3.2e-15</span>, <span class="one">keras 1e-16</span>' in html
    assert "97.5&nbsp;% &amp; 5 of" in page(Document("t", [Text("97.5 % & 5 of 10")]))
    assert f'<td class="w">{LONG}</td>' in html
    assert f'<td class="l">{"word " * 10}</td>' in html


def test_a_picture_may_have_words_below_it() -> None:
    """Which are text."""
    html = page(Document("", [Figure("<svg></svg>", "a", caption="<b>")]))
    assert '<svg role="img" aria-label="a"></svg><figcaption>&lt;b&gt;</figcaption></figure>' in html


def test_addresses_of_sources_are_links() -> None:
    """Such as say ``https`` and have no letter that could be markup; in other facts, addresses are text."""
    address = "https://a.example/b_c.html#d"
    facts: list[str | Source] = [f"see {address}", Source(f"x: {address}; <https://b.example/> javascript:x")]
    html = page(Document("", [Items([Item("one", facts)])]))
    assert html.count("<a ") == 2
    assert (
        f'x: <a href="{address}">{address}</a>; &lt;<a href="https://b.example/">https://b.example/</a>&gt; j' in html
    )
    assert f"see {address}" in html


def test_pictures_lie_in_the_page() -> None:
    """SVG as it is, PNG as data; both say what they show."""
    html = page(Document("", [Figure('<svg viewBox="0 0 1 1"></svg>', 'a "curve"', "f"), Figure(b"\x89PNG", "bars")]))
    assert '<figure id="f"><svg role="img" aria-label="a &quot;curve&quot;" viewBox="0 0 1 1"></svg></figure>' in html
    assert '<img alt="bars" src="data:image/png;base64,iVBORw==">' in html


def test_code_is_shown_as_it_is() -> None:
    """With its lines, and as text."""
    assert "<pre>$ a\n&lt;b&gt;\\x1b</pre>" in page(Document("", [Code("$ a\n<b>\x1b", "console")]))


def test_an_option_in_a_command_stays_whole() -> None:
    """Browsers would break it behind its hyphens, and it would be two words."""
    html = page(Document("t", [Code("genrebench train --batch-size 8 -q a-b <--x>"), Text("with --dry-run - or -1")]))
    assert re.findall('<span class="one">(.*?)</span>', html) == ["--batch-size", "-q", "--dry-run"]


def test_no_page_is_wider_than_its_window(tmp_path: Path) -> None:
    """On phones and screens, whatever its tables and figures need."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("needs Chromium")
    wide = Table(tuple(f"column {number}" for number in range(30)), [tuple(map(str, range(30)))] * 3)
    svg = '<svg width="900" height="90" viewBox="0 0 900 90"></svg>'
    blocks: list[Block] = [
        wide,
        wide,
        Figure(svg, "a", caption="word " * 40),
        Text("x" * 300),
        Code("y" * 300 + " --z"),
        wide,
    ]
    (tmp_path / "page.html").write_text(
        page(Document("Title " + "z" * 200, [*blocks, Fold("More", blocks, is_open=True)]))
    )
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for width in (320, 390, 1280):
            opened = browser.new_page(viewport={"width": width, "height": 800})
            opened.goto((tmp_path / "page.html").as_uri())
            assert opened.evaluate("document.documentElement.scrollWidth") == width
        browser.close()
