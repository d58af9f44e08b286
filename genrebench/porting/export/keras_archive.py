"""A model as a ``.keras`` file, written and read again by the Keras plugin in its worker, and checked here."""

from pathlib import Path
from typing import Any

import numpy as np

from genrebench.backend.worker import run_job
from genrebench.model.model import Model
from genrebench.network.types import Array
from genrebench.porting.export.checks import Check, Trial, check_logits, part
from genrebench.porting.export.facts import facts
from genrebench.system.files import write_atomically, write_json
from genrebench.system.process import TIMEOUT


def facts_file(path: Path) -> Path:
    """Name the file beside a ``.keras`` file that says what this cannot hold."""
    return path.with_name(f"{path.name}.json")


def export_keras(
    model: Model, path: Path, trial: Trial, *, timeout: float = TIMEOUT
) -> tuple[list[Check], dict[str, Any]]:
    """Write the network as Keras does, once Keras has read it again and gives what the reference gives.

    Parameters
    ----------
    path : Path
        The file, to which a ``.json`` with genres and Mel settings is added; both are replaced if they are there.
    trial : Trial
        What it is tried on.
    timeout : float
        Seconds after which the worker is ended.

    Returns
    -------
    list of Check
        What was compared; it passed.
    dict
        ``inputs`` and ``outputs`` of the network: shapes by name.

    Raises
    ------
    ModelError
        If the file would not compute what the model does.
    WorkerError
        If Keras is not installed, or does not write or read it.
    """
    standardized = [model.standardizer.apply(each) for each in trial.spectrograms]
    arrays: dict[str, Array] = {f"weights/{name}": value for name, value in model.weights.items()}
    arrays |= {f"inputs/{number}": each[..., np.newaxis] for number, each in enumerate(standardized)}
    options = {"architecture": model.architecture.to_json()}
    done = run_job("genrebench_keras.writing:write", arrays=arrays, options=options, name="keras", timeout=timeout)
    check = check_logits(model, trial, part(done.arrays, "logits"), standardized).require(path)
    write_atomically(path, done.arrays["model"].tobytes())
    write_json(facts_file(path), facts(model))
    return [check], done.value
