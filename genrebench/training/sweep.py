"""Several runs from one experiment file: a list in the place of a value."""

import itertools
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from genrebench.errors import ConfigError
from genrebench.system.files import StrPath, escaped, read_toml
from genrebench.training.commands import flat
from genrebench.training.config import Experiment, load_experiment, read_experiment_file

# Settings whose value is a list.
_LISTS = frozenset({"loggers"})
_MOST = 1000


def load_sweep(path: StrPath | None, settings: Mapping[str, Any]) -> list[Experiment]:
    """Read an experiment file in which a list stands for runs with each of its values, in all combinations.

    Parameters
    ----------
    path : str or PathLike, optional
        TOML file.
    settings : mapping
        By dotted key; they override the file, and may be lists, too.

    Returns
    -------
    list of Experiment
        One without a list; otherwise each with the values in its name.

    Raises
    ------
    ConfigError
        If a list is empty, names a run twice, or makes too many; or for what `load_experiment` refuses.

    Examples
    --------
    >>> [each.name for each in load_sweep(None, {"name": "s", "training.learning_rate": [0.1, 0.01]})]
    ['s-learning_rate=0.1', 's-learning_rate=0.01']
    """
    told, lists = _told(path, settings), swept(path, settings)
    if not lists:
        return [load_experiment(path, settings)]
    where = "the options" if path is None else escaped(path)
    for key, values in lists.items():
        if not values:
            raise ConfigError(f"{where}: {escaped(key)}: expected at least one value in the list, received none")
    count = 1
    for values in lists.values():
        count *= len(values)
    if count > _MOST:
        raise ConfigError(f"{where}: expected lists that make at most {_MOST} runs, received {count}")
    base = told.get("name", f"run-{datetime.now():%Y%m%d-%H%M%S}")
    found: dict[str, Experiment] = {}
    for values in itertools.product(*lists.values()):
        chosen = dict(zip(lists, values, strict=True))
        name = "-".join([str(base), *(f"{key.rpartition('.')[2]}={_word(value)}" for key, value in chosen.items())])
        if name in found:
            raise ConfigError(f"{where}: expected lists without repetitions, received the run {escaped(name)} twice")
        found[name] = load_experiment(path, {**settings, **chosen, "name": name})
    return list(found.values())


def swept(path: StrPath | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """List the settings that have a list in the place of a value, by dotted key."""
    return {key: value for key, value in _told(path, settings).items() if isinstance(value, list) and key not in _LISTS}


def written_name(path: StrPath | None) -> str | None:
    """Read the name that an experiment file gives its run; None if that is the file's own."""
    return None if path is None else read_toml(Path(path), expected="an experiment file", error=ConfigError).get("name")


def _told(path: StrPath | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Read a file, and put settings in the place of its own; nothing is checked yet."""
    written = {} if path is None else flat(read_experiment_file(Path(path)))
    return written | {key: value for key, value in settings.items() if value is not None}


def _word(value: Any) -> str:
    """Write a value as a part of a folder's name."""
    return re.sub(r"[^\w.+-]", "_", str(value).lower() if isinstance(value, bool) else str(value))
