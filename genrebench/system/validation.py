"""The one way in which settings and documents are validated: pydantic checks, and each fault is one plain line."""

import dataclasses
import functools
import inspect
from collections.abc import Mapping
from typing import Any, TypeVar, dataclass_transform

import pydantic.dataclasses
from pydantic import ConfigDict, Field, ValidationError

from genrebench.errors import ConfigError

T = TypeVar("T")

_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

# What pydantic found, by its name for it, in the words of the other messages.
_EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "greater_than": "a {number} above {gt:.16g}",
    "greater_than_equal": "a {number} of at least {ge:.16g}",
    "less_than": "a {number} below {lt:.16g}",
    "less_than_equal": "a {number} of at most {le:.16g}",
    "string_type": "text",
    "bool_type": "true or false",
}


def explain(error: ValidationError) -> str:
    """Format what pydantic found as ``key: expected this, received that``, joined by semicolons.

    Parameters
    ----------
    error : ValidationError
        What pydantic raised; the message of a ValueError that a validator raised is taken as it is.
    """
    return "; ".join(_line(problem) for problem in error.errors(include_url=False))


def _line(problem: Any) -> str:
    """Format one fault."""
    where = ".".join(map(str, problem["loc"]))
    prefix = f"{where}: " if where else ""
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "missing":
        return f"{prefix}expected a value, found none"
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        return f"{prefix}unknown key"
    if kind in _EXPECTED:
        # Bounds have the type of the values that they bound.
        number = "whole number" if any(isinstance(bound, int) for bound in context.values()) else "number"
        expected = _EXPECTED[kind].format(number=number, **context)
        message = f"expected {expected.replace(f'a {number} above 0', f'a positive {number}')}"
    else:
        message = problem["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    return f"{prefix}{message}, received {problem['input']!r}"


def fields_of(document: Any, made: type[Any], what: str) -> dict[str, Any]:
    """Read the fields of a dataclass from its JSON, in which nothing may be left to defaults.

    Raises
    ------
    ConfigError
        If a key is missing or unknown.
    """
    expected = {field.name for field in dataclasses.fields(made)}
    if not isinstance(document, Mapping) or document.keys() != expected:
        received = sorted(map(str, document)) if isinstance(document, Mapping) else repr(document)
        raise ConfigError(f"{what}: expected the keys {sorted(expected)}, received {received}")
    return dict(document)


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field, Field))
def settings(made: type[T]) -> type[T]:
    """Make a frozen dataclass of settings that are validated; what is wrong with them is a `ConfigError`."""
    validated: Any = pydantic.dataclasses.dataclass(made, config=_STRICT, frozen=True)
    signature = inspect.signature(validated)
    validate = validated.__init__

    @functools.wraps(validate)
    def initialize(self: Any, *arguments: Any, **values: Any) -> None:
        """Validate the settings."""
        named = signature.bind(*arguments, **values).arguments
        try:
            validate(self, **named)
        except ValidationError as error:
            raise ConfigError(explain(error)) from error

    validated.__init__ = initialize
    checked: type[T] = validated
    return checked
