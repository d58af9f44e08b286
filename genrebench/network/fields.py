"""How the fields of networks are checked: each says by its type what it takes, and in words what it expects."""

import dataclasses
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    Strict,
    ValidationError,
    model_validator,
)
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError

# JSON knows lists only. (A bool is no number, and a string no list of letters: all is strict.)
from_list = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)

Count = Annotated[int, Strict(), Field(gt=0, description="a positive whole number")]
Pair = Annotated[tuple[Count, Count], Strict(), from_list, Field(description="two positive whole numbers")]
Fraction = Annotated[float, Strict(), Field(ge=0, lt=1, description="at least 0 and below 1")]
NonNegative = Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False, description="at least 0")]
Word = Annotated[str, Strict(), Field(pattern="^[^/]*$", description="a word without '/'")]
Padding = Annotated[Literal["valid", "same"], Field(description="valid or same")]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Checked:
    """A frozen dataclass whose fields are checked by their types when it is made.

    Subclasses are decorated with ``pydantic.dataclasses.dataclass(frozen=True)``. The description of a field is what
    the message of an error says of it.

    Raises
    ------
    ConfigError
        If a field is missing, unknown, or not what its type takes.
    """

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, given: Any, validate: ModelWrapValidatorHandler["Checked"]) -> "Checked":
        """Say in our words what pydantic finds wrong with one field."""
        try:
            return validate(given)
        except ValidationError as errors:
            problem = errors.errors()[0]
            fields = dataclasses.fields(cls)
            positional = [field.name for field in fields if not field.kw_only]
            arguments = dict(zip(positional, given.args, strict=False)) | (given.kwargs or {})
            place = problem["loc"][0]
            name = positional[place] if isinstance(place, int) and place < len(positional) else place
            if name not in {field.name for field in fields}:
                known = ", ".join(field.name for field in fields)
                received = problem["input"] if isinstance(name, int) else name
                raise ConfigError(f"{cls.__name__}: expected only {known}, received {received}") from errors
            expected = cls.__pydantic_fields__[str(name)].description  # type: ignore[attr-defined]  # of pydantic's
            received = repr(arguments[name]) if name in arguments else "nothing"
            raise ConfigError(f"{cls.__name__}: expected {name} to be {expected}, received {received}") from errors
