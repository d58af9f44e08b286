"""What somebody says of layers that no reader can know: an expression in x, or layers of Keras that do the same."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genrebench.errors import ConfigError, ModelError, shown
from genrebench.reading.activations import is_known
from genrebench.reading.classes import fields_of
from genrebench.reading.expression import parse_expression
from genrebench.reading.limits import MAX_TEXT_BYTES
from genrebench.reading.problems import SAY_ACTIVATION
from genrebench.reading.program import Program
from genrebench.reading.text import parse_text
from genrebench.system.files import StrPath, read_file


@dataclass(frozen=True)
class Replacement:
    """What stands in the place of a layer.

    Attributes
    ----------
    said : str
        As it was given, for a note.
    program : Program or None
        What is computed, if it is an expression.
    document : mapping or None
        The document of a layer or a model, if it is that.
    """

    said: str
    program: Program | None = None
    document: Mapping[str, Any] | None = None

    def of(self, original: Mapping[str, Any]) -> dict[str, Any]:
        """Put the document in the place of another one: its name stays, and what it reads."""
        assert self.document is not None, "only a document replaces a document"
        name, _, config = fields_of(self.document)
        own = original.get("name") or fields_of(original)[2].get("name")
        kept = {key: original[key] for key in ("name", "inbound_nodes") if key in original}
        return {"class_name": name, "config": {**config, "name": own}, **kept}


def read_replacements(replace: Mapping[str, StrPath]) -> dict[str, Replacement]:
    """Read what is given in place of layers.

    Parameters
    ----------
    replace : mapping of str to str or PathLike
        By the name of the layer: an expression in ``x``, or a path that ends in ``.json``.

    Raises
    ------
    ConfigError
        If an expression is none.
    ModelError
        If a file cannot be read, or holds no layer.
    """
    return {name: _read(name, value) for name, value in replace.items()}


def _read(name: str, value: StrPath) -> Replacement:
    """Read one."""
    if isinstance(value, str) and not value.endswith(".json"):
        try:
            return Replacement(value, program=parse_expression(value))
        except ConfigError as error:
            raise ConfigError(f"replacement of {shown(name)}: {error}") from error
    path = Path(value)
    content = read_file(path, expected="a layer of Keras in JSON", error=ModelError, max_bytes=MAX_TEXT_BYTES)
    try:
        found = parse_text(content.decode("utf-8", "surrogateescape"), "a layer of Keras")
        layers = found if isinstance(found, list) else [found]
        for each in layers:
            fields_of(each)
        if not layers:
            raise ConfigError("expected at least one layer, received none")
    except (ConfigError, ModelError) as error:
        raise ModelError(str(error), path=path) from error
    document = found if isinstance(found, Mapping) else {"class_name": "Sequential", "config": {"layers": found}}
    return Replacement(path.name, document=document)


def replace_activations(document: Any, replace: Mapping[str, Replacement]) -> tuple[Any, set[str]]:
    """Put layers in the place of activations of somebody's own, wherever a setting names one.

    Parameters
    ----------
    document : object
        Of a model, parsed; it is not changed.
    replace : mapping of str to Replacement
        By the name of the activation, such as ``<lambda>``; other names are those of layers.

    Returns
    -------
    object
        The document with layers such as ReLU for these activations.
    set of str
        The activations of nobody's but the file's that it names.

    Raises
    ------
    ConfigError
        If one is to be replaced by an expression, which gates of a recurrent layer cannot be.
    """
    met: set[str] = set()

    def replaced(value: Any) -> Any:
        """Go through a part."""
        if isinstance(value, list):
            return [replaced(each) for each in value]
        if not isinstance(value, Mapping):
            return value
        return {key: chosen(key, each) for key, each in value.items()}

    def chosen(key: str, value: Any) -> Any:
        """Choose what a setting names."""
        name = value.get("config") if isinstance(value, Mapping) and value.get("class_name") == "function" else value
        if not key.endswith("activation") or not isinstance(name, str) or is_known(name):
            return replaced(value)
        met.add(name)
        given = replace.get(name)
        if given and not given.document:
            raise ConfigError(
                f"expected a layer in place of the activation {shown(name)}, received an expression; {SAY_ACTIVATION}"
            )
        return given.document if given else value

    return replaced(document), met


def check_names(replace: Collection[str], known: Collection[str], unknown: Collection[str]) -> None:
    """Refuse names that no layer has.

    Parameters
    ----------
    replace : collection of str
        The names.
    known : collection of str
        Those of all layers.
    unknown : collection of str
        Those of the layers that are not understood, which are named where no name is near.

    Raises
    ------
    ConfigError
        If there is one.
    """
    for name in replace:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, n=3)
        ends = [each for each in known if each.rpartition("/")[2] == name]
        near = near or ends[:3] or sorted(unknown)[:3]
        hint = f"; did you mean {', '.join(near)}?" if near else "; genrebench inspect lists its layers"
        raise ConfigError(f"expected the name of a layer to replace, received {shown(name)}{hint}")
