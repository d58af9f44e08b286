"""The server: answers of the model, one line for what is none, bounds that hold, and a page that keeps to itself."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import soundfile

from genrebench.audio.synthesis.render import synthesize
from genrebench.errors import ModelError
from genrebench.model.model import Model
from tests.conftest import GENRES, Recorder
from tests.serve import hanging
from tests.serve.conftest import LIMITS, small_model

pytest.importorskip("fastapi")
pytest.importorskip("httpx2")

from fastapi.testclient import TestClient

from genrebench.serve import answers
from genrebench.serve.app import create_app
from genrebench.serve.page import STATIC


def sent(client: TestClient, name: str, content: bytes) -> tuple[int, dict[str, Any]]:
    """Send a file and return what is answered."""
    response = client.post("/predict", files={"file": (name, content)})
    return response.status_code, response.json()


def test_the_answer_is_that_of_the_model(client: TestClient, song: Path) -> None:
    """The same genres and probabilities as in Python, with a timeline that covers the recording."""
    status, answer = sent(client, "song.wav", song.read_bytes())
    expected = small_model().predict(song, timeline=True)
    assert status == 200, answer
    assert answer["probabilities"] == expected.probabilities
    assert list(answer["probabilities"]) == list(expected.probabilities)
    assert (answer["genre"], answer["probability"]) == (expected.genre, expected.probability)
    assert (answer["file"], answer["seconds"], answer["segments"]) == ("song.wav", 4.0, 8)
    assert [(each["start"], each["end"]) for each in answer["timeline"]] == [(n / 2, (n + 1) / 2) for n in range(8)]
    assert [each["genre"] for each in answer["timeline"]] == [each.genre for each in expected.timeline]


def test_what_is_uncertain_is_called_so(song: Path) -> None:
    """By the model's own bound."""
    from genrebench.model.calibration import Calibration

    for bound in (0.0, 1.0):
        app = create_app(replace(small_model(), calibration=Calibration(uncertain_below=bound)), LIMITS, hosts=("*",))
        with TestClient(app) as client:
            assert sent(client, "song.wav", song.read_bytes())[1]["uncertain"] is bool(bound)


@pytest.mark.parametrize(
    ("name", "content", "status", "line"),
    [
        ("none.mp3", b"", 422, r"none\.mp3: expected a recording, received an empty file \(0 bytes\)"),
        ("page.mp3", b"<!doctype html><p>no music</p>" * 9, 422, r"page\.mp3: cannot be decoded; it is .*, not audio"),
        ("zeros.mp3", bytes(50_000), 422, r"zeros\.mp3: cannot be decoded.*"),
        ("large.wav", bytes(2**20 + 1), 413, r"expected a file of at most 1 MB, received a larger one"),
        ("huge.wav", bytes(3 * 2**20), 413, r"expected a file of at most 1 MB, received a larger one"),
    ],
)
def test_what_is_no_recording_is_answered_by_one_line(
    client: TestClient, name: str, content: bytes, status: int, line: str
) -> None:
    """It names the file as its sender does, and says nothing of where it lies."""
    received, answer = sent(client, name, content)
    assert received == status
    assert re.fullmatch(line, answer["error"]), answer
    assert list(answer) == ["error"]


def test_a_form_that_does_not_state_its_size_is_bounded(client: TestClient) -> None:
    """It is refused when it grows too large, also by what stands before the file."""
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    begun = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    for start, piece in ((begun, bytes(65536)), (b"", b"\r\n" * 32768)):

        def pieces(start: bytes = start, piece: bytes = piece) -> Iterator[bytes]:
            """Send more than is taken."""
            yield start
            yield from [piece] * 20

        response = client.post("/predict", headers=headers, content=pieces())
        assert response.status_code in (400, 413)
    assert client.get("/health").json()["busy"] == 0


