"""What a layer is called with: which of it are inputs, which say how to compute."""

from collections.abc import Sequence
from typing import Any

from genrebench.errors import ConfigError
from genrebench.reading.graph import Tensor
from genrebench.reading.kinds.base import Kind
from genrebench.reading.kinds.recurrent import Bidirectional, _Recurrent

# Names under which an input may be given, in the order in which inputs stand.
_INPUT_NAMES = ("inputs", "input", "x", "x1", "query", "value", "key", "sequence", "sequences", "y", "x2")


def bind(kind: Kind, values: Sequence[Any], named: dict[str, Any]) -> tuple[list[Tensor], dict[str, Any]]:
    """Sort what a layer is called with.

    Returns
    -------
    list of Tensor
        The inputs, in order.
    dict
        The rest by name.

    Raises
    ------
    ConfigError
        If there is something that the kind is not called with, or too few or too many inputs.
    """
    inputs = [each for each in values if isinstance(each, Tensor)]
    strange = [each for each in values if each is not None and not isinstance(each, Tensor)]
    if strange:
        raise ConfigError(f"expected tensors as inputs, received {strange[0]!r:.60}")
    named = dict(named)
    for name in _INPUT_NAMES:
        given = named.get(name)
        if isinstance(given, Tensor) or (isinstance(given, list) and all(isinstance(each, Tensor) for each in given)):
            inputs += given if isinstance(given, list) else [given]
            del named[name]
    arguments: dict[str, Any] = {}
    for name, value in named.items():
        if value is None or (name not in kind.arguments and value is False):
            continue
        if name == "training" and isinstance(value, bool):
            arguments[name] = value
        elif name in kind.arguments or (name == "mask" and kind.masks != "use"):
            arguments[name] = tuple(value) if isinstance(value, list) else value
        else:
            raise ConfigError(f"expected no argument {name!r:.60} in a call of {kind.name}, received {value!r:.60}")
    if isinstance(kind, _Recurrent | Bidirectional) and len(inputs) > 1:
        arguments["initial_state"] = tuple(inputs[1:])
        inputs = inputs[:1]
    least, most = kind.inputs
    if not least <= len(inputs) <= most:
        expected = f"{least}" if least == most else f"{least} to {most}"
        raise ConfigError(f"expected {expected} inputs of {kind.name}, received {len(inputs)}")
    return inputs, arguments
