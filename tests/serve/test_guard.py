"""Pages from elsewhere can neither read what the server answers nor have it work for them."""

from pathlib import Path

import pytest

from tests.serve.conftest import LIMITS, small_model

pytest.importorskip("fastapi")
pytest.importorskip("httpx2")

from fastapi.testclient import TestClient

from genrebench.serve.app import create_app


def test_only_its_own_names_are_answered(client: TestClient) -> None:
    """A stranger's page that leads its own name here gets nothing."""
    for host in ("localhost:8000", "127.0.0.1", "[::1]:8000"):
        assert client.get("/health", headers={"Host": host}).status_code == 200, host
    for host in ("evil.example", "evil.example:8000", "localhost.evil.example", ""):
        response = client.get("/health", headers={"Host": host})
        assert response.status_code == 421, host
        assert "genres" not in response.text


def test_a_page_from_elsewhere_has_nothing_classified(client: TestClient, song: Path) -> None:
    """Browsers say where a form comes from."""
    content = song.read_bytes()
    for origin, status in (
        ("http://testserver", 200),
        ("https://evil.example", 403),
        ("http://testserver.evil.example", 403),
        ("null", 403),
    ):
        headers = {"Origin": origin}
        response = client.post("/predict", files={"file": ("song.wav", content)}, headers=headers)
        assert response.status_code == status, origin


def test_any_name_is_answered_where_that_was_asked_for() -> None:
    """As behind a proxy."""
    with TestClient(create_app(small_model(), LIMITS, hosts=("*",))) as client:
        assert client.get("/health", headers={"Host": "music.example"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/health", "/nonesuch", "/static/app.js", "/metrics"])
def test_every_answer_has_the_headers(client: TestClient, path: str) -> None:
    """Refusals, too."""
    for headers in ({}, {"Host": "evil.example"}):
        received = client.get(path, headers=headers).headers
        assert "default-src 'none'" in received["content-security-policy"]
        assert received["x-content-type-options"] == "nosniff"
