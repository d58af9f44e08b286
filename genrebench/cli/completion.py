"""What a shell can complete after an option: the names of runs and backends, and the values that a setting may have.

click asks for these while somebody types, so each is found without importing a framework, and one that cannot be found
completes nothing.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
from click.shell_completion import CompletionItem

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _beginning(names: Iterator[str], incomplete: str) -> list[CompletionItem]:
    """Pick the names that begin with what was typed."""
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def run_names(results: Path) -> Iterator[str]:
    """List the runs in a folder by their names, unread."""
    from genrebench.model.storage import MODEL_FILE

    for path in sorted(results.glob(f"*/{MODEL_FILE}")):
        if not path.parent.name.startswith("."):
            yield path.parent.name


def complete_models(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a model: the name of a run, or ``builtin``, or a folder."""
    from genrebench.model.description import BUILTIN

    names = [*complete_runs(context, parameter, incomplete), *_beginning(iter([BUILTIN]), incomplete)]
    # First, since bash forgets what it was given before; it looks for folders if there is no name.
    return [CompletionItem(incomplete, type="dir"), *names]


def complete_runs(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a run, as ``train --resume`` takes it."""
    return _beginning(run_names(Path(context.params.get("results") or "results")), incomplete)


def complete_backends(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of an installed backend."""
    from genrebench.backend.registry import backend_names

    return _beginning(iter(backend_names()), incomplete)


def complete_devices(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a device that some installed backend knows."""
    from genrebench.backend.registry import list_backends

    known = {device for entry in list_backends(timeout=2.0) if entry.info for device in entry.info.devices}
    return _beginning(iter(["auto", *sorted(known)]), incomplete)


def complete_settings(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete ``KEY=``, and offer the default beside it, so that no shell takes the word for finished."""
    from genrebench.training.config import Experiment, default
    from genrebench.training.keys import setting_keys

    found: list[str] = []
    for key in setting_keys(Experiment):
        if key.startswith(incomplete):
            value = None if key == "name" else default(key)
            found += [f"{key}=", f"{key}={value}"] if value not in (None, ()) else [f"{key}="]
    return [CompletionItem(word) for word in found]


def complete_words(*words: str) -> Completer:
    """Make what completes one of some words."""
    return lambda context, parameter, incomplete: _beginning(iter(words), incomplete)


def complete_setting(key: str) -> Completer:
    """Make what completes the values of a setting; of most there are none to complete.

    Parameters
    ----------
    key : str
        Dotted, as in an experiment file.
    """
    special = {"backend": complete_backends, "device": complete_devices, "name": complete_runs}
    if key in special:
        return special[key]

    def complete(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Complete one of the values that the setting's type names."""
        from genrebench.training.config import Experiment

        return _beginning(iter(_choices(Experiment, key)), incomplete)

    return complete


def _choices(model: Any, key: str) -> list[str]:
    """List the words that a setting may be."""
    name, _, rest = key.partition(".")
    field = model.model_fields[name]
    return _choices(field.annotation, rest) if rest else _words(field.annotation)


def _words(annotation: Any) -> list[str]:
    """List the words that a type names, also where they stand in a tuple."""
    if get_origin(annotation) is Literal:
        return [str(word) for word in get_args(annotation)]
    return [word for inner in get_args(annotation) for word in _words(inner)]