def test_a_recording_is_measured_by_its_sound(client: TestClient, record: Recorder) -> None:
    """A small file that holds more than is taken is refused, also where it is silent, and nothing of it stays."""
    seconds = LIMITS.max_seconds + 0.5
    music = record("long.flac", synthesize("disco", seed=1, duration=seconds, sample_rate=8000), 8000)
    silence = record("silence.flac", 0 * synthesize("disco", seed=1, duration=3600.0, sample_rate=1000), 1000)
    for path in (music, silence):
        status, answer = sent(client, path.name, path.read_bytes())
        assert (status, answer) == (
            413,
            {"error": "expected a recording of at most 5 s, received a longer one; cut it"},
        )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/song.wav", "song.wav"),
        ("C:\\music\\song.wav", "song.wav"),
        ("..", "recording"),
        ("a\x1b[2J.wav", ""),
    ],
)
def test_a_name_is_no_path(client: TestClient, song: Path, name: str, shown: str) -> None:
    """Only its last part is told; nothing is written by that name, and nothing stays."""
    _, answer = sent(client, name, song.read_bytes())
    if shown:
        assert answer["file"] == shown
    assert str(answer["file"]).isprintable()
    folder: Path = client.app.state.folder  # type: ignore[attr-defined]
    assert [path.name for path in folder.iterdir()] == ["owner.lock"]


def test_forms_that_are_none(client: TestClient, song: Path) -> None:
    """Each is answered by a line that says what is expected."""
    expected = "expected a form (multipart/form-data) with one recording as its file, received "
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    content = song.read_bytes()
    begun = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nabc'
    for response, status, received in (
        (client.post("/predict"), 415, "none"),
        (client.post("/predict", json={"file": "song.wav"}), 415, "application/json"),
        (client.post("/predict", headers=broken, content=b"no form"), 400, "a broken one"),
        (client.post("/predict", headers=broken, content=begun), 400, "a part of a form"),
        (client.post("/predict", headers=broken, content=b"--x--\r\n"), 400, ""),
        (client.post("/predict", files={"file": (None, "text")}), 400, "a field that is no file"),
        (client.post("/predict", files=[("file", ("a", content)), ("file", ("b", content))]), 400, "several"),
    ):
        assert response.status_code == status, response.text
        assert response.json()["error"].startswith(expected + received), response.text


