"""A network as a ``.keras`` file, written and read again by Keras: the function of a job."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.backend import check_layer_kinds
from genrebench.errors import BackendError
from genrebench.network.architecture import Architecture
from genrebench.system.environment import installed_version
from genrebench.system.temporary import temporary_folder
from genrebench_keras.engines import load_engine

Arrays = dict[str, NDArray[Any]]
# Which of them writes a file makes no difference to it.
_ENGINES = ("tensorflow", "torch", "jax")


def write(arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Write a file, read it, and run what was read.

    Parameters
    ----------
    arrays : dict of str to ndarray
        ``weights/<canonical name>``; ``inputs/<number>``, batches (n, height, width, channels).
    options : dict
        ``architecture`` in JSON.

    Returns
    -------
    dict of str to ndarray
        ``model``, the file's bytes; ``logits/<number>``.
    dict
        ``inputs`` and ``outputs``: shapes by name.
    """
    engine = next((name for name in _ENGINES if installed_version(name)), None)
    if engine is None:
        raise BackendError("expected Keras on TensorFlow, PyTorch or JAX, none installed; pip install keras tensorflow")
    load_engine(engine)
    import keras

    # Keras reads its engine while it is imported, so its importers come after the engine is settled.
    from genrebench_keras.layers import SETTINGS, build_model

    architecture = Architecture.from_json(options["architecture"])
    check_layer_kinds(architecture, SETTINGS)
    weights = _part(arrays, "weights")
    model = build_model(architecture, "float32")
    for layer in model.layers:
        for variable in layer.weights:
            variable.assign(weights[f"{layer.name}/{variable.name}"])
    with temporary_folder("export") as folder:
        path = folder / "model.keras"
        model.save(path)
        again = keras.models.load_model(path, safe_mode=True, compile=False)
        found: Arrays = {"model": np.frombuffer(path.read_bytes(), np.uint8).copy()}
    for name, batch in _part(arrays, "inputs").items():
        found[f"logits/{name}"] = np.array(keras.ops.convert_to_numpy(again(batch, training=False)))
    ends = {"inputs": {again.inputs[0].name: ("n", *architecture.input_shape)},
            "outputs": {architecture.output: ("n", architecture.classes)}}  # fmt: skip
    return found, ends


def _part(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Arrays:
    """Take the arrays of one kind."""
    start = f"{prefix}/"
    return {name.removeprefix(start): each for name, each in arrays.items() if name.startswith(start)}
