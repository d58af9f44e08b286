"""The page in a browser: an upload, its genres, the segment that is clicked, keyboard, phone, and nothing foreign."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genrebench.serve.limits import Limits
from tests.serve.conftest import small_model

playwright = pytest.importorskip("playwright.sync_api")
uvicorn = pytest.importorskip("uvicorn")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
# It records a tone from a microphone that is none, and asks nobody whether it may.
_FLAGS = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Start a server on a free port, in a thread."""
    from genrebench.serve.app import create_app

    app = create_app(small_model(), Limits(max_megabytes=1, workers=1))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", ws="none"))
    ready = threading.Event()
    startup = server.startup

    async def announced(*arguments: Any, **options: Any) -> None:
        """Start, and say so."""
        await startup(*arguments, **options)
        ready.set()

    server.startup = announced
    thread = threading.Thread(target=server.run)
    thread.start()
    assert ready.wait(60)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


class Opened:
    """A page in a browser, and what it complained about."""

    def __init__(self, page: Any, address: str) -> None:
        """Open the page."""
        self.page = page
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._note)
        page.on("request", lambda each: self.foreign.append(each.url) if self._is_foreign(each.url, address) else None)
        page.goto(address)
        page.wait_for_function("() => document.getElementById('model').textContent.includes('knows')")

    def _note(self, message: Any) -> None:
        """Note errors and warnings of the console, but for statuses that a test provokes."""
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            self.complaints.append(message.text)

    @staticmethod
    def _is_foreign(url: str, address: str) -> bool:
        """Return whether something is loaded from elsewhere."""
        return not url.startswith((address, "blob:", "data:"))

    def send(self, *paths: Path) -> Any:
        """Choose files, and wait until the last one can be played."""
        self.page.set_input_files("#files", list(map(str, paths)))
        return self.page.wait_for_selector("article .play:not([disabled])")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start Chromium."""
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=["light", "dark"])
def opened(browser: Any, address: str, request: pytest.FixtureRequest) -> Iterator[Opened]:
    """Open the page on a wide screen in light, or on a phone in the dark; nothing may be complained about."""
    width = 1100 if request.param == "light" else 360
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=request.param, permissions=["microphone"]
    )
    page = Opened(context.new_page(), address)
    yield page
    assert page.page.evaluate("document.documentElement.scrollWidth") == width
    context.close()
    assert page.complaints == []
    assert page.foreign == []


def test_a_recording_is_seen_and_heard(opened: Opened, song: Path, tmp_path: Path) -> None:
    """Genre, probabilities and strip are the model's; the segment that is clicked plays, and no further."""
    (tmp_path / "broken.mp3").write_text("no music")
    opened.send(song, tmp_path / "broken.mp3")
    page = opened.page
    expected = small_model().predict(song, timeline=True)
    card = page.locator("article").first
    assert card.locator("h2").inner_text() == "song.wav"
    assert expected.genre in card.locator(".verdict").inner_text()
    assert card.locator(".bars li").count() == len(expected.probabilities)
    assert card.locator("tbody tr").count() == 8
    card.locator("summary").click()
    times = card.locator("tbody button").all_inner_texts()
    assert times[:2] == ["0:00.0 - 0:00.5", "0:00.5 - 0:01.0"]
    failed = page.locator("article").nth(1)
    assert failed.locator(".failed").inner_text().startswith("broken.mp3: cannot be decoded")
    # what wavesurfer.js draws, in a shadow tree
    assert card.locator(".wave canvas").count() >= 2
    region = card.locator(".wave [part~=region]").nth(4)
    page.evaluate(_NOTE)
    region.click()
    page.wait_for_function(_PLAYED, arg=[2.0, 2.6])
    assert page.evaluate("document.seen") == ["Pause", "Play"]


# Notes what the button says while it is played.
_NOTE = """() => {
  const button = document.querySelector("article .play");
  document.seen = [];
  new MutationObserver(() => document.seen.push(button.textContent)).observe(button, { childList: true });
}"""
# Waits until a player stands still between two times.
_PLAYED = """([start, end]) => {
  const text = document.querySelector("article .clock").textContent;
  const [minutes, seconds] = text.split(" of ")[0].split(":").map(Number);
  const now = 60 * minutes + seconds;
  return document.seen.length === 2 && Math.floor(start) <= now && now <= end;
}"""


def test_the_keyboard_is_enough(opened: Opened, song: Path) -> None:
    """Tab reaches the choice of files, recording, and the strip, whose parts the arrow keys go through."""
    opened.send(song)
    page = opened.page
    page.keyboard.press("Tab")
    reached = []
    for _ in range(5):
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
        page.keyboard.press("Tab")
    assert reached[:2] == ["files", "record"]
    assert "play" in reached
    strip = page.locator(".strip button")
    assert [strip.nth(0).get_attribute("tabindex")] == ["0"]
    assert "from 0:00 to 0:0" in str(strip.nth(0).get_attribute("aria-label"))
    strip.nth(0).focus()
    page.keyboard.press("ArrowRight")
    last = min(1, strip.count() - 1)
    assert page.evaluate("document.activeElement.title") == strip.nth(last).get_attribute("title")
    assert page.locator("[role=status]").inner_text().startswith("song.wav: ")


def test_a_sound_is_recorded(opened: Opened) -> None:
    """The button begins and ends a recording, which is classified as any other."""
    page = opened.page
    page.click("#record")
    page.wait_for_function("() => document.getElementById('record').textContent.startsWith('Stop (2')")
    assert page.get_attribute("#record", "aria-pressed") == "true"
    page.click("#record")
    page.wait_for_selector("article .verdict:not(:empty)")
    assert page.locator("article h2").inner_text().startswith("Recording at ")
    assert page.get_attribute("#record", "aria-pressed") == "false"


def test_a_busy_server_is_asked_again(opened: Opened, song: Path) -> None:
    """After the time that it named, and not before."""
    answers = iter([429, 503])

    def busy(route: Any) -> None:
        """Answer that there is too much to do, twice."""
        status = next(answers, None)
        if status is None:
            route.continue_()
        else:
            route.fulfill(status=status, headers={"Retry-After": "1"}, json={"error": "busy"})

    opened.page.route("**/predict", busy)
    opened.send(song)
    assert next(answers, None) is None
    opened.complaints = [line for line in opened.complaints if "status of 503" not in line]
