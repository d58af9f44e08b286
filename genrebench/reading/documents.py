"""What the documents of layers say beside class and settings: names, shapes of inputs, how calls are counted."""

from collections.abc import Mapping, Sequence
from typing import Any

from genrebench.errors import ConfigError
from genrebench.reading.classes import fields_of, is_model
from genrebench.reading.limits import MAX_NAME_LENGTH, MAX_NESTING
from genrebench.reading.nodes import Arguments, Reference, read_references
from genrebench.reading.version import KerasVersion


def name_of(document: Any, number: int) -> str:
    """Name a layer, as its document or its config does."""
    class_name, _, config = fields_of(document)
    name = document.get("name") or config.get("name") or f"{class_name.lower()}_{number}"
    if not isinstance(name, str) or len(name) > MAX_NAME_LENGTH:
        raise ConfigError(f"expected a layer's name of at most {MAX_NAME_LENGTH} letters, received {name!r:.60}")
    return name


def shifts_of(
    pending: Mapping[tuple[str, int], Arguments],
    targets: Sequence[Reference],
    documents: Mapping[str, Any],
    version: KerasVersion,
) -> dict[str, int]:
    """Find the models whose calls are counted from 1: their own making counts as the first, but not in Keras 3.

    Every call in a config is read by something, so that the smallest number that is read says where counting begins.
    """
    if version.numbers >= (3,):
        return {}
    smallest: dict[str, int] = {}
    for each in (*targets, *(reference for node in pending.values() for reference in node.references())):
        smallest[each.layer] = min(each.node, smallest.get(each.layer, each.node))
    return {name: 1 for name, least in smallest.items() if least == 1 and is_model(documents.get(name))}


def outputs_of(config: Mapping[str, Any], documents: Mapping[str, Any], version: KerasVersion) -> list[Reference]:
    """Find the outputs of a model, their calls counted as those that layers read.

    Keras 3 counts the calls of Functional models from 1 here, and only here (keras/src/models/functional.py).
    """
    targets = read_references(config.get("output_layers"))
    if version.numbers < (3,):
        return targets
    counted = {name for name, each in documents.items() if is_model(each) and fields_of(each)[0] != "Sequential"}
    return [each._replace(node=each.node - 1) if each.layer in counted and each.node else each for each in targets]


def inputs_by_name(value: Any, document: Mapping[str, Any]) -> list[Any]:
    """List what a model is given in the order of its inputs, if it is given by their names.

    Raises
    ------
    ConfigError
        If something else than the inputs is named.
    """
    if not isinstance(value, dict):
        return [value]
    said = fields_of(document)[2].get("input_layers")
    names = sorted(said) if isinstance(said, Mapping) else [each.layer for each in read_references(said)]
    if missing := [name for name in names if name not in value]:
        raise ConfigError(f"expected an input {missing[0]!r:.60} of the model, received {sorted(value)!r:.80}")
    return [value[name] for name in names]


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
