"""The JSON in a Keras file, parsed without trusting it."""

import json
import re
from typing import Any

from genrebench.errors import ModelError
from genrebench.reading.limits import MAX_JSON_DEPTH, MAX_TEXT_BYTES, MIB

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def parse_json(text: str, what: str) -> Any:
    """Parse a document whose size, depth and keys are checked; some files hold it as a string within a string.

    Raises
    ------
    ModelError
        If it is no JSON, too large, too deep, or says a key twice.
    """
    found = _parse(text, what)
    if isinstance(found, str):
        found = _parse(found, what)
    if not isinstance(found, dict | list):
        raise ModelError(f"expected {what} as a JSON object, received {type(found).__name__}")
    return found


def _parse(text: str, what: str) -> Any:
    """Parse text once."""
    if len(text) > MAX_TEXT_BYTES:
        raise ModelError(f"expected {what} of at most {MAX_TEXT_BYTES // MIB} MiB, received more")
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_JSON_DEPTH:
            raise ModelError(f"expected {what} nested at most {MAX_JSON_DEPTH} deep, received more")
    try:
        return json.loads(text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"expected {what} as JSON ({' '.join(str(error).split())[:200]})") from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object, in which no key may stand twice."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r:.60} stands twice")
        found[key] = value
    return found
