"""The keys of an experiment file: which there are, what each means, and which one was meant."""

import inspect
import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher

from pydantic import BaseModel

# What is less alike was not meant.
_ALIKE = 0.6


def setting_keys(model: type[BaseModel]) -> dict[str, str]:
    """List every key by its dotted name, with what the documentation of its class says of it.

    Parameters
    ----------
    model : type
        The class of an experiment file, whose tables are classes, too.

    Returns
    -------
    dict of str to str
        A sentence or two by key, tables after what is in none; empty where Python left the documentation out.
    """
    said = dict(_attributes(model))
    plain: dict[str, str] = {}
    tables: dict[str, str] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            tables |= {f"{name}.{inner}": text for inner, text in setting_keys(field.annotation).items()}
        else:
            plain[name] = said.get(name, "")
    return plain | tables


def _attributes(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Read the section ``Attributes`` of a class's documentation."""
    section = (inspect.getdoc(model) or "").partition("Attributes\n----------\n")[2]
    section = re.split(r"\n\n\w+\n-+\n", section)[0]
    for names, kind, text in re.findall(r"^(\w[\w, ]*) : (.+)\n((?: +.*\n?)+)", section, flags=re.MULTILINE):
        words = " ".join(text.split())
        choices = re.search(r"\{(.+)\}", kind)
        for name in names.split(", "):
            yield name, f"{words} One of {choices[1].replace(chr(39), '')}." if choices else words


def nearest_key(key: str, known: Iterable[str]) -> str | None:
    """Find the key that was meant by one that does not exist; None if nothing is like it.

    Parameters
    ----------
    key : str
        Dotted, as it was written.
    known : iterable of str
        The keys that exist.

    Examples
    --------
    >>> keys = ("seed", "training.epochs", "training.learning_rate", "training.batch_size")
    >>> [nearest_key(key, keys) for key in ("epochs", "training.lr", "training.batch-size", "colour")]
    ['training.epochs', 'training.learning_rate', 'training.batch_size', None]
    """
    best = max(known, key=lambda each: _likeness(key, each), default=None)
    return best if best is not None and _likeness(key, best) >= _ALIKE else None


def _likeness(key: str, other: str) -> float:
    """Say how likely one key was meant by another, from 0 to about 1."""
    (table, _, name), (place, _, meant) = key.rpartition("."), other.rpartition(".")
    name = name.lower().replace("-", "_")
    words = meant.split("_")
    if name == meant:
        likeness = 1.0
    elif name in words or name == "".join(word[0] for word in words):
        likeness = 0.9
    else:
        likeness = SequenceMatcher(None, name, meant).ratio()
    return likeness + 0.05 * (table == place)
