"""Keras files made by hand, in the forms that its versions gave them."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from genrebench.reading.version import KerasVersion

Weights = Mapping[str, Mapping[str, NDArray[Any]]]
KERAS_1, KERAS_2, KERAS_3 = (KerasVersion.read(text) for text in ("1.2.2", "2.4.0", "3.12.0"))


def values(*shape: int) -> NDArray[np.float32]:
    """Make numbers of which no two are the same."""
    return np.arange(1, 1 + np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)


def layer(class_name: str, name: str, **config: Any) -> dict[str, Any]:
    """Write a layer of a Sequential."""
    return {"class_name": class_name, "config": {"name": name, "trainable": True, **config}}


def node(class_name: str, name: str, *inbound: Any, **config: Any) -> dict[str, Any]:
    """Write a layer of a Functional model of Keras 2, called once for each of ``inbound``, lists of layers' names."""
    calls = [[[each, 0, 0, {}] if isinstance(each, str) else each for each in call] for call in inbound]
    return {**layer(class_name, name, **config), "name": name, "inbound_nodes": calls}


def sequential(*layers: dict[str, Any], shape: Sequence[int | None] | None = None) -> dict[str, Any]:
    """Write a Sequential of Keras 2; the shape is that of one sample."""
    inner = [dict(each) for each in layers]
    if shape is not None:
        inner[0] = {**inner[0], "config": {**inner[0]["config"], "batch_input_shape": [None, *shape]}}
    return {"class_name": "Sequential", "config": {"name": "sequential", "layers": inner}}


def functional(*layers: dict[str, Any], inputs: Sequence[str], outputs: Sequence[Any]) -> dict[str, Any]:
    """Write a Functional model of Keras 2."""
    ends = [[each, 0, 0] if isinstance(each, str) else each for each in outputs]
    config = {"name": "model", "layers": list(layers), "input_layers": [[each, 0, 0] for each in inputs]}
    return {"class_name": "Functional", "config": {**config, "output_layers": ends}}


def input_layer(name: str, *shape: int | None) -> dict[str, Any]:
    """Write an input."""
    return node("InputLayer", name, batch_input_shape=[None, *shape], dtype="float32")


def write_weights(group: h5py.Group, weights: Weights) -> None:
    """Write weights as an ``.h5`` has them."""
    group.attrs["layer_names"] = [name.encode() for name in weights]
    for name, tensors in weights.items():
        below = group.create_group(name)
        below.attrs["weight_names"] = [each.encode() for each in tensors]
        for each, value in tensors.items():
            below.create_dataset(each, data=value)


def write_h5(path: Path, config: Any, weights: Weights, version: str | None = "2.4.0", **attributes: Any) -> Path:
    """Write an ``.h5`` of a whole model."""
    with h5py.File(path, "w") as file:
        if config is not None:
            file.attrs["model_config"] = (config if isinstance(config, str) else json.dumps(config)).encode()
        if version:
            file.attrs["keras_version"] = version.encode()
        for name, value in {"backend": "tensorflow", **attributes}.items():
            file.attrs[name] = value
        write_weights(file.create_group("model_weights"), weights)
    return path


def write_keras(
    path: Path,
    config: Any,
    datasets: Mapping[str, NDArray[Any]],
    version: str = "3.12.0",
    names: Mapping[str, str] | None = None,
) -> Path:
    """Write a ``.keras``; `names` are the names of layers by the groups that tell them."""
    buffer = BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, value in datasets.items():
            file.create_dataset(name, data=value)
        for group, name in (names or {}).items():
            file[group].attrs["name"] = name
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version, "date_saved": "2026-01-01@00:00:00"}))
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", buffer.getvalue())
    return path


def dense_h5(path: Path) -> Path:
    """Write the smallest model: four numbers in, two out."""
    config = sequential(layer("Dense", "dense", units=2, activation="softmax", use_bias=True), shape=(4,))
    tensors = {"dense/kernel:0": values(4, 2), "dense/bias:0": values(2)}
    return write_h5(path, config, {"dense": tensors}, training_config=json.dumps({"loss": "mse"}))
