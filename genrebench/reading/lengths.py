"""Lengths that a document computes with: ``tf.shape(x)[0]``, which a reshaping then names, are no tensors here."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from genrebench.errors import ConfigError
from genrebench.reading.graph import Tensor
from genrebench.reading.kinds.base import Shape
from genrebench.reading.nodes import Arguments


class Length(NamedTuple):
    """The length of an axis that is not known before the network runs.

    Attributes
    ----------
    tensor : Tensor
        Whose.
    axis : int
        Which; 0 is the batch.
    """

    tensor: Tensor
    axis: int


class Fixed(int):
    """A length that the document knows."""


# One length, or a row of them.
Lengths = Fixed | Length | list[Fixed | Length]


def compute_lengths(
    operator: str, config: Mapping[str, Any], given: Arguments, shape_of: Callable[[Tensor], Shape | None]
) -> Lengths | None:
    """Compute with lengths, if that is what a function does.

    Parameters
    ----------
    operator : str
        As `genrebench.reading.functions.operator_of` names it.
    config : mapping
        Its settings.
    given : Arguments
        What it is called with.
    shape_of : callable
        Finds the shape of a tensor.

    Returns
    -------
    Fixed, Length, list or None
        A length or a row of them; None if the function is one of tensors.

    Raises
    ------
    ConfigError
        If a length is asked for that is not there.
    """
    values = [each for each in given.values if each is not None]
    if operator == "shape" and len(values) == 1 and isinstance(values[0], Tensor):
        shape = shape_of(values[0])
        if shape is None:
            return None
        return [Length(values[0], axis) if each is None else Fixed(each) for axis, each in enumerate((None, *shape))]
    if not all(map(_is_length, values)) or not any(isinstance(each, Fixed | Length | list) for each in values):
        return None
    first, *others = values
    if operator in ("cast", "identity", "convert_to_tensor") and not others:
        return first  # type: ignore[no-any-return]
    if operator == "getitem" and isinstance(first, list):
        said = given.named.get("slice_spec", config.get("slice_spec"))
        return _taken(first, others or (said if isinstance(said, list) else [said]))
    if operator == "stack" and not any(isinstance(each, list) for each in values):
        return values
    if operator == "concatenate":
        return [inner for each in values for inner in (each if isinstance(each, list) else [each])]
    numbers = [*values, given.named.get("y")] if len(values) == 1 else values
    if (
        operator in ("multiply", "add", "subtract")
        and len(numbers) == 2
        and all(isinstance(each, int) for each in numbers)
    ):
        a, b = numbers
        return Fixed({"multiply": a * b, "add": a + b, "subtract": a - b}[operator])
    return None


def _is_length(value: Any) -> bool:
    """Return whether something is a length, a row of them, or a number that may be computed with."""
    if isinstance(value, list):
        return all(isinstance(each, Fixed | Length) for each in value)
    return type(value) is int or isinstance(value, Fixed | Length)


def _taken(row: list[Fixed | Length], keys: list[Any]) -> Lengths:
    """Take one length, or a part of the row."""
    (key,) = keys if len(keys) == 1 else (None,)
    if type(key) is int and -len(row) <= key < len(row):
        return row[key]
    if isinstance(key, Mapping):
        parts = [key.get(name) for name in ("start", "stop", "step")]
        if all(each is None or type(each) is int for each in parts) and parts[2] != 0:
            return row[slice(*parts)]
    raise ConfigError(f"expected one of {len(row)} lengths, or a row of them, received {keys!r:.60}")
