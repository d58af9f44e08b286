"""A model as a folder with PyTorch's source and weights, written as `genrebench port` writes them, and checked."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.backend.worker import run_job
from genrebench.errors import ModelError
from genrebench.model.model import Model
from genrebench.network.architecture import Architecture
from genrebench.network.layers import Layer
from genrebench.network.types import Array
from genrebench.porting.export.checks import Check, Trial, check_logits, part
from genrebench.porting.export.facts import facts
from genrebench.porting.port import check_place, emit, publish, write_network
from genrebench.porting.proof.run import NETWORK, WEIGHTS
from genrebench.porting.source import OWN
from genrebench.reading.builder import Builder
from genrebench.reading.keras_file import KerasModel
from genrebench.reading.version import KerasVersion
from genrebench.system.files import write_json
from genrebench.system.process import TIMEOUT
from genrebench.system.temporary import temporary_folder

FACTS, README = "about.json", "README.md"
FILES = (NETWORK, WEIGHTS, FACTS, README)
# Whose names and meanings the layer kinds have.
_KERAS = (3, 12, 0)
_INPUT = "spectrogram"
_TEXT = """# {name} in PyTorch

`network.py` needs nothing but PyTorch. It takes standardized spectrograms ({shape}), batch first and channels
last, and gives logits, one per genre.

```python
import json
import torch
from network import load

network = load("weights.safetensors")  # in evaluation mode
genres = json.load(open("about.json"))["genres"]
logits = network(torch.zeros({example}))
probabilities = dict(zip(genres, logits[0].softmax(0).tolist()))
```

`about.json` says how audio becomes spectrograms (`mel`), how these are standardized (`standardizer`), and how the
logits of a recording's segments become its probabilities (`calibration`).

Before it was written, PyTorch ran it: {check}.
"""


def export_torch(
    model: Model, place: Path, trial: Trial, *, overwrite: bool = False, timeout: float = TIMEOUT
) -> tuple[list[Check], dict[str, Any]]:
    """Write the network as a module of PyTorch, once that gives what the reference gives.

    Parameters
    ----------
    place : Path
        The folder; all files appear at once, or none does.
    trial : Trial
        What it is tried on.
    overwrite : bool
        Whether an earlier one there may be replaced; other files stay.
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
        If it would not compute what the model does, or a layer cannot be written.
    ConfigError
        If the folder holds something already.
    WorkerError
        If PyTorch is not installed.
    """
    check_place(place, overwrite=overwrite)
    standardized = [model.standardizer.apply(each) for each in trial.spectrograms]
    inputs: dict[str, Array] = {f"inputs/{number}": each[..., np.newaxis] for number, each in enumerate(standardized)}
    name = model.folder.name if model.folder else place.name
    shape = model.architecture.input_shape
    with temporary_folder("export") as work:
        write_network(work, emit(as_keras_model(model, name)))
        options = {"path": str(work / NETWORK), "weights": str(work / WEIGHTS)}
        done = run_job("genrebench_torch.trials:predicted", arrays=inputs, options=options, name="torch",
                       timeout=timeout)  # fmt: skip
        check = check_logits(model, trial, part(done.arrays, "logits"), standardized).require(place)
        write_json(work / FACTS, facts(model), durable=False)
        text = _TEXT.format(
            name=name,
            shape=", ".join(map(str, ("n", *shape))),
            example=", ".join(map(str, (1, *shape))),
            check=check.label,
        )
        (work / README).write_text(text, encoding="utf-8")
        publish(work, place, names=FILES, overwrite=overwrite)
    ends = {"inputs": {_INPUT: ["n", *shape]}, "outputs": {"logits": ["n", model.architecture.classes]}}
    return [check], ends


def as_keras_model(model: Model, name: str) -> KerasModel:
    """Describe a model as if a file of Keras had been read, whose layers and weights ours are named after.

    Parameters
    ----------
    name : str
        What it is called in the source.

    Raises
    ------
    ModelError
        If a layer is none that can be written.
    """
    version = KerasVersion("", _KERAS)
    graph = Builder(version).build(_document(model.architecture))
    if graph.problems:
        raise ModelError(f"expected layers that can be written for PyTorch; {graph.problems[0]}", path=name)
    return KerasModel(Path(name), OWN, version, graph, dict(model.weights), None, (), ())


def _document(architecture: Architecture) -> dict[str, Any]:
    """Write an architecture as the config of a Sequential model."""
    name = _INPUT
    while name in {node.name for node in architecture.walk()}:
        name += "_"
    first = {"name": name, "batch_shape": [None, *architecture.input_shape], "dtype": "float32"}
    layers = [{"class_name": "InputLayer", "config": first}, *(_layer(node.layer) for node in architecture.walk())]
    return {"class_name": "Sequential", "config": {"name": "sequential", "layers": layers}}


def _layer(layer: Layer) -> dict[str, Any]:
    """Write a layer; what an initial value was plays no part."""
    config = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in dataclasses.asdict(layer).items()
        if key != "running_variance"  # Keras' is the biased one, as the architecture wants it
    }
    if "order" in config:
        config["data_format"] = config.pop("order")
    return {"class_name": layer.kind, "config": config}
