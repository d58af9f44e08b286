"""A job on an emitted file: several trials of it, and the one line with which it is loaded."""

import ast
from pathlib import Path
from typing import Any

import torch

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
    network = _load(options)
    return {name: each.numpy().copy() for name, each in network.state_dict().items()}, {"training": network.training}


def predicted(arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Load a network as its README says, and run it.

    Parameters
    ----------
    arrays : dict of str to ndarray
        ``inputs/<number>``, batches in Keras' order of axes.
    options : dict
        ``path`` of the file, ``weights``, path of the weights.

    Returns
    -------
    dict of str to ndarray
        ``logits/<number>``.
    dict
        Nothing.
    """
    network = _load(options)
    with torch.inference_mode():
        logits = {name.partition("/")[2]: network(torch.from_numpy(each.copy())) for name, each in arrays.items()}
    return {f"logits/{name}": each.numpy().copy() for name, each in logits.items()}, {}


def _load(options: dict[str, Any]) -> torch.nn.Module:
    """Load a network."""
    path = Path(options["path"])
    namespace = _namespace(ast.parse(path.read_text(encoding="utf-8")), path)
    network: torch.nn.Module = namespace["load"](options["weights"])
    return network
