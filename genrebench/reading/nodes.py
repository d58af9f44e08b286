"""Who reads what: the documents of calls, in the forms that Keras 1, 2 and 3 gave them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from genrebench.errors import ConfigError


class Reference(NamedTuple):
    """A tensor as a config names it: an output of a call of a layer."""

    layer: str
    node: int
    output: int


@dataclass
class Arguments:
    """What a layer is called with: positional values, and those by name; references among them."""

    values: list[Any] = field(default_factory=list)
    named: dict[str, Any] = field(default_factory=dict)

    def references(self) -> Iterator[Reference]:
        """List the tensors that must be there before."""
        for value in (*self.values, *self.named.values()):
            inside = list(value.values()) if isinstance(value, dict) else value
            for each in inside if isinstance(inside, list) else [inside]:
                if isinstance(each, Reference):
                    yield each


def read_nodes(document: Mapping[str, Any], layers: Mapping[str, Any]) -> list[Arguments]:
    """Read the calls of a layer.

    Parameters
    ----------
    document : mapping
        The layer's document, with ``inbound_nodes``.
    layers : mapping
        Whatever by the names of the network's layers.

    Raises
    ------
    ConfigError
        If they have no known form.
    """
    nodes = document.get("inbound_nodes") or []
    if not isinstance(nodes, list):
        raise ConfigError(f"expected inbound_nodes as a list, received {nodes!r:.60}")
    return [_newer(node) if isinstance(node, Mapping) else _older(node, layers) for node in nodes]


def read_reference(value: Any) -> Reference | None:
    """Read ``[layer, node, tensor]``, if that is what it is."""
    if not isinstance(value, list) or len(value) != 3 or not isinstance(value[0], str):
        return None
    numbers = value[1:]
    if any(isinstance(each, bool) or not isinstance(each, int) or each < 0 for each in numbers):
        return None
    return Reference(*value)


def read_references(value: Any) -> list[Reference]:
    """Read the inputs or outputs of a model: one reference, or lists or dictionaries of them.

    Raises
    ------
    ConfigError
        If there is something else.
    """
    if (found := read_reference(value)) is not None:
        return [found]
    if isinstance(value, Mapping):
        value = [value[name] for name in sorted(value)]  # Keras flattens dictionaries by their sorted keys
    if not isinstance(value, list) or not value or isinstance(value[0], str):
        raise ConfigError(f"expected [layer, node, tensor], received {value!r:.60}")
    return [reference for each in value for reference in read_references(each)]


def _newer(node: Mapping[str, Any]) -> Arguments:
    """Read a call of Keras 3: ``args`` and ``kwargs``."""
    given, named = node.get("args", []), node.get("kwargs", {})
    if not isinstance(given, list) or not isinstance(named, Mapping):
        raise ConfigError(f"expected args and kwargs, received {list(node)!r:.60}")
    arguments = Arguments()
    for each in given:
        if isinstance(each, list) and each and _is_constant(each):
            arguments.values.append(tuple(each))  # one operand, as an array is
            continue
        value = _value(each)
        arguments.values += value if isinstance(value, list) else [value]
    arguments.named = {str(key): _value(value) for key, value in named.items()}
    return arguments


def _is_constant(value: Any) -> bool:
    """Return whether something is a number, or rows of numbers."""
    return all(map(_is_constant, value)) if isinstance(value, list) else isinstance(value, int | float)


def _value(value: Any) -> Any:
    """Read an argument of Keras 3."""
    if isinstance(value, list):
        found = []
        for each in value:
            inner = _value(each)
            found += inner if isinstance(inner, list) else [inner]
        return found
    if not isinstance(value, Mapping):
        return value
    if "class_name" not in value:  # tensors by name
        return {str(key): _value(each) for key, each in value.items()}
    name, config = value.get("class_name"), value.get("config")
    if name == "__keras_tensor__" and isinstance(config, Mapping):
        found_reference = read_reference(config.get("keras_history"))
        if found_reference is None:
            raise ConfigError(f"expected keras_history, received {config.get('keras_history')!r:.60}")
        return found_reference
    if name in ("__tensor__", "__numpy__") and isinstance(config, Mapping):
        constant = config.get("value")
        return tuple(constant) if isinstance(constant, list) else constant  # one operand, whatever is in it
    if name == "__slice__" and isinstance(config, Mapping):
        return dict(config)
    if name == "__ellipsis__":
        return Ellipsis
    raise ConfigError(f"expected a tensor or a plain value as an argument, received {name!r:.60}")


def _older(node: Any, layers: Mapping[str, Any]) -> Arguments:
    """Read a call of Keras 1 or 2: a list of ``[layer, node, tensor, arguments]``."""
    if isinstance(node, list) and node and isinstance(node[0], str):
        node = [node]  # of one tensor that was given alone
    if not isinstance(node, list):
        raise ConfigError(f"expected the tensors of a call, received {node!r:.60}")
    arguments = Arguments()
    for entry in node:
        if not isinstance(entry, list) or not 3 <= len(entry) <= 4:
            raise ConfigError(f"expected [layer, node, tensor, arguments], received {entry!r:.60}")
        if entry[0] == "_CONSTANT_VALUE":
            arguments.values.append(entry[2])
        elif (reference := read_reference(entry[:3])) is not None:
            arguments.values.append(reference)
        else:
            raise ConfigError(f"expected [layer, node, tensor, arguments], received {entry!r:.60}")
        named = entry[3] if len(entry) == 4 else {}
        if not isinstance(named, Mapping):
            raise ConfigError(f"expected the arguments of a call, received {named!r:.60}")
        arguments.named |= {str(key): _tensors(value, layers) for key, value in named.items()}
    return arguments


def _tensors(value: Any, layers: Mapping[str, Any]) -> Any:
    """Find the tensors among the arguments of Keras 2, where a list with a layer's name stands for one."""
    found = read_reference(value)
    if found is not None and found.layer in layers:
        return found
    if isinstance(value, list):
        references = [read_reference(each) for each in value]
        return [own if own is not None and own.layer in layers else each
                for each, own in zip(value, references, strict=True)]  # fmt: skip
    return value
