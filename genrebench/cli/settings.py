"""Options that override an experiment file."""

from collections.abc import Callable
from typing import Any

import click

from genrebench.training.config import default

# Keys of an experiment file, where they are not the options' names.
KEYS = {
    **dict.fromkeys(("split", "protocol"), "split.protocol"),
    **{name: f"split.{name}" for name in ("validation", "test", "folds", "fold", "artists")},
    **{name: f"split.{name}" for name in ("train_list", "validation_list", "test_list")},
    **{name: f"training.{name}" for name in ("epochs", "learning_rate", "batch_size", "precision", "patience")},
}


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
    return click.option(option, help=f"{text}  [default: {default(KEYS.get(name, name))}]", **settings)
