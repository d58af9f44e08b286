"""An architecture from a file: its own, or a model's description; an error names the file."""

import json
from pathlib import Path

import pytest

from genrebench.errors import ConfigError
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.load import load_architecture
from genrebench.system.files import write_json

NETWORK = genre_cnn((17, 20), 4)


@pytest.mark.parametrize("document", [NETWORK.to_json(), {"architecture": NETWORK.to_json(), "genres": ["blues"]}])
def test_an_architecture_is_read_from_its_file_or_a_models(document: dict[str, object], tmp_path: Path) -> None:
    """What else a description has is not looked at; strings are paths."""
    write_json(tmp_path / "network.json", document)
    assert load_architecture(str(tmp_path / "network.json")) == NETWORK


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected an architecture, cannot be read"),
        ("{", "expected the JSON of an architecture"),
        ("[]", "expected "),
        ('{"architecture": {"input_shape": [17, 20, 1]}}', "expected "),
        (json.dumps(NETWORK.to_json()).replace('"Flatten"', '"Lambda"'), "expected a layer with a kind of "),
    ],
)
def test_what_is_no_architecture_is_refused_with_its_file(content: str | None, message: str, tmp_path: Path) -> None:
    """Missing, broken, another document, a part of it, an unknown layer."""
    path = tmp_path / "mine.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"mine\.json: .*{message}"):
        load_architecture(path)
