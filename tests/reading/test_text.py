"""JSON in a stranger's file."""

import json

import pytest

from genrebench.errors import ModelError
from genrebench.reading.text import parse_text


def test_a_document_is_parsed_also_from_within_a_string() -> None:
    """Some files hold it encoded twice."""
    assert parse_text('{"a": [1, 2]}', "x") == {"a": [1, 2]}
    assert parse_text(json.dumps(json.dumps({"a": 1})), "x") == {"a": 1}


HOSTILE = {
    "depth": ("[" * 100_000 + "]" * 100_000, "nested too deep"),
    "depth of objects": ('{"a":' * 300 + "1" + "}" * 300, "nested too deep"),
    "a key twice": ('{"class_name": "Dense", "class_name": "Lambda"}', "'class_name' stands twice"),
    "no JSON": ("{'a': 1}", "as JSON"),
    "a number": ("3", "as a JSON object, received int"),
    "three times encoded": (json.dumps(json.dumps(json.dumps({}))), "received str"),
    "half": ('{"a": ', "as JSON"),
    "a huge number": ("[" + "9" * 5000 + "]", "as JSON"),
}


@pytest.mark.parametrize(("text", "message"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_gives_one_line(text: str, message: str) -> None:
    """No recursion without end, no key that hides another."""
    with pytest.raises(ModelError, match=message) as caught:
        parse_text(text, "the model's config")
    assert "\n" not in str(caught.value)


def test_brackets_within_strings_are_not_counted() -> None:
    """A name may hold as many as it likes."""
    assert parse_text(json.dumps({"a": "[" * 1000, 'b"': "\\"}), "x")["a"] == "[" * 1000


def test_size_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too large is not parsed."""
    monkeypatch.setattr("genrebench.reading.text.MAX_TEXT_BYTES", 10)
    with pytest.raises(ModelError, match="received more"):
        parse_text('{"a": 12345678}', "x")
