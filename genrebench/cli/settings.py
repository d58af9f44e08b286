"""Options that override an experiment file."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click

from genrebench.cli.completion import complete_setting, complete_settings
from genrebench.errors import ConfigError, shown
from genrebench.training.config import default

# Keys of an experiment file, where they are not the options' names.
KEYS = {
    **dict.fromkeys(("split", "protocol"), "split.protocol"),
    **{name: f"split.{name}" for name in ("validation", "test", "folds", "fold", "artists")},
    **{name: f"split.{name}" for name in ("train_list", "validation_list", "test_list")},
    **{name: f"training.{name}" for name in ("epochs", "learning_rate", "batch_size", "precision", "patience")},
}


def set_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option that sets any key: ``assignments``."""
    text = (
        "Set any key of an experiment file, such as training.patience=20 or seed=[0,1]; genrebench config lists them."
    )
    return click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="KEY=VALUE",
        help=text,
        shell_complete=complete_settings,
    )(command)


def assigned(assignments: Iterable[str]) -> dict[str, Any]:
    """Read what was typed after ``--set``: a value of TOML, or else a text.

    Returns
    -------
    dict
        Values by dotted key.

    Raises
    ------
    ConfigError
        If one has no ``=``.
    """
    found: dict[str, Any] = {}
    for each in assignments:
        key, equals, text = (part.strip() for part in each.partition("="))
        if not key or not equals:
            raise ConfigError(f"--set: expected KEY=VALUE such as training.epochs=50, received {shown(each)}")
        try:
            document = tomllib.loads(f"x = {text}")
        except (tomllib.TOMLDecodeError, RecursionError):
            document = {}
        found[key] = document["x"] if document.keys() == {"x"} else text
    return found


def settings_of(options: Mapping[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """Put options and ``--set`` together, by dotted key; an option that was given goes before."""
    given = {KEYS.get(name, name): value for name, value in options.items() if value is not None}
    return assigned(assignments) | given


def setting(option: str, text: str, **settings: Any) -> Callable[[Any], Any]:
    """Make an option that overrides the experiment file, whose default is the experiment's.

    Parameters
    ----------
    option : str
        Such as ``--epochs``.
    text : str
        What it is, for the help text.
    **settings : object
        For `click.option`.
    """
    name = option.removeprefix("--").replace("-", "_")
    key = KEYS.get(name, name)
    if "type" not in settings or key == "device":
        settings["shell_complete"] = complete_setting(key)
    return click.option(option, help=f"{text}  [default: {default(key)}]", **settings)