def test_a_model_that_fails_is_no_fault_of_the_recording(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 500 and one line: the model's own, or that nobody foresaw it."""
    app = create_app(small_model(), LIMITS, hosts=("*",))
    with TestClient(app) as client:
        for error, line in (
            (ModelError("is damaged", path="model"), "model: is damaged"),
            (ZeroDivisionError("secret"), "ZeroDivisionError (unforeseen; the server's log shows where)"),
        ):

            def fail(*args: object, error: Exception = error, **options: object) -> None:
                """Fail."""
                raise error

            monkeypatch.setattr(Model, "log_probabilities", fail)
            assert sent(client, "song.wav", song.read_bytes()) == (500, {"error": line})


@pytest.mark.parametrize(
    ("decoder", "status", "line"),
    [
        (
            hanging.decoder_that_hangs,
            504,
            r"song\.wav: expected a recording that is decoded within 0\.5 s, gave it up; .*",
        ),
        (hanging.decoder_that_crashes, 422, r"song\.wav: cannot be decoded; its process ended with status -6"),
        (hanging.decoder_that_is_ended, 422, r"song\.wav: cannot be decoded; its process ended with status -9"),
    ],
)
def test_a_decoder_that_hangs_or_crashes_takes_no_worker_with_it(
    song: Path, monkeypatch: pytest.MonkeyPatch, decoder: Callable[..., None], status: int, line: str
) -> None:
    """It is answered by one line, nothing of it stays, and the only worker has the next one."""
    limits = replace(LIMITS, timeout=0.5 if status == 504 else 60.0)
    app = create_app(small_model(), limits, hosts=("*",))
    with TestClient(app) as client, monkeypatch.context() as patch:
        patch.setattr(answers, "hear", decoder)
        for _ in range(2):
            received, answer = sent(client, "song.wav", song.read_bytes())
            assert received == status, answer
            assert re.fullmatch(line, answer["error"]), answer
        assert client.get("/health").json()["busy"] == 0
        folder: Path = client.app.state.folder  # type: ignore[attr-defined]
        assert [path.name for path in folder.iterdir()] == ["owner.lock"]


def test_health_and_figures(client: TestClient, song: Path) -> None:
    """What answers, within which limits, and how often it has."""
    health = client.get("/health").json()
    assert (health["status"], health["genres"], health["places"], health["busy"]) == ("ok", list(GENRES), 2, 0)
    before = client.get("/metrics").text
    sent(client, "song.wav", song.read_bytes())
    after = client.get("/metrics").text

    def count(text: str) -> float:
        """Read how many predictions were answered."""
        found = re.search(r'^genrebench_requests_total\{path="/predict",status="200"\} ([\d.]+)$', text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    assert count(after) == count(before) + 1
    assert "genrebench_predict_seconds_bucket" in after
    assert "genrebench_recordings 0.0" in after


def test_the_interface_is_described(client: TestClient) -> None:
    """OpenAPI tells programs what to send, what comes back, and each status that is used."""
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/predict"]["post"]
    assert set(operation["requestBody"]["content"]) == {"multipart/form-data"}
    assert set(operation["responses"]) >= {"200", "400", "408", "413", "415", "422", "429", "503", "504"}
    assert "timeline" in document["components"]["schemas"]["Answer"]["properties"]
    assert client.get("/docs").status_code == 404  # that page would load from elsewhere


def test_the_page_of_the_documentation_is_true(client: TestClient) -> None:
    """Every status that is used stands in its table, and the error that it shows is what is answered."""
    text = (Path(__file__).parents[2] / "docs" / "serve.md").read_text(encoding="utf-8")
    responses = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["responses"]
    told = {
        status for row in re.findall(r"^\| (\d{3}(?:, \d{3})*) \|", text, re.MULTILINE) for status in row.split(", ")
    }
    assert told >= responses.keys() - {"200"}
    assert told - responses.keys() == {"403", "421", "500"}  # of every address
    _, answer = sent(client, "notes.txt", b"What I want to hear.\n")
    assert f'{{"error":"{answer["error"]}"}}' in text


def test_errors_of_addresses_are_json(client: TestClient) -> None:
    """They name what there is."""
    for response, status in ((client.get("/nonesuch"), 404), (client.get("/predict"), 405)):
        assert response.status_code == status
        assert "/predict" in response.json()["error"]


def test_the_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    """Its policy admits no script in the document and no style without this answer's nonce; its files say the same."""
    first, second = client.get("/"), client.get("/")
    nonce = re.search(r'name="csp-nonce" content="([\w-]{20,})"', first.text)
    assert nonce is not None
    policy = first.headers["content-security-policy"]
    assert f"style-src 'self' 'nonce-{nonce[1]}'" in policy
    assert "unsafe" not in policy
    assert nonce[1] not in second.text
    for header in ("x-content-type-options", "referrer-policy", "cross-origin-resource-policy"):
        assert header in first.headers
    for path in [*STATIC.glob("*.*"), *STATIC.glob("vendor/*.css")]:
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r"(?:src|href|url|from|fetch|import)\W{1,3}https?:", text), path
        assert "style=" not in text, path
        assert "<script>" not in text, path
    named = re.findall(r'(?:src|href)="(?!data:)([^"]*)"', first.text)
    assert len(named) >= 4
    assert [client.get(name).status_code for name in named] == [200] * len(named)


def test_a_model_of_spectrograms_cannot_be_served() -> None:
    """It would refuse every recording."""
    with pytest.raises(ModelError, match="expected a model that takes recordings"):
        create_app(replace(small_model(), mel=None))


def test_a_song_in_another_format(client: TestClient, song: Path, tmp_path: Path) -> None:
    """What is in the file counts, not its name."""
    samples, rate = soundfile.read(song)
    soundfile.write(tmp_path / "song.ogg", samples, rate)
    status, answer = sent(client, "song.txt", (tmp_path / "song.ogg").read_bytes())
    assert (status, answer["segments"]) == (200, 8)
