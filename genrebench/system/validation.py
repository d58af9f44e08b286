"""The one way in which settings and documents are validated: pydantic checks, and each fault is one plain line."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    ModelWrapValidatorHandler,
    PlainValidator,
    ValidationError,
    model_validator,
)
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError, escaped, shown

# What pydantic found, by its name for it, in the words of the other messages.
_EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "greater_than": "a {number} above {gt}",
    "greater_than_equal": "a {number} of at least {ge}",
    "less_than": "a {number} below {lt}",
    "less_than_equal": "a {number} of at most {le}",
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "bool_type": "true or false",
    "model_type": "a table",
    "dict_type": "a table",
    "list_type": "a list",
    "tuple_type": "a list",
}


def _text(value: Any) -> str:
    """Accept any text: pydantic's own refuses file names that are not UTF-8."""
    if not isinstance(value, str):
        raise ValueError("expected text")
    return value


Text = Annotated[str, PlainValidator(_text)]
# JSON knows lists only. (A bool is no number, and a string no list of letters: all is strict.)
from_list = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)


def explain(error: ValidationError) -> str:
    """Format what pydantic found as ``key: expected this, received that``, joined by semicolons.

    Parameters
    ----------
    error : ValidationError
        What pydantic raised; the message of a ValueError that a validator raised is taken as it is.
    """
    return "; ".join(map(_line, error.errors(include_url=False)))


def _line_of_field(problem: Any, made: Any, given: Any) -> str:
    """Format one fault of a dataclass, in which the description of a field is what the message expects of it."""
    fields = made.__pydantic_fields__
    positional = [field.name for field in dataclasses.fields(made) if not field.kw_only]
    arguments = dict(zip(positional, given.args, strict=False)) | (given.kwargs or {})
    place = list(problem["loc"])
    if place and isinstance(place[0], int) and place[0] < len(positional):
        place[0] = positional[place[0]]
    what, name = made.subject or made.__name__, place[0] if place else ""
    if name not in fields:
        received = shown(problem["input"]) if isinstance(name, int) else escaped(name)
        return f"{what}: expected only {', '.join(fields)}, received {received}"
    described = fields[name].description
    if described is None or problem["type"] == "less_than_equal":
        return _line({**problem, "loc": place})
    received = shown(arguments[name]) if name in arguments else "nothing"
    return f"{what}: expected {name} to be {described}, received {received}"


def _line(problem: Any) -> str:
    """Format one fault."""
    kind, context = problem["type"], problem.get("ctx", {})
    where = ".".join(shown(each)[1:-1] if isinstance(each, str) else str(each) for each in problem["loc"])
    prefix = f"{where}: " if where else ""
    if kind == "missing":
        return f"{prefix}expected a value, found none"
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        return f"{prefix}unknown key"
    if kind in _EXPECTED:
        # Bounds have the type of the values that they bound.
        number = "whole number" if any(isinstance(bound, int) for bound in context.values()) else "number"
        bounds = {name: f"{bound:.16g}" if isinstance(bound, float) else bound for name, bound in context.items()}
        expected = _EXPECTED[kind].format(number=number, **bounds)
        message = f"expected {expected.replace(f'a {number} above 0', f'a positive {number}')}"
    else:
        message = problem["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    return f"{prefix}{message}, received {shown(problem['input'])}"


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))
class Checked:
    """A frozen dataclass whose fields are checked by their types when it is made.

    Subclasses are decorated with ``pydantic.dataclasses.dataclass(frozen=True)``.

    Attributes
    ----------
    subject : str
        What messages about a document call it.

    Raises
    ------
    ConfigError
        If a field is missing, unknown, or not what its type takes.
    """

    subject: ClassVar[str] = ""

    @model_validator(mode="wrap")
    @classmethod
    def _checked(cls, given: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        """Say in our words what pydantic finds wrong."""
        try:
            return validate(given)
        except ValidationError as error:
            lines = [_line_of_field(problem, cls, given) for problem in error.errors(include_url=False)]
            raise ConfigError("; ".join(dict.fromkeys(lines))) from error

    @classmethod
    def from_json(cls, document: object) -> Self:
        """Build it from its JSON, in which nothing may be left to defaults.

        Parameters
        ----------
        document : mapping
            Parsed JSON, one value for each field.

        Raises
        ------
        ConfigError
            If a key is missing or unknown, or a value is wrong.
        """
        what = cls.subject or cls.__name__
        expected = sorted(field.name for field in dataclasses.fields(cls))
        if not isinstance(document, Mapping) or sorted(document) != expected:
            received = shown(sorted(document) if isinstance(document, Mapping) else document)
            raise ConfigError(f"{what}: expected the keys {expected}, received {received}")
        try:
            return cls(**document)
        except ConfigError as error:
            raise ConfigError(f"{what}: {str(error).removeprefix(f'{what}: ')}") from error
