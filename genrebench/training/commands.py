"""Command lines that do what a run was told."""

import shlex
from typing import Any

import tomli_w

from genrebench.training.config import Experiment, default

# Settings that a command line has an option for.
_OPTIONS = ("backend", "device", "dataset", "architecture", "results", "seed")


def resume_command(experiment: Experiment) -> str:
    """Write down how to go on with a run."""
    words = ["genrebench", "train", "--name", experiment.name]
    if experiment.results != default("results"):
        words += ["--results", str(experiment.results)]
    return shlex.join([*words, "--resume"])


def train_command(experiment: Experiment) -> str:
    """Write down how to train alike, with what is not default.

    Examples
    --------
    >>> train_command(Experiment(name="short", seed=3).override({"training.epochs": 5, "split.protocol": "segment"}))
    'genrebench train --name short --seed 3 --set split.protocol=segment --set training.epochs=5'
    """
    words = ["genrebench", "train", "--name", experiment.name]
    for key, value in changed_settings(experiment).items():
        words += [f"--{key}", str(value)] if key in _OPTIONS else ["--set", f"{key}={_written(value)}"]
    return shlex.join(words)


def changed_settings(experiment: Experiment) -> dict[str, Any]:
    """List the settings that are not default, by dotted key, without the name."""
    usual, told = (flat(each.to_document()) for each in (Experiment(name=experiment.name), experiment))
    return {key: value for key, value in told.items() if value != usual.get(key)}


def flat(document: dict[str, Any]) -> dict[str, Any]:
    """List what an experiment says by dotted key.

    Examples
    --------
    >>> flat({"seed": 0, "training": {"epochs": 5}})
    {'seed': 0, 'training.epochs': 5}
    """
    found: dict[str, Any] = {}
    for key, value in document.items():
        found |= {f"{key}.{name}": each for name, each in value.items()} if isinstance(value, dict) else {key: value}
    return found


def _written(value: Any) -> str:
    """Write a value as TOML; a word that can be read without quotes has none."""
    if (
        isinstance(value, str)
        and value.replace("-", "").isidentifier()
        and value not in ("true", "false", "nan", "inf")
    ):
        return value
    return tomli_w.dumps({"x": value}).removeprefix("x = ").strip()
