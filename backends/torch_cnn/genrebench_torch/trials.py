"""A job on an emitted file: several trials of it, and the one line with which it is loaded."""

import ast
from pathlib import Path
from typing import Any

from genrebench_torch.ported import Arrays, _namespace, answer


def answers(arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Run an emitted file on several trials.

    Parameters
    ----------
    arrays : dict of str to ndarray
        What `genrebench_torch.ported.answer` takes, behind the trial's name and ``/``.
    options : dict
        ``jobs``, the options of `genrebench_torch.ported.answer` by trial.

    Returns
    -------
    dict of str to ndarray
        What it gives, behind the trial's name and ``/``.
    dict
        By trial.
    """
    found: Arrays = {}
    values = {}
    for name, job in options["jobs"].items():
        start = f"{name}/"
        given = {key.removeprefix(start): each for key, each in arrays.items() if key.startswith(start)}
        results, values[name] = answer(given, job)
        found |= {f"{start}{key}": each for key, each in results.items()}
    return found, values


def loaded(arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:  # noqa: ARG001 - a job's form
    """Load a network as its README says, and give what it then holds.

    Parameters
    ----------
    arrays : dict of str to ndarray
        None.
    options : dict
        ``path`` of the file, ``weights``, path of the weights.

    Returns
    -------
    dict of str to ndarray
        The state dict.
    dict
        ``training``, whether the network is in training mode.
    """
    path = Path(options["path"])
    network = _namespace(ast.parse(path.read_text(encoding="utf-8")), path)["load"](options["weights"])
    return {name: each.numpy().copy() for name, each in network.state_dict().items()}, {"training": network.training}
