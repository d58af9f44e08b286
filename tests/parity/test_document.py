"""Terminal, Markdown and HTML say what the report says, whatever is in it."""

import io
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from genrebench.parity.document import layer_errors, parity_document, show_report, stage_line
from genrebench.parity.report import Report
from genrebench.report.html import page
from genrebench.report.markdown import markdown

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
IDS = {"verdict", "findings", "stages", "layers", "errors-by-layer", "errors-by-step", "environment"}
STAGES = set("structure weights evaluation training loss gradients adam steps fast-path trained float32".split())


class Elements(HTMLParser):
    """Collects ids and links, and checks that tags are closed in order."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.scripts = 0
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.scripts += tag == "script"
        found = dict(attrs)
        self.ids.add(found.get("id") or "")
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href") and value]
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that closes itself."""
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Check that the tag closes the last one that was opened."""
        assert self.open.pop() == tag


def elements(html: str) -> Elements:
    """Parse a page."""
    parser = Elements()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


def in_terminal(report: Report, width: int) -> list[str]:
    """Print a report."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=True, color_system=None)
    for stage in report.stages:
        console.print(stage_line(stage), soft_wrap=True)
    show_report(report, console)
    return stream.getvalue().splitlines()


def test_every_layer_has_its_errors(failing: Report) -> None:
    """The layer that is off diverges, those behind it only inherit, those before it are equal."""
    errors = layer_errors(failing, "<b>mine</b>")
    assert list(errors) == list(failing.layers)
    assert errors["conv2d"].verdict == "equal"
    assert errors["max_pooling2d"].verdict == "DIVERGES"
    assert errors["max_pooling2d"].isolated == pytest.approx(1e-3)


def test_a_layer_of_which_nothing_was_compared_does_not_diverge(passing: Report) -> None:
    """Such as one that makes a mask; where a backend gave nothing at all, or raised, every layer does."""

    def verdicts(**changes: Any) -> set[str]:
        """Take a layer's rows away, and more, and list its verdicts."""
        stages = []
        for stage in passing.stages:
            comparisons = [
                replace(each, **{"rows": tuple(row for row in each.rows if row.tensor != "conv2d"), **changes})
                for each in stage.comparisons
            ]
            stages.append(replace(stage, comparisons=tuple(comparisons)))
        report = replace(passing, stages=tuple(stages))
        return {layer_errors(report, backend)["conv2d"].verdict for backend in report.backends}

    assert verdicts() == {"-"}
    assert verdicts(error="it raised") == {"DIVERGES"}
    assert verdicts(rows=()) == {"DIVERGES"}


@pytest.mark.parametrize("width", [60, 80, 100, 200])
@pytest.mark.parametrize("kind", ["passing", "failing"])
def test_the_terminal_shows_stages_layers_and_verdict(kind: str, width: int, request: pytest.FixtureRequest) -> None:
    """Every layer and the verdict are there, and nothing in the layer table is cut off."""
    report: Report = request.getfixturevalue(kind)
    lines = in_terminal(report, width)
    text = " ".join(" ".join(lines).split())
    assert report.verdict in text
    if kind == "passing":
        assert max(map(len, lines[len(report.stages) :])) <= width
        assert "…" not in text
        assert ("isolated" in text) == (width >= 80)
    assert [line.split()[0] for line in lines[: len(report.stages)]] == [stage.id for stage in report.stages]
    assert set(report.layers) <= {line.split()[0] for line in lines if line.strip()}
    assert all(finding.message.split(":")[0] in text for finding in report.findings)


def test_markdown_shows_what_the_terminal_shows(passing: Report, failing: Report) -> None:
    """There are findings with tolerances, one row per layer, a gradient; tables have as many cells in every row."""
    text = markdown(parity_document(failing))
    assert text.startswith("# Parity of <b>") is False
    assert "smallest tolerance with which the stage would pass: 1.0e-03" in text
    assert "## What is off" not in markdown(parity_document(passing))
    for report in (passing, failing):
        for table in re.findall(r"(?:^\|.*\n)+", markdown(parity_document(report)), re.MULTILINE):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    assert re.search(r"\| conv2d_1/kernel +\|", text)


@pytest.mark.parametrize("kind", ["passing", "failing"])
def test_the_page_needs_nothing_else_and_runs_nothing(kind: str, request: pytest.FixtureRequest) -> None:
    """All parts are there, tags are closed in order, only sources lead out of the page, names with markup are text."""
    found = elements(page(parity_document(request.getfixturevalue(kind), every_row=True)))
    assert {*IDS, *(f"stage-{each}" for each in STAGES)} <= found.ids
    assert found.scripts == 0
    sources = ("https://keras.io/", "https://docs.pytorch.org/", "https://www.tensorflow.org/")
    assert all(link.startswith(("#", "data:", *sources)) for link in found.links), found.links


def test_names_and_messages_are_never_markup(failing: Report) -> None:
    """Neither a backend's name nor its error becomes an element."""
    for text in (page(parity_document(failing, every_row=True)), markdown(parity_document(failing))):
        assert "<b>mine" not in text
        assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page(parity_document(failing, every_row=True))


def test_a_stage_is_looked_up(passing: Report) -> None:
    """Each has its id."""
    assert {stage.id for stage in passing.stages} == STAGES
    assert passing.stage("loss").title == "Loss"


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("kind", ["passing", "failing"])
def test_the_page_opens_in_a_browser(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Headless Chromium finds all parts, the outcome, and nothing to complain about."""
    report: Report = request.getfixturevalue(kind)
    (tmp_path / "parity.html").write_text(page(parity_document(report, every_row=True)), encoding="utf-8")
    command = [
        *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--log-level=0"),
        *(f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=5000", "--dump-dom"),
        (tmp_path / "parity.html").as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    for identifier in IDS:
        assert f'id="{identifier}"' in done.stdout
    assert f'data-passed="{str(kind == "passing").lower()}"' in done.stdout
    assert done.stdout.count("<svg") >= 2
    assert done.stdout.count("<details") == len(report.stages)
