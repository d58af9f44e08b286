"""What a run was told, as people read it: as a command line, and as a file with comments."""

import shlex
import textwrap
from collections.abc import Mapping
from typing import Any

import tomli_w

from genrebench.training.config import Experiment, default
from genrebench.training.keys import setting_keys

# Settings that a command line has an option for.
_OPTIONS = ("backend", "device", "dataset", "architecture", "results", "seed")


def commented_toml(experiment: Experiment, others: Mapping[str, Any] | None = None) -> str:
    """Write an experiment file with every key, and above each what it means; keys without a value are commented out.

    Parameters
    ----------
    others : mapping, optional
        Values in the place of the experiment's, by dotted key, such as the lists of a sweep; None is no value.
    """
    told = flat(experiment.to_document()) | dict(others or {})
    told = {key: value for key, value in told.items() if value is not None}
    lines: list[str] = []
    table = ""
    for key, words in setting_keys(Experiment).items():
        place, _, name = key.rpartition(".")
        if place != table:
            table = place
            lines += ["", f"[{table}]"]
        lines += textwrap.wrap(words.replace("``", "`"), 79, initial_indent="# ", subsequent_indent="# ")
        lines.append(f"{name} = {_value(told[key])}" if key in told else f"# {name} =")
    return "\n".join(lines) + "\n"


def resume_command(experiment: Experiment, *, processes: int = 1) -> str:
    """Write down how to go on with a run, with as many processes.

    Examples
    --------
    >>> resume_command(Experiment(name="long"), processes=2)
    'torchrun --nproc-per-node 2 -m genrebench train --name long --resume'
    """
    together = ["torchrun", "--nproc-per-node", str(processes), "-m"] if processes > 1 else []
    words = [*together, "genrebench", "train", "--name", experiment.name]
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
    return _value(value)


def _value(value: Any) -> str:
    """Write a value as TOML, in one line."""
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return tomli_w.dumps({"x": value}).removeprefix("x = ").strip()
