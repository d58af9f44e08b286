"""The JSON in a Keras file, parsed without trusting it."""

from typing import Any

from genrebench.errors import ModelError, escaped
from genrebench.reading.limits import MAX_TEXT_BYTES, MIB
from genrebench.system.files import parse_json


def parse_text(text: str, what: str) -> Any:
    """Parse a document whose size, depth and keys are checked; some files hold it as a string within a string.

    Raises
    ------
    ModelError
        If it is no JSON, too large, too deep, or says a key twice.
    """
    found = _parsed(text, what)
    if isinstance(found, str):
        found = _parsed(found, what)
    if not isinstance(found, dict | list):
        raise ModelError(f"expected {what} as a JSON object, received {type(found).__name__}")
    return found


def _parsed(text: str, what: str) -> Any:
    """Parse text once."""
    if len(text) > MAX_TEXT_BYTES:
        raise ModelError(f"expected {what} of at most {MAX_TEXT_BYTES // MIB} MiB, received more")
    try:
        return parse_json(text.encode("utf-8", "surrogateescape"))
    except RecursionError as error:
        raise ModelError(f"expected {what} as JSON, received one that is nested too deep") from error
    except (ValueError, MemoryError) as error:
        raise ModelError(f"expected {what} as JSON ({escaped(str(error))[:200]})") from error
