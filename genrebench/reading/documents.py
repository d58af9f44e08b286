"""What the documents of layers say beside class and settings: names, shapes of inputs, how calls are counted."""

from collections.abc import Mapping, Sequence
from typing import Any

from genrebench.errors import ConfigError
from genrebench.reading.classes import fields_of, is_model
from genrebench.reading.limits import MAX_NAME_LENGTH, MAX_NESTING
from genrebench.reading.nodes import Arguments, Reference


def name_of(document: Any, number: int) -> str:
    """Name a layer, as its document or its config does."""
    class_name, _, config = fields_of(document)
    name = document.get("name") or config.get("name") or f"{class_name.lower()}_{number}"
    if not isinstance(name, str) or len(name) > MAX_NAME_LENGTH:
        raise ConfigError(f"expected a layer's name of at most {MAX_NAME_LENGTH} letters, received {name!r:.60}")
    return name


def shifts_of(
    pending: Mapping[tuple[str, int], Arguments], targets: Sequence[Reference], documents: Mapping[str, Any]
) -> dict[str, int]:
    """Find the models whose calls are counted from 1: their own making counts as the first.

    Every call in a config is read by something, so that the smallest number that is read says where counting begins.
    """
    smallest: dict[str, int] = {}
    for each in (*targets, *(reference for node in pending.values() for reference in node.references())):
        smallest[each.layer] = min(each.node, smallest.get(each.layer, each.node))
    return {name: 1 for name, least in smallest.items() if least == 1 and is_model(documents.get(name))}


def input_shape(document: Any, depth: int = 0) -> list[Any] | None:
    """Find the shape of a Sequential's input, batch included, where versions wrote it."""
    if depth > MAX_NESTING or not isinstance(document, Mapping):
        return None
    _, _, config = fields_of(document)
    built = document.get("build_config")
    said = [config.get(key) for key in ("batch_input_shape", "batch_shape", "build_input_shape")]
    said += [built.get("input_shape")] if isinstance(built, Mapping) else []
    if found := next((each for each in said if isinstance(each, list)), None):
        return found
    if isinstance(config.get("input_dim"), int) and not isinstance(config.get("layers"), list):  # of Keras 1
        return [None, config["input_dim"]]
    layers, inner = config.get("layers"), config.get("layer")
    first = layers[0] if isinstance(layers, list) and layers else inner
    return input_shape(first, depth + 1) if first is not None else None
