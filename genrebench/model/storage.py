"""What a saved model is: a folder with weights, and one JSON that says everything else.

``model.json`` describes the run: architecture, Mel settings, standardizer, genres, hyperparameters, seed, versions,
metrics. ``weights.safetensors`` holds the canonical weights of the epoch that did best on the validation part, and
``weights_last.safetensors`` those of the last epoch. No file of a model is ever unpickled.
"""

import contextlib
from pathlib import Path
from typing import Any

from safetensors.numpy import save

from genrebench.errors import ConfigError, ModelError, shown
from genrebench.network.architecture import Architecture
from genrebench.network.types import Weights
from genrebench.system.arrays import tensors_of
from genrebench.system.files import read_file, read_json, write_atomically, write_json
from genrebench.system.files import sha256 as hashed

MODEL_FORMAT = 1
MODEL_FILE = "model.json"
WEIGHTS_FILE = "weights.safetensors"
LAST_WEIGHTS_FILE = "weights_last.safetensors"
# The longest model.json is that of a deep network, some 100 kB.
_MAX_DOCUMENT_BYTES = 4 * 2**20
# Names, shapes and offsets in front of the weights, which are float64 at most.
_HEADER_BYTES = 2**20
# Key of the old document in one that is about to replace it, and the largest weights that it is looked up for.
_REPLACED, _MAX_REPLACED_BYTES = "replaces", 2**30


def save_weights(path: Path, weights: Weights) -> str:
    """Write canonical weights atomically, and return the SHA-256 of the file."""
    content = save(weights)
    write_atomically(path, content)
    return hashed([content])


def read_weights(path: Path, architecture: Architecture, *, sha256: str | None) -> Weights:
    """Read the canonical weights of an architecture.

    Parameters
    ----------
    architecture : Architecture
        Whose names, shapes and finite values are asked for.
    sha256 : str, optional
        Hash of the file, if it is to be a certain one.

    Raises
    ------
    ModelError
        If the file cannot be read, is damaged, or holds other weights.
    """
    largest = _HEADER_BYTES + architecture.parameters * 8
    content = read_file(path, expected="the weights", error=ModelError, max_bytes=largest)
    weights = tensors_of(content, path=path, expected="the weights", error=ModelError)
    try:
        architecture.check_weights(weights)
    except ConfigError as error:
        raise ModelError(f"{error}; it does not belong to the {MODEL_FILE} beside it", path=path) from error
    try:
        architecture.check_meaning(weights)
    except ConfigError as error:
        raise ModelError(f"{error}; the model is damaged, restore it or train again", path=path) from error
    if sha256 is not None and hashed([content]) != sha256:
        raise ModelError(
            f"expected the weights that {MODEL_FILE} was written for (SHA-256 {str(sha256)[:12]}...), received others; "
            "restore the folder or train again",
            path=path,
        )
    # A safetensors file is read in any order.
    return {name: weights[name] for name in architecture.weight_specs()}


def save_model(folder: Path, weights: Weights, document: dict[str, Any]) -> None:
    """Write weights and ``model.json``, so that whoever reads both finds the old model or this one.

    Two files cannot be replaced at once. The new ``model.json`` is written first, with the old one inside, then the
    weights, whose SHA-256 says which of the two they belong to, then ``model.json`` alone.

    Parameters
    ----------
    document : dict
        All that is known of the model, in plain JSON types; the hash of the weights is added.
    """
    content = save(weights)
    document = {"format": MODEL_FORMAT, **document}
    document["weights"] = {**document.get("weights", {}), "sha256": hashed([content])}
    with contextlib.suppress(ModelError):  # there is none
        write_json(folder / MODEL_FILE, {**document, _REPLACED: read_document(folder)})
    write_atomically(folder / WEIGHTS_FILE, content)
    write_json(folder / MODEL_FILE, document)


def read_document(folder: Path) -> dict[str, Any]:
    """Read ``model.json``: of two models, one of which was about to replace the other, the one that has weights.

    Raises
    ------
    ModelError
        If it is missing, not JSON, or of another format.
    """
    path = folder / MODEL_FILE
    document = read_json(
        path, expected="a model that genrebench train saved", error=ModelError, max_bytes=_MAX_DOCUMENT_BYTES
    )
    if not isinstance(document, dict) or document.get("format") != MODEL_FORMAT:
        received = document.get("format") if isinstance(document, dict) else document
        raise ModelError(f"expected format {MODEL_FORMAT}, received {shown(received)}", path=path)
    replaced = document.pop(_REPLACED, None)
    if isinstance(replaced, dict) and replaced.get("format") == MODEL_FORMAT:
        with contextlib.suppress(ModelError, KeyError, TypeError):  # the new one's reader says what is wrong
            weights = read_file(
                folder / WEIGHTS_FILE, expected="the weights", error=ModelError, max_bytes=_MAX_REPLACED_BYTES
            )
            if hashed([weights]) == replaced["weights"]["sha256"]:
                return replaced
    return document
