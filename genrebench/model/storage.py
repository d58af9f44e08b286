"""What a saved model is: a folder with weights, and one JSON that says everything else.

``model.json`` describes the run: architecture, Mel settings, standardizer, genres, hyperparameters, seed, versions,
metrics. ``weights.safetensors`` holds the canonical weights of the epoch that did best on the validation part, and
``weights_last.safetensors`` those of the last epoch. No file of a model is ever unpickled.
"""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load, save

from genrebench.errors import ModelError
from genrebench.network.types import Weights
from genrebench.system.files import read_json, sha256, write_atomically, write_json

MODEL_FORMAT = 1
MODEL_FILE = "model.json"
WEIGHTS_FILE = "weights.safetensors"
LAST_WEIGHTS_FILE = "weights_last.safetensors"


def save_weights(path: Path, weights: Weights) -> str:
    """Write canonical weights atomically.

    Parameters
    ----------
    path : Path
        File to write.
    weights : dict of str to ndarray
        Canonical weights.

    Returns
    -------
    str
        SHA-256 of the file.
    """
    content = save(weights)
    write_atomically(path, content)
    return sha256([content])


def read_weights(path: Path) -> tuple[Weights, str]:
    """Read canonical weights.

    Parameters
    ----------
    path : Path
        A file of safetensors.

    Returns
    -------
    dict of str to ndarray
        The weights.
    str
        SHA-256 of the file.

    Raises
    ------
    ModelError
        If the file cannot be read or is damaged.
    """
    try:
        content = path.read_bytes()
        return load(content), sha256([content])
    except OSError as error:
        raise ModelError(f"expected the weights, cannot be read ({error.strerror})", path=path) from error
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"expected safetensors, received a damaged file ({error})", path=path) from error


def save_document(folder: Path, document: dict[str, Any]) -> None:
    """Write ``model.json`` atomically.

    Parameters
    ----------
    folder : Path
        Folder of the model.
    document : dict
        All that is known of the model, in plain JSON types.
    """
    write_json(folder / MODEL_FILE, {"format": MODEL_FORMAT, **document})


def read_document(folder: Path) -> dict[str, Any]:
    """Read ``model.json``.

    Parameters
    ----------
    folder : Path
        Folder of a model.

    Returns
    -------
    dict
        All of it.

    Raises
    ------
    ModelError
        If it is missing, not JSON, or of another format.
    """
    path = folder / MODEL_FILE
    document = read_json(path, expected="a model that genrebench train saved", error=ModelError)
    if not isinstance(document, dict) or document.get("format") != MODEL_FORMAT:
        received = document.get("format") if isinstance(document, dict) else document
        raise ModelError(f"expected format {MODEL_FORMAT}, received {received!r}", path=path)
    return document
